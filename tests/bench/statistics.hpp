#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace kifa::bench {

using SteadyClock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

// The value that `share` (0 .. 1) of `values` do not exceed; 0 when there are none.
[[nodiscard]] inline double percentile(std::vector<double> values, double share) {
  if (values.empty()) {
    return 0;
  }
  const auto last = static_cast<double>(values.size() - 1);
  const auto at = static_cast<std::ptrdiff_t>(last * share + 0.5);
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

[[nodiscard]] inline double median(const std::vector<double>& values) {
  return percentile(values, 0.5);
}

// What one run of a latency measurement gave, in microseconds.
struct Latency {
  double p50 = 0;
  double p99 = 0;
};

// Of values in any order; they are sorted.
[[nodiscard]] inline Latency latency_of(std::vector<double>&& microseconds) {
  std::ranges::sort(microseconds);
  const auto at = [&microseconds](double share) {
    const auto last = static_cast<double>(microseconds.size() - 1);
    return microseconds.empty() ? 0 : microseconds[static_cast<std::size_t>(last * share + 0.5)];
  };
  return {.p50 = at(0.5), .p99 = at(0.99)};
}

}  // namespace kifa::bench
