#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "plugins/formatters/shared/plain_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace kifa::plugins::text {

// Most bytes that one payload byte turns into: \xNN.
inline constexpr std::size_t kEscapedBytesMax = 4;
// What escape() may write more than that: a last character is not cut, and copying overshoots.
inline constexpr std::size_t kEscapeSlackBytes = kCopySlackBytes + 8;

namespace detail {
inline constexpr char kHex[] = "0123456789abcdef";

inline char* escape_byte(std::uint8_t byte, char* out) {
  *out++ = '\\';
  switch (byte) {
    case '\n':
      *out++ = 'n';
      return out;
    case '\r':
      *out++ = 'r';
      return out;
    case '\t':
      *out++ = 't';
      return out;
    default:
      *out++ = 'x';
      *out++ = kHex[byte >> 4U];
      *out++ = kHex[byte & 0x0FU];
      return out;
  }
}

// \uNNNN: everything that is unsafe to show is below U+10000.
inline char* escape_code_point(std::uint32_t code_point, char* out) {
  *out++ = '\\';
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) {
    *out++ = kHex[code_point >> static_cast<unsigned>(shift) & 0x0FU];
  }
  return out;
}
}  // namespace detail

// Writes what stands between `at` and `until` so that it stays on one line and steers no terminal:
// control bytes as \n, \r, \t or \xNN, bytes that are not UTF-8 as \xNN, characters that are unsafe
// to show as \uNNNN, all else as it is. Backslashes too: this is for people; `json` is exact.
//
// A character that begins before `until` is taken whole, up to `end` at most. Moves `at`, returns
// the end of what it wrote: at most kEscapedBytesMax a byte and kEscapeSlackBytes.
inline char* escape(const std::uint8_t*& at, const std::uint8_t* until, const std::uint8_t* end,
                    char* out) {
  while (at < until) {
    out = copy_plain<AlsoStopAt::nothing>(at, until, out);
    if (at == until) {
      break;
    }
    const utf8::CodePoint character = utf8::decode(at, end);
    if (character.bytes <= 1) {
      out = detail::escape_byte(*at++, out);
      continue;
    }
    if (utf8::is_unsafe_to_show(character.value)) {
      out = detail::escape_code_point(character.value, out);
    } else {
      std::memcpy(out, at, character.bytes);
      out += character.bytes;
    }
    at += character.bytes;
  }
  return out;
}

}  // namespace kifa::plugins::text
