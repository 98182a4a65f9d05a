#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace kifa::plugins::json {

// Objects and arrays inside each other. Parsers have limits of their own (jq 256, Python 1000), and
// a line that a parser refuses is worth less than one with a text in it.
inline constexpr std::size_t kEmbedDepthMax = 200;

// Whether some valid UTF-8 is one object or array of JSON, to the letter of RFC 8259, and one that
// parsers agree on: no lone surrogate as \uD800, no more than kEmbedDepthMax levels.
//
// Threads: a value, used once.
class Check final {
 public:
  explicit Check(std::span<const std::uint8_t> text)
      : at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] bool is_container() {
    skip_space();
    if (peek() != '{' && peek() != '[') {
      return false;
    }
    if (!value()) {
      return false;
    }
    while (depth_ > 0) {
      if (!next_in_container()) {
        return false;
      }
    }
    skip_space();
    return at_ == end_;
  }

 private:
  // 0 at the end: no JSON has such a byte where it is looked for.
  [[nodiscard]] std::uint8_t peek() const { return at_ != end_ ? *at_ : std::uint8_t{0}; }
  bool take(char wanted) {
    if (peek() != static_cast<std::uint8_t>(wanted)) {
      return false;
    }
    ++at_;
    return true;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      ++at_;
    }
  }
  [[nodiscard]] static bool is_digit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }

  // A value that is not a container, or the opening of one with the key of its first member.
  bool value() {
    switch (peek()) {
      case '{':
        return open(true);
      case '[':
        return open(false);
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool open(bool is_object) {
    if (depth_ == kEmbedDepthMax) {
      return false;
    }
    ++at_;
    is_object_[depth_++] = is_object;
    is_empty_ = true;
    return true;
  }

  // What follows a value or an opening: the next value, or the end of the container.
  bool next_in_container() {
    const bool is_object = is_object_[depth_ - 1];
    skip_space();
    if (take(is_object ? '}' : ']')) {
      --depth_;
      is_empty_ = false;
      return true;
    }
    if (!is_empty_) {
      if (!take(',')) {
        return false;
      }
      skip_space();
    }
    is_empty_ = false;
    if (is_object) {
      if (!string()) {
        return false;
      }
      skip_space();
      if (!take(':')) {
        return false;
      }
      skip_space();
    }
    return value();
  }

  template <std::size_t size>
  bool word(const char (&letters)[size]) {
    for (std::size_t i = 0; i + 1 < size; ++i) {
      if (!take(letters[i])) {
        return false;
      }
    }
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) {
      return false;
    }
    while (is_digit(peek())) {
      ++at_;
    }
    return true;
  }

  bool number() {
    take('-');
    if (!take('0') && !digits()) {
      return false;
    }
    if (take('.') && !digits()) {
      return false;
    }
    if (take('e') || take('E')) {
      if (!take('+')) {
        take('-');
      }
      return digits();
    }
    return true;
  }

  bool string() {
    if (!take('"')) {
      return false;
    }
    for (;;) {
      skip_plain();
      if (take('"')) {
        return true;
      }
      if (!take('\\') || !escape()) {
        return false;  // also a control byte, and the end
      }
    }
  }

  // Up to a quote, a backslash, a control byte or the end.
  void skip_plain() {
#if defined(__SSE2__)
    for (; end_ - at_ >= 16; at_ += 16) {
      const __m128i block =
          _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(at_)));
      const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
      const __m128i special =
          _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(block, _mm_set1_epi8('"')),
                                             _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'))));
      if (const int mask = _mm_movemask_epi8(special); mask != 0) {
        at_ += __builtin_ctz(static_cast<unsigned>(mask));
        return;
      }
    }
#endif
    while (at_ != end_ && *at_ >= 0x20 && *at_ != '"' && *at_ != '\\') {
      ++at_;
    }
  }

  bool escape() {
    switch (peek()) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        ++at_;
        return true;
      case 'u':
        return unicode_escape();
      default:
        return false;
    }
  }

  bool unicode_escape() {
    std::uint32_t first = 0;
    if (!code_unit(first) || (first >= 0xDC00 && first <= 0xDFFF)) {
      return false;
    }
    if (first < 0xD800 || first > 0xDBFF) {
      return true;
    }
    std::uint32_t second = 0;
    return take('\\') && code_unit(second) && second >= 0xDC00 && second <= 0xDFFF;
  }

  // uNNNN
  bool code_unit(std::uint32_t& unit) {
    if (!take('u')) {
      return false;
    }
    for (int i = 0; i < 4; ++i) {
      const std::uint8_t byte = peek();
      const auto letter = static_cast<std::uint8_t>(byte | 0x20U);
      if (is_digit(byte)) {
        unit = unit * 16 + (byte - std::uint32_t{'0'});
      } else if (letter >= 'a' && letter <= 'f') {
        unit = unit * 16 + (letter - std::uint32_t{'a'}) + 10;
      } else {
        return false;
      }
      ++at_;
    }
    return true;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::array<bool, kEmbedDepthMax> is_object_{};
  std::size_t depth_ = 0;
  bool is_empty_ = false;  // nothing stands in the innermost container yet
};

}  // namespace kifa::plugins::json
