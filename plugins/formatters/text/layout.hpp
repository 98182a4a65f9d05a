#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What stands in a line of text: the option `template`, taken apart.
//
//   {lsn} {time} {source}\t{data}
//
// A field stands in braces; {{ and }} are braces. \n, \r, \t, \0, \\ and \xNN are bytes that are
// hard to write in a file or a shell; any other backslash is a mistake.
namespace kifa::plugins::text {

enum class Field : std::uint8_t {
  literal,       // text of the template itself
  prefix,        // [LSN] TIME and a space, without brackets for a record that is not stored yet
  lsn,           // - for a record that is not stored yet
  time,          // 2026-01-31 18:30:00.123 UTC
  timestamp,     // 2026-01-31T18:30:00.123456789Z
  timestamp_ms,  // since 1970
  timestamp_ns,
  pipeline,
  source,
  attribute,   // {attr.KEY}: its first value, or nothing
  attributes,  // key=value with spaces between, without pipeline and source
  flags,       // truncated split partial resent
  size,        // bytes of the payload
  data,
};

struct Part {
  Field field = Field::literal;
  std::string text;  // literal: the bytes; attribute: the key
};

inline constexpr std::size_t kTemplateBytesMax = 4096;

// The parts of `text`. Throws sdk::Failure with a sentence for what is wrong with it.
[[nodiscard]] std::vector<Part> parse_template(std::string_view text);

// The bytes of a text with escapes, for the option called `option`. Throws as above.
[[nodiscard]] std::string unescaped(std::string_view text, std::string_view option);

}  // namespace kifa::plugins::text
