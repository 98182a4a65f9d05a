#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kifa::test {

// Lines that tell their own number, so that any store made of them can be checked without keeping
// what was sent. check_records.py makes the same ones.
inline constexpr std::size_t kLineBytes = 200;  // with the LF

// Line `number`, from 1: "TXN-000000001 " and letters that differ from line to line.
inline std::string generated_line(std::uint64_t number) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  std::string digits = std::to_string(number);
  std::string line = "TXN-" + std::string(9 - digits.size(), '0') + digits + " ";
  for (std::uint64_t at = number; line.size() < kLineBytes - 1; ++at) {
    line += kLetters[at % kLetters.size()];
  }
  return line;
}

// Lines first..last with their LFs.
inline std::string generated_lines(std::uint64_t first, std::uint64_t last) {
  std::string lines;
  lines.reserve((last - first + 1) * kLineBytes);
  for (std::uint64_t number = first; number <= last; ++number) {
    lines += generated_line(number);
    lines += '\n';
  }
  return lines;
}

}  // namespace kifa::test
