#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kifa::test {

// Lines that tell their own number, so that any store made of them can be checked without keeping
// what was sent. check_records.py makes the same ones.
inline constexpr std::size_t kLineBytes = 200;  // with the LF

// Line `number`, from 1: "TXN-000000001 " and 185 hex digits that do not compress to less than
// half: a large constant times the number.
inline std::string generated_line(std::uint64_t number) {
  constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;
  constexpr std::size_t kLimbs = 12;
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::string decimal = std::to_string(number);
  std::string line = "TXN-" + std::string(9 - decimal.size(), '0') + decimal + " ";
  const std::size_t begin = line.size();
  line.resize(kLineBytes - 1);
  std::size_t at = line.size();  // the last digit first
  for (std::size_t i = 0; i < kLimbs; ++i) {
    std::uint64_t limb = kFactor * (2 * i + 1) * number;
    limb ^= limb >> 29U;
    for (int digit = 0; digit < 16 && at > begin; ++digit, limb >>= 4U) {
      line[--at] = kDigits[limb % 16];
    }
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
