#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/plain_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace kifa::plugins::json {

// Most bytes that one byte of a string turns into: \u001f.
inline constexpr std::size_t kEscapedBytesMax = 6;
// What escape() may write more than that: a last character is not cut, and copying overshoots.
inline constexpr std::size_t kEscapeSlackBytes = kCopySlackBytes + 8;

namespace detail {

inline char* escape_code_point(std::uint32_t code_point, char* out) {
  constexpr char kHex[] = "0123456789abcdef";
  *out++ = '\\';
  *out++ = 'u';
  for (int shift = 12; shift >= 0; shift -= 4) {
    *out++ = kHex[code_point >> static_cast<unsigned>(shift) & 0x0FU];
  }
  return out;
}

inline char* escape_ascii(std::uint8_t byte, char* out) {
  // The letters of RFC 8259 for 0x08 to 0x0D; 0x0B has none.
  constexpr std::string_view kLetters = "btn\0fr";
  if (byte == '"' || byte == '\\') {
    *out++ = '\\';
    *out++ = static_cast<char>(byte);
    return out;
  }
  if (byte >= 0x08 && byte <= 0x0D && byte != 0x0B) {
    *out++ = '\\';
    *out++ = kLetters[byte - 0x08U];
    return out;
  }
  return escape_code_point(byte, out);
}

#if defined(__SSE2__)
// Copies blocks of 16 bytes in which nothing is special but quotes and backslashes: JSON inside
// JSON, which most payloads are. Stops before any other block and near `until`.
//
// The next place to write depends only on a count of bits, not on loading bytes again: 1 ns a quote
// where stopping at each costs 3.
inline char* copy_quoted(const std::uint8_t*& at, const std::uint8_t* until, char* out) {
  const auto copy = [](const std::uint8_t* from, char* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  };
  for (; until - at >= 32; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i other = _mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
                                       _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F)));
    if (_mm_movemask_epi8(other) != 0) {
      break;
    }
    auto quotes = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(
        _mm_cmpeq_epi8(block, _mm_set1_epi8('"')), _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')))));
    unsigned done = 0;
    for (; quotes != 0; quotes &= quotes - 1) {
      const auto quote = static_cast<unsigned>(__builtin_ctz(quotes));
      copy(at + done, out);
      out += quote - done;
      *out++ = '\\';
      done = quote;
    }
    copy(at + done, out);
    out += 16 - done;
  }
  return out;
}
#else
inline char* copy_quoted(const std::uint8_t*& /*at*/, const std::uint8_t* /*until*/, char* out) {
  return out;
}
#endif

}  // namespace detail

// Writes the valid UTF-8 between `at` and `until` as the inside of a JSON string. A parser gets
// back exactly these bytes. More is escaped than JSON asks for: also what ends a line or steers a
// terminal elsewhere (DEL, C1 controls, U+2028 and the like), so that one object stays one line
// everywhere.
//
// A character that begins before `until` is taken whole. Moves `at`, returns the end of what it
// wrote: at most kEscapedBytesMax a byte and kEscapeSlackBytes.
inline char* escape(const std::uint8_t*& at, const std::uint8_t* until, const std::uint8_t* end,
                    char* out) {
  while (at < until) {
    out = detail::copy_quoted(at, until, out);
    out = copy_plain<AlsoStopAt::quote_and_backslash>(at, until, out);
    while (at < until && !is_plain<AlsoStopAt::quote_and_backslash>(*at)) {
      const std::uint8_t first = *at;
      if (first < 0x80) {
        out = detail::escape_ascii(first, out);
        ++at;
        continue;
      }
      const std::uint32_t bytes = first < 0xE0 ? 2 : (first < 0xF0 ? 3 : 4);
      if (utf8::may_be_unsafe(first)) {
        const utf8::CodePoint character = utf8::decode(at, end);
        if (utf8::is_unsafe_to_show(character.value)) {
          out = detail::escape_code_point(character.value, out);
          at += bytes;
          continue;
        }
      }
      std::memcpy(out, at, bytes);
      out += bytes;
      at += bytes;
    }
  }
  return out;
}

// Standard base64 with padding (RFC 4648, section 4): base64_size(n) characters.
[[nodiscard]] inline constexpr std::size_t base64_size(std::size_t bytes) {
  return (bytes + 2) / 3 * 4;
}

inline char* base64(std::span<const std::uint8_t> bytes, char* out) {
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

// Appends `text` as a JSON value that keeps every byte: a string, or {"base64":"..."} when it is
// not valid UTF-8. For short texts: names and attributes.
inline void append_value(OutputBuffer& out, std::string_view text) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(text.data()),
                                            text.size());
  if (!utf8::is_valid(bytes)) {
    out.append("{\"base64\":\"");
    char* const begin = out.room(base64_size(bytes.size()));
    out.advance_to(base64(bytes, begin));
    out.append("\"}");
    return;
  }
  char* at = out.room(bytes.size() * kEscapedBytesMax + kEscapeSlackBytes + 2);
  *at++ = '"';
  const std::uint8_t* from = bytes.data();
  const std::uint8_t* const end = from + bytes.size();
  at = escape(from, end, end, at);
  *at++ = '"';
  out.advance_to(at);
}

}  // namespace kifa::plugins::json
