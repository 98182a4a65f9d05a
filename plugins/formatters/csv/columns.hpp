#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins::csv {

enum class Content : std::uint8_t {
  lsn,           // empty for a record that is not stored yet
  timestamp,     // 2026-01-31T18:30:00.123456789Z
  timestamp_ms,  // since 1970
  timestamp_ns,
  pipeline,
  source,
  attribute,  // its first value, or nothing
  flags,      // truncated split partial resent
  size,       // bytes of the payload
  data,       // the payload if it is text
  data_base64,
};

struct Column {
  Content content = Content::data;
  std::string name;  // as the header has it
  std::string key;   // attribute
};

inline constexpr std::size_t kColumnsMax = 64;

// The columns that `names` choose; the usual ones when it is empty. Throws sdk::Failure with a
// sentence: a name that is none, too many, or a choice that would lose payloads.
[[nodiscard]] std::vector<Column> columns_of(const std::vector<std::string>& names);

// The delimiter that `text` is or names: comma, semicolon, pipe, tab. Throws as above.
[[nodiscard]] char delimiter_of(std::string_view text);

}  // namespace kifa::plugins::csv
