#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

#include "core/base/types.hpp"

namespace kifa::store {

// A set of LSNs, kept as ranges that do not touch.
//
// Threads: confined.
// Limits:  kRangesMax ranges; then the lowest one is forgotten for each that comes.
class LsnSet final {
 public:
  static constexpr std::size_t kRangesMax = 16'384;

  // Takes in `first` to `last`, both included.
  void add(Lsn first, Lsn last) {
    auto next = ranges_.upper_bound(first.value);
    if (next != ranges_.begin() && std::prev(next)->second + 1 >= first.value) {
      --next;
    }
    std::uint64_t begin = first.value;
    std::uint64_t end = last.value;
    while (next != ranges_.end() && next->first <= end + 1) {
      begin = std::min(begin, next->first);
      end = std::max(end, next->second);
      next = ranges_.erase(next);
    }
    ranges_[begin] = end;
    if (ranges_.size() > kRangesMax) {
      ranges_.erase(ranges_.begin());
    }
  }

  // Whether all of `first` to `last` are in it.
  [[nodiscard]] bool holds(Lsn first, Lsn last) const {
    const auto next = ranges_.upper_bound(first.value);
    return next != ranges_.begin() && std::prev(next)->second >= last.value;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;  // first to last
};

}  // namespace kifa::store
