#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "plugins/formatters/shared/marked_copy.hpp"
#include "plugins/formatters/shared/output_buffer.hpp"
#include "plugins/formatters/shared/utf8.hpp"
#include "plugins/formatters/shared/visible_text.hpp"

namespace kifa::plugins::csv {

// What a cell can hold so that every parser gives it back and no terminal is steered: valid UTF-8
// without control characters but tab, CR and LF.
[[nodiscard]] inline bool is_text(sdk::Bytes bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  while (at != end) {
#if defined(__SSE2__)
    if (end - at >= 16) {
      const __m128i block =
          _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(at)));
      // Signed: bytes from 0x80 on are below a space, too.
      const __m128i special = _mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
                                           _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F)));
      const int mask = _mm_movemask_epi8(special);
      if (mask == 0) {
        at += 16;
        continue;
      }
      at += __builtin_ctz(static_cast<unsigned>(mask));
    }
#endif
    const utf8::CodePoint character = utf8::decode(at, end);
    const std::uint32_t value = character.value;
    const bool is_control = (value < 0x20 && value != '\t' && value != '\r' && value != '\n') ||
                            (value >= 0x7F && value <= 0x9F);
    if (character.bytes == 0 || is_control) {
      return false;
    }
    at += character.bytes;
  }
  return true;
}

// Whether a spreadsheet may take a cell that begins so for a formula. An apostrophe counts too: one
// is put before such a cell, and who reads takes one away.
[[nodiscard]] inline bool looks_like_formula(std::string_view text) {
  constexpr std::string_view kStarts = "=+-@\t\r\n'";
  constexpr std::string_view kWideStarts[] = {"\xEF\xBC\x9D", "\xEF\xBC\x8B", "\xEF\xBC\x8D",
                                              "\xEF\xBC\xA0"};  // = + - @ at full width
  if (text.empty()) {
    return false;
  }
  for (const std::string_view start : kWideStarts) {
    if (text.starts_with(start)) {
      return true;
    }
  }
  return kStarts.find(text.front()) != std::string_view::npos;
}

struct QuoteRules {
  static constexpr char kInserted = '"';
#if defined(__SSE2__)
  static __m128i marks(__m128i block) { return _mm_cmpeq_epi8(block, _mm_set1_epi8('"')); }
  static __m128i stops(__m128i /*block*/) { return _mm_setzero_si128(); }
#endif
};

// The inside of a quoted cell: quotes are doubled (RFC 4180). Any size, slice by slice.
[[nodiscard]] inline kifa_status write_doubling_quotes(OutputBuffer& buffer, sdk::Bytes bytes,
                                                       sdk::Writer out) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  while (at != end) {
    const std::size_t slice = std::min(kSliceBytes, static_cast<std::size_t>(end - at));
    const std::uint8_t* const until = at + slice;
    char* to = buffer.room(2 * slice + 2 * kCopySlackBytes);
    to = copy_marked<QuoteRules>(at, until, to);
    for (; at != until; ++at) {
      if (*at == '"') {
        *to++ = '"';
      }
      *to++ = static_cast<char>(*at);
    }
    buffer.advance_to(to);
    if (const kifa_status status = buffer.hand_over_if_large(out); status != KIFA_OK) {
      return status;
    }
  }
  return KIFA_OK;
}

// What is not text, shown: for names and attributes, which have no column in base64.
inline void make_visible(OutputBuffer& buffer, sdk::Bytes bytes) {
  char* const begin =
      buffer.room(bytes.size() * visible::kEscapedBytesMax + visible::kEscapeSlackBytes);
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  buffer.advance_to(visible::escape<visible::Backslash::as_it_is>(at, end, end, begin));
}

}  // namespace kifa::plugins::csv
