#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <tmmintrin.h>
#endif

#include "plugins/formatters/shared/plain_text.hpp"

// Copying with a byte put before each quote, as JSON and CSV want it. Most payloads are JSON: every
// sixth byte is a quote, so it must not cost anything to meet one.
//
// `Rules` is a type with a char `kInserted` and, where there is SSE2, two functions of 16 bytes:
// marks(), which bytes get kInserted before them, and stops(), at which blocks the copy ends.
namespace kifa::plugins {

#if defined(__SSE2__)
namespace detail {

inline __m128i load(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
inline void store(char* at, __m128i block) {
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(at)), block);
}
inline unsigned bits(__m128i block) { return static_cast<unsigned>(_mm_movemask_epi8(block)); }

// The next place to write depends only on a count of bits, not on loading bytes again: 1 ns a quote
// where stopping at each costs 3.
template <class Rules>
char* copy_marked_sse2(const std::uint8_t*& at, const std::uint8_t* until, char* out) {
  for (; until - at >= 32; at += 16) {
    const __m128i block = load(at);
    if (bits(Rules::stops(block)) != 0) {
      break;
    }
    unsigned done = 0;
    for (unsigned marks = bits(Rules::marks(block)); marks != 0; marks &= marks - 1) {
      const auto mark = static_cast<unsigned>(__builtin_ctz(marks));
      store(out, load(at + done));
      out += mark - done;
      *out++ = Rules::kInserted;
      done = mark;
    }
    store(out, load(at + done));
    out += 16 - done;
  }
  return out;
}

struct Spreading {
  // For each mask of eight bytes: where each byte of the result comes from, 0x80 for an inserted
  // one.
  std::array<std::array<std::uint8_t, 16>, 256> from;
};

constexpr Spreading make_spreading() {
  Spreading made{};
  for (unsigned mask = 0; mask < 256; ++mask) {
    std::size_t to = 0;
    for (unsigned i = 0; i < 8; ++i) {
      if ((mask >> i & 1U) != 0) {
        made.from[mask][to++] = 0x80;
      }
      made.from[mask][to++] = static_cast<std::uint8_t>(i);
    }
  }
  return made;
}

inline constexpr Spreading kSpreading = make_spreading();

// Moves bytes to the front: from kToFront[n] on it takes 16 bytes from byte n.
inline constexpr std::array<std::uint8_t, 32> kToFront = {
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};

#define KIFA_SSSE3 __attribute__((target("ssse3,popcnt")))

// Writes the eight bytes at the front of `block`, with `inserted` before those that `marks` has.
KIFA_SSSE3 inline void spread(__m128i block, unsigned marks, __m128i inserted, char* out) {
  const __m128i from = load(kSpreading.from[marks].data());
  const __m128i is_inserted = _mm_cmplt_epi8(from, _mm_setzero_si128());
  store(out, _mm_or_si128(_mm_shuffle_epi8(block, from), _mm_and_si128(is_inserted, inserted)));
}

// The same for sixteen; returns how many `marks` there are.
KIFA_SSSE3 inline unsigned spread_block(__m128i block, unsigned marks, __m128i inserted,
                                        char* out) {
  const unsigned low = marks & 0xFFU;
  spread(block, low, inserted, out);
  spread(_mm_srli_si128(block, 8), marks >> 8U, inserted,
         out + 8 + static_cast<unsigned>(__builtin_popcount(low)));
  return static_cast<unsigned>(__builtin_popcount(marks));
}

// The same without a step for each quote: eight bytes at once are spread by a table, also without
// any mark, so that there is no branch that is taken every third time.
template <class Rules>
KIFA_SSSE3 char* copy_marked_ssse3(const std::uint8_t*& at, const std::uint8_t* until, char* out) {
  if (until - at < 16) {
    return out;
  }
  const __m128i inserted = _mm_set1_epi8(Rules::kInserted);
  const std::uint8_t* from = at;
  for (; until - from >= 16; from += 16) {
    const __m128i block = load(from);
    if (bits(Rules::stops(block)) != 0) {
      at = from;
      return out;
    }
    out += 16 + spread_block(block, bits(Rules::marks(block)), inserted, out);
  }
  // The last ones are read together with those before them.
  const auto left = static_cast<std::size_t>(until - from);
  const __m128i block = _mm_shuffle_epi8(load(until - 16), load(kToFront.data() + (16 - left)));
  const unsigned used = (1U << left) - 1;
  at = from;
  if ((bits(Rules::stops(block)) & used) == 0) {
    at = until;
    out += left + spread_block(block, bits(Rules::marks(block)) & used, inserted, out);
  }
  return out;
}

#undef KIFA_SSSE3

inline const bool kHasSsse3 =
    __builtin_cpu_supports("ssse3") != 0 && __builtin_cpu_supports("popcnt") != 0;

}  // namespace detail

// Copies from `at` towards `until` and stops before any block that Rules::stops() at, and near
// `until`: what is left is the caller's. Moves `at` and returns the end of what it wrote: at most
// two bytes for each and 2 * kCopySlackBytes behind them.
template <class Rules>
char* copy_marked(const std::uint8_t*& at, const std::uint8_t* until, char* out) {
  return detail::kHasSsse3 ? detail::copy_marked_ssse3<Rules>(at, until, out)
                           : detail::copy_marked_sse2<Rules>(at, until, out);
}
#else
template <class Rules>
char* copy_marked(const std::uint8_t*& /*at*/, const std::uint8_t* /*until*/, char* out) {
  return out;
}
#endif

}  // namespace kifa::plugins
