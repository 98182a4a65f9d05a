#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace kifa::plugins::testing {

// U+0000 to U+10FFFF but the surrogates, as UTF-8.
inline void append_code_point(std::string& out, std::uint32_t code_point) {
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
    return;
  }
  const int continuing = code_point < 0x800 ? 1 : (code_point < 0x10000 ? 2 : 3);
  constexpr std::uint32_t kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  out +=
      static_cast<char>(kFirst[continuing] | code_point >> static_cast<unsigned>(6 * continuing));
  for (int i = continuing - 1; i >= 0; --i) {
    out += static_cast<char>(0x80U | (code_point >> static_cast<unsigned>(6 * i) & 0x3FU));
  }
}

// Valid UTF-8 in which every length, control bytes, quotes and the borders of the ranges come up.
inline std::string random_utf8(std::mt19937_64& random, std::size_t characters) {
  constexpr std::uint32_t kBorders[] = {0x00,   0x1F,   0x20,    '"',     '\\',   0x7E,   0x7F,
                                        0x80,   0x85,   0x9F,    0xA0,    0x7FF,  0x800,  0x2027,
                                        0x2028, 0x2029, 0x202E,  0x2066,  0x2069, 0x206A, 0xD7FF,
                                        0xE000, 0xFFFF, 0x10000, 0x10FFFF};
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    std::uint32_t code_point = 0;
    switch (random() % 4) {
      case 0:
        code_point = kBorders[random() % std::size(kBorders)];
        break;
      case 1:
        code_point = static_cast<std::uint32_t>(random() % 0x110000);
        break;
      default:
        code_point = 0x20 + static_cast<std::uint32_t>(random() % 0x5F);
        break;
    }
    if (code_point >= 0xD800 && code_point <= 0xDFFF) {
      code_point = 0xFFFD;
    }
    append_code_point(text, code_point);
  }
  return text;
}

// Whether `text` is UTF-8, decided by the table of RFC 3629, section 4.
inline bool is_utf8_by_the_table(std::string_view text) {
  const auto in = [](unsigned char byte, int low, int high) { return byte >= low && byte <= high; };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t offset) {
      return i + offset < text.size() ? static_cast<unsigned char>(text[i + offset])
                                      : static_cast<unsigned char>(0);
    };
    const unsigned char b = byte(0);
    const bool tail1 = in(byte(1), 0x80, 0xBF);
    const bool tail2 = in(byte(2), 0x80, 0xBF);
    const bool tail3 = in(byte(3), 0x80, 0xBF);
    if (b < 0x80) {
      i += 1;
    } else if (in(b, 0xC2, 0xDF) && tail1) {
      i += 2;
    } else if (((b == 0xE0 && in(byte(1), 0xA0, 0xBF)) || (in(b, 0xE1, 0xEC) && tail1) ||
                (b == 0xED && in(byte(1), 0x80, 0x9F)) || (in(b, 0xEE, 0xEF) && tail1)) &&
               tail2) {
      i += 3;
    } else if (((b == 0xF0 && in(byte(1), 0x90, 0xBF)) || (in(b, 0xF1, 0xF3) && tail1) ||
                (b == 0xF4 && in(byte(1), 0x80, 0x8F))) &&
               tail2 && tail3) {
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace kifa::plugins::testing
