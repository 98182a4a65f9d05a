#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace kifa::pipeline {

// Growing waits between tries of something unavailable: doubling from `min` to `max`, each
// shortened by up to half at random, so that a hundred tills do not come back at the same moment.
//
// Threads: confined.
class Backoff final {
 public:
  Backoff(std::int64_t min_ns, std::int64_t max_ns, std::uint64_t seed)
      : min_ns_(std::max<std::int64_t>(min_ns, 1)),
        max_ns_(std::max(max_ns, min_ns_)),
        random_(seed) {}

  [[nodiscard]] std::int64_t next_ns() {
    const std::int64_t full = wait_ns_ == 0 ? min_ns_ : std::min(wait_ns_, max_ns_);
    wait_ns_ = full > max_ns_ / 2 ? max_ns_ : full * 2;
    return std::uniform_int_distribution<std::int64_t>(full - full / 2, full)(random_);
  }
  // It worked: the next failure starts with the shortest wait.
  void reset() { wait_ns_ = 0; }
  [[nodiscard]] std::int64_t max_ns() const { return max_ns_; }

 private:
  const std::int64_t min_ns_;
  const std::int64_t max_ns_;
  std::int64_t wait_ns_ = 0;
  std::mt19937_64 random_;
};

}  // namespace kifa::pipeline
