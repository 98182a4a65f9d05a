#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kifa::cli {

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD: JSON has no way
// to carry them, and here they can only stand in paths.
[[nodiscard]] std::string json_string(std::string_view text);

// Builds one JSON object, members in the order of the calls.
//
// Threads: confined.
class JsonObject final {
 public:
  JsonObject& text(std::string_view key, std::string_view value);
  JsonObject& number(std::string_view key, std::uint64_t value);
  JsonObject& signed_number(std::string_view key, std::int64_t value);
  JsonObject& boolean(std::string_view key, bool value);
  JsonObject& null(std::string_view key);
  JsonObject& raw(std::string_view key, std::string_view json);  // `json` is valid JSON already

  [[nodiscard]] std::string finish() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

// Builds one JSON array of values that are JSON already.
class JsonArray final {
 public:
  void add(std::string_view json);
  [[nodiscard]] std::string finish() const { return "[" + values_ + "]"; }

 private:
  std::string values_;
};

}  // namespace kifa::cli
