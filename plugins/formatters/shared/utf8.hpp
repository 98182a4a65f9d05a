#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
namespace kifa::plugins::utf8 {

struct CodePoint {
  std::uint32_t value = 0;
  std::uint32_t bytes = 0;  // 1 .. 4; 0: no valid character begins here
};

namespace detail {
[[nodiscard]] inline bool continues(std::uint8_t byte) { return (byte & 0xC0U) == 0x80U; }
}  // namespace detail

// The character at `at`, which is before `end`.
[[nodiscard]] inline CodePoint decode(const std::uint8_t* at, const std::uint8_t* end) {
  const auto left = static_cast<std::size_t>(end - at);
  const std::uint32_t first = at[0];
  if (first < 0x80) {
    return {first, 1};
  }
  if (first < 0xC2 || first > 0xF4 || left < 2 || !detail::continues(at[1])) {
    return {};
  }
  const std::uint32_t second = at[1] & 0x3FU;
  if (first < 0xE0) {
    return {(first & 0x1FU) << 6U | second, 2};
  }
  if (left < 3 || !detail::continues(at[2])) {
    return {};
  }
  const std::uint32_t third = at[2] & 0x3FU;
  if (first < 0xF0) {
    const std::uint32_t value = (first & 0x0FU) << 12U | second << 6U | third;
    const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
    return value < 0x800 || is_surrogate ? CodePoint{} : CodePoint{value, 3};
  }
  if (left < 4 || !detail::continues(at[3])) {
    return {};
  }
  const std::uint32_t value =
      (first & 0x07U) << 18U | second << 12U | third << 6U | (at[3] & 0x3FU);
  return value < 0x10000 || value > 0x10FFFF ? CodePoint{} : CodePoint{value, 4};
}

// The first byte that is not ASCII, or `end`.
[[nodiscard]] inline const std::uint8_t* skip_ascii(const std::uint8_t* at,
                                                    const std::uint8_t* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    if (const int high = _mm_movemask_epi8(block); high != 0) {
      return at + __builtin_ctz(static_cast<unsigned>(high));
    }
  }
#endif
  while (at != end && *at < 0x80) {
    ++at;
  }
  return at;
}

[[nodiscard]] inline bool is_valid(std::span<const std::uint8_t> bytes) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  while (at != end) {
    if (*at < 0x80) {
      at = skip_ascii(at, end);
      continue;
    }
    const CodePoint character = decode(at, end);
    if (character.bytes == 0) {
      return false;
    }
    at += character.bytes;
  }
  return true;
}

// Characters above ASCII that end a line, steer a terminal or reorder what is shown: C1 controls,
// line and paragraph separators, and the bidirectional embeddings, overrides and isolates. They can
// make one record look like another, so nothing prints them as they are.
[[nodiscard]] inline bool is_unsafe_to_show(std::uint32_t code_point) {
  return (code_point >= 0x80 && code_point <= 0x9F) ||
         (code_point >= 0x2028 && code_point <= 0x202E) ||
         (code_point >= 0x2066 && code_point <= 0x2069);
}

// Whether is_unsafe_to_show() can be true of a character with this first byte.
[[nodiscard]] inline bool may_be_unsafe(std::uint8_t first_byte) {
  return first_byte == 0xC2 || first_byte == 0xE2;
}

}  // namespace kifa::plugins::utf8
