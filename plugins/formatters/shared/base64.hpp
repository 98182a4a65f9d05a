#pragma once

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "plugins/formatters/shared/output_buffer.hpp"

namespace kifa::plugins {

// Standard base64 with padding (RFC 4648, section 4): base64_size(n) characters.
[[nodiscard]] inline constexpr std::size_t base64_size(std::size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

inline char* base64(sdk::Bytes bytes, char* out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, at += 3) {
    const std::uint32_t three =
        static_cast<std::uint32_t>(at[0]) << 16U | static_cast<std::uint32_t>(at[1]) << 8U | at[2];
    *out++ = kAlphabet[three >> 18U];
    *out++ = kAlphabet[three >> 12U & 0x3FU];
    *out++ = kAlphabet[three >> 6U & 0x3FU];
    *out++ = kAlphabet[three & 0x3FU];
  }
  if (left > 0) {
    const std::uint32_t rest = static_cast<std::uint32_t>(at[0]) << 16U |
                               (left == 2 ? static_cast<std::uint32_t>(at[1]) << 8U : 0U);
    *out++ = kAlphabet[rest >> 18U];
    *out++ = kAlphabet[rest >> 12U & 0x3FU];
    *out++ = left == 2 ? kAlphabet[rest >> 6U & 0x3FU] : '=';
    *out++ = '=';
  }
  return out;
}

// Writes a payload of any size, slice by slice.
[[nodiscard]] inline kifa_status write_base64(OutputBuffer& buffer, sdk::Bytes payload,
                                              sdk::Writer out) {
  constexpr std::size_t kWholeGroups = kSliceBytes / 3 * 3;
  while (!payload.empty()) {
    const sdk::Bytes slice = payload.first(std::min(kWholeGroups, payload.size()));
    char* const begin = buffer.room(base64_size(slice.size()));
    buffer.advance_to(base64(slice, begin));
    payload = payload.subspan(slice.size());
    if (const kifa_status status = buffer.hand_over_if_large(out); status != KIFA_OK) {
      return status;
    }
  }
  return KIFA_OK;
}

}  // namespace kifa::plugins
