#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.hpp"

namespace kifa::config {

enum class OptionType : std::uint8_t {
  boolean,
  integer,
  number,
  string,
  enumeration,
  duration,  // nanoseconds; 250ms, 2s, 1h30m
  size,      // bytes; 64KiB, 1MiB, 4096
  path,      // made absolute, see bind_options
  string_list,
};
[[nodiscard]] std::string_view to_string(OptionType type);

// One option as its owner declares it: drives validation, `kifa plugin info`, reference and schema.
struct OptionSpec {
  std::string name;
  OptionType type = OptionType::string;
  std::string summary;
  std::string unit;
  std::optional<std::string> default_text;  // as it would stand in the YAML
  std::vector<std::string> choices;         // enumeration
  std::optional<double> min;
  std::optional<double> max;
  bool required = false;
  bool secret = false;
  bool deprecated = false;
};

// The value of one option, checked against its OptionSpec.
struct Setting {
  std::string name;
  OptionType type = OptionType::string;
  std::string text;          // string, enumeration, path; the source text for the others
  std::int64_t integer = 0;  // boolean, integer, duration, size
  double number = 0;
  std::vector<std::string> list;
  bool defaulted = false;  // not written by the user
  bool secret = false;     // never to be printed; text may be "file:PATH" until read_secrets()
  Mark mark;               // where it stands; line 0 when defaulted
};

// The setting called `name`; null: not there.
[[nodiscard]] const Setting* find_setting(std::span<const Setting> settings, std::string_view name);

// Binds the entries of `mapping` (keys in `reserved` are somebody else's and skipped) to `specs`:
// every unknown key, wrong type and value out of range becomes a diagnostic with place, line, caret
// and "did you mean"; a deprecated option becomes a warning. Options with neither value nor default
// are left out. `mapping` may be null: only defaults. `what` names the owner: "framing newline".
//
// Values: booleans are true or false; integers are decimal without + or leading zeros (010 is
// refused); numbers are decimal; durations are whole numbers with ns, us, ms, s, m, h or d, the
// larger unit first (1h30m); sizes are whole numbers of bytes or with B, KiB, MiB, GiB or TiB; a
// list of texts may be one text. Quotes around a value make no difference, except that "null" and
// "" are texts. A value that is null is refused: leave the option out instead.
//
// A relative path is taken from the folder of the configuration file; one that begins with ${...}
// is taken from the working directory, as whoever starts kifa means it (both the variable and its
// default).
[[nodiscard]] std::vector<Setting> bind_options(const Node* mapping,
                                                std::span<const OptionSpec> specs,
                                                std::span<const std::string_view> reserved,
                                                std::string_view what, Diagnostics& diagnostics);

// What is wrong with a declaration, as one sentence ("option `x`: the default `y` is not a size");
// empty when nothing is. For the checks of a plugin's descriptor.
[[nodiscard]] std::string check_option_spec(const OptionSpec& spec);

// The reference of `specs` as aligned text for people: name, type with unit, default, range or
// choices, and below each its sentence. Every line begins with two spaces; empty without specs.
[[nodiscard]] std::string render_options(std::span<const OptionSpec> specs);

// "250ms" -> nanoseconds, "64KiB" -> bytes; nullopt when the text is not one.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ns(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_size_bytes(std::string_view text);
// The other way round, in the largest unit that is exact: "1h30m", "64KiB", "1000B".
[[nodiscard]] std::string format_duration_ns(std::int64_t duration_ns);
[[nodiscard]] std::string format_size_bytes(std::int64_t bytes);

}  // namespace kifa::config
