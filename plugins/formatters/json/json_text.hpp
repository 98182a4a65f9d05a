#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "plugins/formatters/shared/base64.hpp"
#include "plugins/formatters/shared/hex_text.hpp"
#include "plugins/formatters/shared/marked_copy.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/plain_text.hpp"
#include "plugins/formatters/shared/utf8.hpp"

namespace kifa::plugins::json {

// Most bytes that one byte of a string turns into: \u001f.
inline constexpr std::size_t kEscapedBytesMax = 6;
// What escape() may write more than that: a last character is not cut, and copying overshoots.
inline constexpr std::size_t kEscapeSlackBytes = 2 * kCopySlackBytes + 8;

namespace detail {

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
  return write_code_point(out, byte);
}

struct QuoteRules {
  static constexpr char kInserted = '\\';
#if defined(__SSE2__)
  static __m128i marks(__m128i block) {
    return _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                        _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
  }
  static __m128i stops(__m128i block) {  // signed: bytes from 0x80 on are below a space, too
    return _mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
                        _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F)));
  }
#endif
};

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
    out = copy_marked<detail::QuoteRules>(at, until, out);
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
          out = write_code_point(out, character.value);
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

// The same for text that is JSON itself: it stays as it is, but for what ends a line or steers a
// terminal. Between values that is white space, which becomes a space; inside a string it is
// escaped.
inline char* keep_on_one_line(const std::uint8_t*& at, const std::uint8_t* until,
                              const std::uint8_t* end, char* out) {
  while (at < until) {
    out = copy_plain<AlsoStopAt::nothing>(at, until, out);
    if (at == until) {
      break;
    }
    if (*at < 0x20) {
      *out++ = ' ';
      ++at;
      continue;
    }
    const utf8::CodePoint character = utf8::decode(at, end);
    if (character.value == 0x7F || utf8::is_unsafe_to_show(character.value)) {
      out = write_code_point(out, character.value);
    } else {
      std::memcpy(out, at, character.bytes);
      out += character.bytes;
    }
    at += character.bytes;
  }
  return out;
}

// Appends `text` as a JSON value that keeps every byte: a string, or {"base64":"..."} when it is
// not valid UTF-8. For short texts: names and attributes.
inline void append_value(OutputBuffer& out, std::string_view text) {
  const sdk::Bytes bytes = sdk::bytes_of(text);
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
