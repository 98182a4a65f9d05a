#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

// Bytes as options have them: text, or pairs of hexadecimal digits behind `hex:`, with or without
// spaces between the pairs ("hex:1D 56 00").
namespace kifa::plugins {

inline constexpr std::string_view kHexPrefix = "hex:";

[[nodiscard]] inline int hex_digit_of(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// nullopt: what stands behind `hex:` is not pairs of hexadecimal digits.
[[nodiscard]] inline std::optional<std::vector<std::uint8_t>> bytes_from_option(
    std::string_view text) {
  if (!text.starts_with(kHexPrefix)) {
    return std::vector<std::uint8_t>(text.begin(), text.end());
  }
  text.remove_prefix(kHexPrefix.size());
  std::vector<std::uint8_t> bytes;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const int high = hex_digit_of(text[at]);
    const int low = at + 1 < text.size() ? hex_digit_of(text[at + 1]) : -1;
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
    at += 2;
  }
  return bytes;
}

}  // namespace kifa::plugins
