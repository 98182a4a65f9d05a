#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "plugins/formatters/shared/hex_text.hpp"
#include "plugins/formatters/shared/plain_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace kifa::plugins::visible {

// Most bytes that one payload byte turns into: \xNN.
inline constexpr std::size_t kEscapedBytesMax = 4;
// What escape() may write more than that: a last character is not cut, and copying overshoots.
inline constexpr std::size_t kEscapeSlackBytes = kCopySlackBytes + 8;

namespace detail {
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
      *out++ = kHexDigits[byte >> 4U];
      *out++ = kHexDigits[byte & 0x0FU];
      return out;
  }
}

}  // namespace detail

enum class Backslash : std::uint8_t {
  as_it_is,  // for people: paths and JSON stay readable
  doubled,   // every byte can be read back
};

// Writes what stands between `at` and `until` so that it stays on one line and steers no terminal:
// control bytes as \n, \r, \t or \xNN, bytes that are not UTF-8 as \xNN, characters that are unsafe
// to show as \uNNNN, all else as it is.
//
// A character that begins before `until` is taken whole, up to `end` at most. Moves `at`, returns
// the end of what it wrote: at most kEscapedBytesMax a byte and kEscapeSlackBytes.
template <Backslash backslash>
char* escape(const std::uint8_t*& at, const std::uint8_t* until, const std::uint8_t* end,
             char* out) {
  while (at < until) {
    constexpr bool kDoubles = backslash == Backslash::doubled;
    out = copy_plain<kDoubles ? AlsoStopAt::backslash : AlsoStopAt::nothing>(at, until, out);
    if (at == until) {
      break;
    }
    if (kDoubles && *at == '\\') {
      *out++ = '\\';
      *out++ = '\\';
      ++at;
      continue;
    }
    const utf8::CodePoint character = utf8::decode(at, end);
    if (character.bytes <= 1) {
      out = detail::escape_byte(*at++, out);
      continue;
    }
    if (utf8::is_unsafe_to_show(character.value)) {
      out = write_code_point(out, character.value);  // it is below U+10000
    } else {
      std::memcpy(out, at, character.bytes);
      out += character.bytes;
    }
    at += character.bytes;
  }
  return out;
}

}  // namespace kifa::plugins::visible
