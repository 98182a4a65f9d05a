#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace kifa::plugins {

// What else is not copied as it is, beside control bytes, DEL and everything above ASCII.
enum class AlsoStopAt : std::uint8_t { nothing, backslash, quote_and_backslash };

// Bytes that copy_plain() may write behind what it copied.
inline constexpr std::size_t kCopySlackBytes = 16;

template <AlsoStopAt also>
[[nodiscard]] inline bool is_plain(std::uint8_t byte) {
  if ((also == AlsoStopAt::quote_and_backslash && byte == '"') ||
      (also != AlsoStopAt::nothing && byte == '\\')) {
    return false;
  }
  return byte >= 0x20 && byte < 0x7F;
}

// Copies from `at` to `out` up to the first byte that is not plain, or to `end`; moves `at` there
// and returns the end of the copy. `out` has room for end - at + kCopySlackBytes.
template <AlsoStopAt also>
inline char* copy_plain(const std::uint8_t*& at, const std::uint8_t* end, char* out) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16, out += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), block);
    // Signed: bytes from 0x80 on are negative, thus below a space, too.
    __m128i special = _mm_or_si128(_mm_cmplt_epi8(block, _mm_set1_epi8(0x20)),
                                   _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7F)));
    if (also == AlsoStopAt::quote_and_backslash) {
      special = _mm_or_si128(special, _mm_cmpeq_epi8(block, _mm_set1_epi8('"')));
    }
    if (also != AlsoStopAt::nothing) {
      special = _mm_or_si128(special, _mm_cmpeq_epi8(block, _mm_set1_epi8('\\')));
    }
    if (const int mask = _mm_movemask_epi8(special); mask != 0) {
      const auto plain = static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
      at += plain;
      return out + plain;
    }
  }
#endif
  while (at != end && is_plain<also>(*at)) {
    *out++ = static_cast<char>(*at++);
  }
  return out;
}

}  // namespace kifa::plugins
