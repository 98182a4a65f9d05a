#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace kifa::plugins {

inline constexpr char kHexDigits[] = "0123456789abcdef";

// Sixteen digits, the highest first.
inline char* write_hex_number(char* at, std::uint64_t number) {
  for (int i = 15; i >= 0; --i, number >>= 4U) {
    at[i] = kHexDigits[number & 0x0FU];
  }
  return at + 16;
}

// \uNNNN, of a character below U+10000.
inline char* write_code_point(char* at, std::uint32_t code_point) {
  *at++ = '\\';
  *at++ = 'u';
  for (unsigned shift = 16; shift > 0; shift -= 4) {
    *at++ = kHexDigits[code_point >> (shift - 4) & 0x0FU];
  }
  return at;
}

// Two digits for each byte between `at` and `end`.
inline char* write_hex(const std::uint8_t* at, const std::uint8_t* end, char* out) {
#if defined(__SSE2__)
  const __m128i nibble = _mm_set1_epi8(0x0F);
  const auto digits = [](__m128i values) {  // 10 and more: letters stand 39 behind the digits
    const __m128i letters =
        _mm_and_si128(_mm_cmpgt_epi8(values, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    return _mm_add_epi8(_mm_add_epi8(values, _mm_set1_epi8('0')), letters);
  };
  for (; end - at >= 16; at += 16, out += 32) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i high = digits(_mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
    const __m128i low = digits(_mm_and_si128(bytes, nibble));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_unpacklo_epi8(high, low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16), _mm_unpackhi_epi8(high, low));
  }
#endif
  for (; at != end; ++at) {
    *out++ = kHexDigits[*at >> 4U];
    *out++ = kHexDigits[*at & 0x0FU];
  }
  return out;
}

}  // namespace kifa::plugins
