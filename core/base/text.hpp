#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kifa {

// One UTF-8 character as decoded; not valid: one byte that belongs to none.
struct Character {
  char32_t code = 0;
  std::size_t size = 1;
  bool valid = false;
};

// The character at `offset` (inside `text`); overlong forms and surrogates are not valid.
[[nodiscard]] Character decode_utf8(std::string_view text, std::size_t offset);

// Appends the character at `offset` as a terminal may show it: control characters, what changes the
// direction of text, and bytes that are not UTF-8 become \n, \x1b, \u202e. Returns its size in
// `text`; `width` gets the columns that were appended.
std::size_t append_printable(std::string_view text, std::size_t offset, std::string& out,
                             std::size_t& width);

// `text` for a terminal, at most `width_max` columns of it.
[[nodiscard]] std::string printable(std::string_view text, std::size_t width_max);

// `text` between backquotes for a message: printable and at most 60 characters long.
[[nodiscard]] std::string backquoted(std::string_view text);

}  // namespace kifa
