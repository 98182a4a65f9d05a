#include "core/store/store_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/base/limits.hpp"
#include "core/base/size_text.hpp"
#include "core/store/format.hpp"

namespace kifa::store {

namespace {

constexpr std::uint64_t kFlushBytesMin = 4_KiB;
// One that only the manifest before the newest needs, one that is flushed, one that is written:
// with fewer none would ever be free again.
constexpr std::uint64_t kBacklogSegmentsMin = 3;
constexpr std::uint64_t kBudgetBytesMin = 8 * kSegmentBytesMin;

Status check_log(const StoreOptions& options) {
  const std::uint64_t segment_bytes = effective_segment_bytes(options);
  const std::uint64_t needed = kBacklogSegmentsMin * segment_bytes;
  if (options.log_backlog_bytes_max != 0 && options.log_backlog_bytes_max < needed) {
    return {Code::invalid,
            fmt::format("wal_backlog_max {} is too small for segments of {}: at least {} segments "
                        "must fit; make it {} or more, or segment_size_mib smaller",
                        exact_size(options.log_backlog_bytes_max), exact_size(segment_bytes),
                        kBacklogSegmentsMin, exact_size(needed))};
  }
  const std::uint64_t half = options.disk_budget_bytes / 2;
  if (options.disk_budget_bytes != 0 && options.log_backlog_bytes_max > half) {
    return {Code::invalid,
            fmt::format("wal_backlog_max {} contradicts disk_budget {}: it may be at most half of "
                        "it; make it {} or less, or disk_budget {} or more",
                        exact_size(options.log_backlog_bytes_max),
                        exact_size(options.disk_budget_bytes), exact_size(half),
                        exact_size(2 * options.log_backlog_bytes_max))};
  }
  return {};
}

}  // namespace

std::uint64_t effective_segment_bytes(const StoreOptions& options) {
  std::uint64_t bytes = options.segment_bytes;
  if (options.disk_budget_bytes != 0) {
    bytes = std::min(bytes, std::bit_floor(options.disk_budget_bytes / 8));
  }
  return std::max(bytes, kSegmentBytesMin);
}

std::uint64_t backlog_segments_of(const StoreOptions& options) {
  std::uint64_t bytes = options.log_backlog_bytes_max != 0 ? options.log_backlog_bytes_max : 1_GiB;
  if (options.disk_budget_bytes != 0) {
    bytes = std::min(bytes, options.disk_budget_bytes / 2);
  }
  return std::max(bytes / effective_segment_bytes(options), kBacklogSegmentsMin);
}

std::uint64_t record_bytes_limit(const StoreOptions& options) {
  return std::min<std::uint64_t>(effective_segment_bytes(options) / 4,
                                 limits::kRecordBytesMaxHighest);
}

Status check_options(const StoreOptions& options) {
  // First of all: what is too small by itself is not told as a contradiction to something else.
  if (options.disk_budget_bytes != 0 && options.disk_budget_bytes < kBudgetBytesMin) {
    return {Code::invalid,
            fmt::format("disk_budget {} is too small: at least {} are needed",
                        exact_size(options.disk_budget_bytes), exact_size(kBudgetBytesMin))};
  }
  if (!std::has_single_bit(options.segment_bytes) || options.segment_bytes < kSegmentBytesMin ||
      options.segment_bytes > kSegmentBytesMax) {
    return {Code::invalid, fmt::format("segment size {}: it must be a power of two from {} to {}",
                                       exact_size(options.segment_bytes),
                                       exact_size(kSegmentBytesMin), exact_size(kSegmentBytesMax))};
  }
  if (!std::has_single_bit(options.block_bytes) || options.block_bytes < kBlockBytesMin ||
      options.block_bytes > kBlockBytesMax) {
    return {Code::invalid,
            fmt::format("block size {}: it must be a power of two from 4096 to 65536",
                        options.block_bytes)};
  }
  if (options.record_bytes_max == 0 || options.record_bytes_max > record_bytes_limit(options)) {
    return {Code::invalid,
            fmt::format("record_bytes_max {} contradicts the segment size {}: a record may have at "
                        "most a quarter of a segment, and 16MiB",
                        exact_size(options.record_bytes_max),
                        exact_size(effective_segment_bytes(options)))};
  }
  if (options.memtable_flush_bytes < kFlushBytesMin || options.flush_segments == 0 ||
      options.compaction_threshold < 2 || options.spare_segments == 0) {
    return {
        Code::invalid,
        fmt::format("memtable_flush_threshold ({}) must be at least {}, wal_flush ({} "
                    "segments) and spare_segments ({}) at least 1 and compaction_threshold "
                    "({}) at least 2",
                    exact_size(options.memtable_flush_bytes), exact_size(kFlushBytesMin),
                    options.flush_segments, options.spare_segments, options.compaction_threshold)};
  }
  KIFA_TRY(check_log(options));
  if (options.sync_records == 0 || options.sync_bytes == 0 || options.sync_interval.count() <= 0) {
    return {Code::invalid, "sync_records, sync_bytes and sync_interval must be greater than zero"};
  }
  return {};
}

Status check_effect(const StoreOptions& options) {
  const std::uint64_t flush = options.memtable_flush_bytes;
  const bool is_asked_for = flush > StoreOptions().memtable_flush_bytes;
  if (is_asked_for && options.log_backlog_bytes_max != 0 && flush > options.log_backlog_bytes_max) {
    return {Code::invalid,
            fmt::format("memtable_flush_threshold_mib {} contradicts wal_backlog_max {}: input "
                        "would wait before there is a table; make it {} or less, or "
                        "wal_backlog_max larger",
                        flush / 1_MiB, exact_size(options.log_backlog_bytes_max),
                        options.log_backlog_bytes_max / 1_MiB)};
  }
  const std::uint64_t budget = options.disk_budget_bytes;
  if (budget == 0) {
    return {};
  }
  const std::uint64_t quarter = budget / 4;
  if (is_asked_for && flush > quarter) {
    return {Code::invalid,
            fmt::format("memtable_flush_threshold_mib {} contradicts disk_budget {}: tables are "
                        "made when the log has a quarter of it; make it {} or less, or "
                        "disk_budget {} or more",
                        flush / 1_MiB, exact_size(budget),
                        std::max(quarter, StoreOptions().memtable_flush_bytes) / 1_MiB,
                        exact_size(4 * flush))};
  }
  const std::uint64_t segment_bytes = effective_segment_bytes(options);
  const std::uint64_t tables = budget - kBacklogSegmentsMin * segment_bytes;
  if (options.retention_bytes > tables) {
    return {Code::invalid,
            fmt::format("retention_bytes {} contradicts disk_budget {}: the log needs {} of it, "
                        "and tables can never be so large; make it {} or less, or disk_budget "
                        "larger",
                        exact_size(options.retention_bytes), exact_size(budget),
                        exact_size(kBacklogSegmentsMin * segment_bytes), exact_size(tables))};
  }
  if (options.spare_segments > budget / segment_bytes) {
    return {Code::invalid,
            fmt::format("spare_segments {} contradicts disk_budget {}: so many files of {} are "
                        "more than all of it; make it {} or less, or disk_budget larger",
                        options.spare_segments, exact_size(budget), exact_size(segment_bytes),
                        budget / segment_bytes)};
  }
  return {};
}

}  // namespace kifa::store
