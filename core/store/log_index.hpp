#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/store/format.hpp"
#include "core/store/log_scan.hpp"

namespace kifa::store {

// The segments of the log whose headers are durable, oldest first: what the writer adds to at its
// end, and the flusher reads and takes away at its beginning.
//
// Threads: guarded.
class LogIndex final {
 public:
  explicit LogIndex(std::vector<LogSegment> path) : segments_(std::move(path)) {}

  // A segment that continues the log; the one before it ends where the header says.
  void add(const SegmentHeader& header) KIFA_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (!segments_.empty() && segments_.back().header.number == header.predecessor_number) {
      segments_.back().end = header.predecessor_end;
    }
    segments_.push_back({.header = header, .begin = std::uint64_t{2} * header.block_bytes});
  }

  // The segments that hold the log between two positions, cut to them.
  [[nodiscard]] std::vector<LogSegment> between(Position from, Position to) const
      KIFA_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::vector<LogSegment> found;
    for (LogSegment segment : segments_) {
      const std::uint64_t number = segment.header.number;
      if (number < from.segment || number > to.segment) {
        continue;
      }
      segment.begin = number == from.segment ? from.offset : segment.begin;
      segment.end = number == to.segment ? to.offset : segment.end;
      if (segment.begin < segment.end) {
        found.push_back(segment);
      }
    }
    return found;
  }

  // Takes the segments before `number` out.
  std::vector<LogSegment> forget_before(std::uint64_t number) KIFA_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::vector<LogSegment> forgotten;
    std::erase_if(segments_, [&](const LogSegment& segment) {
      const bool is_before = segment.header.number < number;
      if (is_before) {
        forgotten.push_back(segment);
      }
      return is_before;
    });
    return forgotten;
  }

  [[nodiscard]] std::size_t segment_count() const KIFA_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return segments_.size();
  }

 private:
  mutable Mutex mutex_;
  std::vector<LogSegment> segments_ KIFA_GUARDED_BY(mutex_);
};

}  // namespace kifa::store
