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
  path,      // made absolute against the folder of the configuration file
  string_list,
};

// One option as its owner declares it: drives validation, `kifa plugin info`, reference and schema.
struct OptionSpec {
  std::string name;
  OptionType type = OptionType::string;
  std::string summary;
  std::string unit;
  std::optional<std::string> default_text;
  std::vector<std::string> choices;  // enumeration
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
  Mark mark;               // where it stands; line 0 when defaulted
};

// Binds the entries of `mapping` (keys in `reserved` are somebody else's and skipped) to `specs`:
// every unknown key, duplicate, wrong type and value out of range becomes a diagnostic with place,
// line, caret and "did you mean". Options with neither value nor default are left out. `mapping`
// may be null: only defaults.
[[nodiscard]] std::vector<Setting> bind_options(const Node* mapping,
                                                std::span<const OptionSpec> specs,
                                                std::span<const std::string_view> reserved,
                                                std::string_view what, Diagnostics& diagnostics);

// "250ms" -> nanoseconds, "64KiB" -> bytes; nullopt when the text is not one.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ns(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_size_bytes(std::string_view text);

}  // namespace kifa::config
