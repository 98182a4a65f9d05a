#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/cli/command_declaration.hpp"
#include "core/cli/record_choice.hpp"

// The options with which records are chosen, for the commands that give records out.
namespace kifa::cli {

inline constexpr std::uint64_t kLsnMax = (1ULL << 63U) - 1;  // the highest LSN of the format
inline constexpr std::size_t kMatchesMax = 64;               // --where; a record has no more

// As they were typed.
struct ChoiceTexts {
  Text from_lsn;
  Text to_lsn;
  Text from_time;
  Text to_time;
  Text source;
  Text limit;
  Text last;
  std::string grep;
  std::vector<std::string> where;
  bool is_utc = false;
  bool is_local = false;
  bool is_reverse = false;
};

// --from-lsn, --from-time and what says in which zone times are.
[[nodiscard]] std::vector<OptionDeclaration> begin_options(ChoiceTexts& texts);
// --to-lsn and --to-time.
[[nodiscard]] std::vector<OptionDeclaration> end_options(ChoiceTexts& texts);
// --source, --grep, --where, --limit.
[[nodiscard]] std::vector<OptionDeclaration> filter_options(ChoiceTexts& texts);
// --last, --reverse, for commands that give out what there is.
[[nodiscard]] std::vector<OptionDeclaration> order_options(ChoiceTexts& texts);

// Checks them. Times that go back from now go back from `now_unix_ns`.
[[nodiscard]] Status read_choice(const ChoiceTexts& texts, std::int64_t now_unix_ns,
                                 RecordChoice& into);

}  // namespace kifa::cli
