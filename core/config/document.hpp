#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/types.hpp"
#include "core/config/diagnostics.hpp"

namespace kifa::config {

// What a configuration may be, so that no file can make the reader slow or large.
inline constexpr std::size_t kTextBytesMax = 1_MiB;
inline constexpr std::size_t kDepthMax = 64;             // mappings and lists inside each other
inline constexpr std::size_t kNodesMax = 50'000;         // keys and values
inline constexpr std::size_t kScalarBytesMax = 64_KiB;   // one value, with its variables expanded
inline constexpr std::size_t kExpandedBytesMax = 4_MiB;  // all text that came out of variables

struct Node;
struct Entry;

// One value of a YAML document, with the place where it stands.
struct Node {
  enum class Kind : std::uint8_t { null, scalar, sequence, mapping };
  Kind kind = Kind::null;
  Mark mark;
  Mark end;                       // where the next key or value begins; line 0: end of the file
  std::string text;               // scalar, with ${VAR} already expanded
  bool quoted = false;            // '...', "..." or a block: always a string
  bool from_environment = false;  // the text begins with what a ${...} gave
  bool broken = false;            // an error has been told about it: say no more
  std::vector<Node> items;        // sequence
  std::vector<Entry> entries;     // mapping, in the order of the file, keys unique

  [[nodiscard]] const Node* find(std::string_view key) const;  // null: not there
  [[nodiscard]] const Entry* find_entry(std::string_view key) const;
};

struct Entry {
  std::string key;
  Mark key_mark;
  Node value;
};

// Looks up an environment variable; nullopt: not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
[[nodiscard]] Environment process_environment();

// Parses YAML text within the limits above: one document, UTF-8, no tabs for indentation, no
// duplicate keys, no anchors, aliases, merge keys or tags other than !!str. An unquoted null, ~ or
// nothing is null.
//
// In every value, quoted or not, ${NAME} becomes the variable's text, ${NAME:-text} the same or
// `text` when it is unset or empty, and $$ a dollar sign; any other $ stays. What comes out is one
// value and never structure: unquoted it is typed as if it stood there, so an empty one is null.
//
// nullopt: nothing can be made of the text, diagnostics say why. A tree may come with errors too (a
// duplicate key, an undefined variable): bind it all the same, so that everything is told at once,
// and ask diagnostics.has_errors() afterwards.
[[nodiscard]] std::optional<Node> parse_yaml(std::string_view text, const Environment& environment,
                                             Diagnostics& diagnostics);

// The closest of `choices` to a misspelt `word`, if any is close enough.
[[nodiscard]] std::optional<std::string> did_you_mean(std::string_view word,
                                                      const std::vector<std::string>& choices);

}  // namespace kifa::config
