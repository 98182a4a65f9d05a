#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "plugins/formatters/shared/hex_text.hpp"

// The canonical dump, as `hexdump -Cv` prints it:
//
//   00000000  7b 22 74 78 6e 22 3a 22  54 58 4e 2d 30 30 31 22  |{"txn":"TXN-001"|
namespace kifa::plugins::hex {

inline constexpr std::size_t kDumpBytes = 16;         // of payload a line
inline constexpr std::size_t kDumpLineBytesMax = 96;  // with its line feed

// The place of a byte in its payload: eight digits, or as many as it takes.
inline char* write_offset(char* out, std::uint64_t offset) {
  unsigned digits = 8;
  while (digits < 16 && offset >> (4 * digits) != 0) {
    ++digits;
  }
  for (unsigned i = digits; i > 0; --i) {
    *out++ = kHexDigits[offset >> (4 * (i - 1)) & 0x0FU];
  }
  return out;
}

// One line of the 1 to 16 bytes between `at` and `end`, which stand at `offset`.
inline char* write_dump_line(const std::uint8_t* at, const std::uint8_t* end, std::uint64_t offset,
                             char* out) {
  const auto count = static_cast<std::size_t>(end - at);
  out = write_offset(out, offset);
  *out++ = ' ';
  for (std::size_t i = 0; i < kDumpBytes; ++i) {
    if (i == kDumpBytes / 2) {
      *out++ = ' ';
    }
    *out++ = ' ';
    *out++ = i < count ? kHexDigits[at[i] >> 4U] : ' ';
    *out++ = i < count ? kHexDigits[at[i] & 0x0FU] : ' ';
  }
  *out++ = ' ';
  *out++ = ' ';
  *out++ = '|';
  out = std::transform(at, end, out, [](std::uint8_t byte) {
    return byte >= 0x20 && byte < 0x7F ? static_cast<char>(byte) : '.';
  });
  *out++ = '|';
  *out++ = '\n';
  return out;
}

}  // namespace kifa::plugins::hex
