#include "core/base/text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace kifa {
namespace {

constexpr std::size_t kQuotedWidthMax = 60;

[[nodiscard]] unsigned byte_at(std::string_view text, std::size_t offset) {
  return static_cast<unsigned char>(text[offset]);
}

// Not shown as they are: C0, DEL, C1, line separators and everything that reorders text.
[[nodiscard]] bool is_printable(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
    return false;
  }
  const bool reorders = code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
                        (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
  return !reorders;
}

}  // namespace

Character decode_utf8(std::string_view text, std::size_t offset) {
  const unsigned first = byte_at(text, offset);
  if (first < 0x80) {
    return {.code = first, .size = 1, .valid = true};
  }
  std::size_t size = 0;
  char32_t code = 0;
  if (first >= 0xC2 && first < 0xE0) {
    size = 2;
    code = first & 0x1FU;
  } else if (first >= 0xE0 && first < 0xF0) {
    size = 3;
    code = first & 0x0FU;
  } else if (first >= 0xF0 && first < 0xF5) {
    size = 4;
    code = first & 0x07U;
  } else {
    return {};
  }
  if (text.size() - offset < size) {
    return {};
  }
  for (std::size_t i = 1; i < size; ++i) {
    const unsigned next = byte_at(text, offset + i);
    if ((next & 0xC0U) != 0x80U) {
      return {};
    }
    code = (code << 6U) | (next & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLowest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLowest.at(size) || surrogate || code > 0x10FFFF) {
    return {};
  }
  return {.code = code, .size = size, .valid = true};
}

std::size_t append_printable(std::string_view text, std::size_t offset, std::string& out,
                             std::size_t& width) {
  const Character character = decode_utf8(text, offset);
  if (character.valid && is_printable(character.code)) {
    out.append(text, offset, character.size);
    width = 1;
    return character.size;
  }
  std::string escaped;
  if (!character.valid || (character.code < 0x80)) {
    switch (text[offset]) {
      case '\n':
        escaped = "\\n";
        break;
      case '\r':
        escaped = "\\r";
        break;
      case '\t':
        escaped = "\\t";
        break;
      default:
        escaped = fmt::format("\\x{:02x}", byte_at(text, offset));
    }
  } else {
    escaped = fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character.code));
  }
  out += escaped;
  width = escaped.size();
  return character.size;
}

std::string printable(std::string_view text, std::size_t width_max) {
  std::string out;
  std::size_t width_all = 0;
  for (std::size_t offset = 0; offset < text.size();) {
    if (width_all >= width_max) {
      out += "...";
      break;
    }
    std::size_t width = 0;
    offset += append_printable(text, offset, out, width);
    width_all += width;
  }
  return out;
}

std::string backquoted(std::string_view text) {
  return "`" + printable(text, kQuotedWidthMax) + "`";
}

}  // namespace kifa
