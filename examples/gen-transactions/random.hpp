#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gen {

// A small seeded generator (SplitMix64). Integer arithmetic only, so a seed gives the same numbers
// on every machine and with every standard library; std:: distributions do not promise that.
//
// Threads: confined to one.
class Random final {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31U);
  }

  // 0 .. bound - 1; bound is at least 1.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32U) * bound) >> 32U);
  }

  template <class T, std::size_t extent>
  const T& pick(std::span<const T, extent> choices) {
    return choices[below(static_cast<std::uint32_t>(choices.size()))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace gen
