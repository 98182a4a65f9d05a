#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/store/checkpoint_map.hpp"
#include "core/store/compaction.hpp"
#include "core/store/flusher.hpp"
#include "core/store/log_index.hpp"
#include "core/store/log_writer.hpp"
#include "core/store/manifest_keeper.hpp"
#include "core/store/retention.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// What happens behind the log, on one thread: flushing it into tables, joining tables, purging old
// ones, and letting go of files that nobody needs any more. One step at a time, each ended by an
// edit of the manifest.
//
// The log is the memtable: what is not in tables is read from it. So memory does not grow with what
// is waiting, and the writer waits only when the log has reached `log_backlog_bytes_max`.
//
// Threads: on_durable() and on_change() from any; start, stop, do_some_work and finish from one.
// Errors:  a step that fails changes nothing; it is reported once and tried again later, while the
//          log goes on. A table that cannot be read whole is never joined or replaced.
class Maintenance final {
 public:
  struct Parts {
    const StoreOptions& options;
    const StoreEnvironment& environment;
    ManifestKeeper& keeper;
    SegmentPool& pool;
    LogIndex& index;
    LogWriter& writer;
    std::vector<Damage> known_damages = {};  // of the log; they have their gap events
    TrustedClock first_clock = {};           // LogScan::first_clock
  };
  // `flushed_checkpoints`: of everything before the manifest's flushed mark.
  Maintenance(Parts parts, CheckpointMap flushed_checkpoints);
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;
  ~Maintenance() { stop(); }

  void start();
  void stop();

  // One step, if any is due. Returns whether there was any.
  bool do_some_work();
  // Before closing, with an idle writer: flushes if that is worth a table, and settles.
  void finish();

  // The log is durable up to `mark`: cheap, called under the writer's lock.
  void on_durable(const LogMark& mark) KIFA_EXCLUDES(mutex_);
  // Something changed that a step may depend on: the flush mode, space.
  void on_change() KIFA_EXCLUDES(mutex_);

 private:
  [[nodiscard]] bool flush_due(const Manifest& manifest, const LogMark& mark) const;
  Status flush(const Manifest& manifest, const LogMark& mark);
  Status compact(const Manifest& manifest, const CompactionPlan& plan);
  [[nodiscard]] std::optional<CompactionPlan> next_compaction(const Manifest& manifest) const;
  [[nodiscard]] std::optional<RetentionAnswer> purge_due(const Manifest& manifest);
  Status purge(const Manifest& manifest, const RetentionAnswer& answer);
  [[nodiscard]] std::optional<TrustedClock> next_clock() const;
  [[nodiscard]] ClockFacts clock_facts() const;
  [[nodiscard]] bool close_flush_due(const Manifest& manifest, const LogMark& mark) const;
  [[nodiscard]] bool settle_due() const;
  bool settled(const char* what, const Status& status);
  [[nodiscard]] EditFacts facts(std::uint64_t table_bytes, std::uint64_t other_bytes);
  void tell_purge(std::span<const TableInfo> tables, bool is_for_age);
  Status make_events_durable();
  Status tell_damages(const std::vector<Damage>& damages);
  [[nodiscard]] std::int64_t next_wake_ns(bool is_waiting);
  void run(const std::stop_token& stop);

  const Parts parts_;
  io::FileSystem& files_;
  const Clock& clock_;
  const std::string directory_;
  const std::uint64_t flush_segments_;
  const CompactionPolicy compaction_;
  const std::uint64_t table_payload_max_;  // of one flush
  TrustedClock first_clock_;               // what is believed until an edit says more
  CheckpointMap checkpoints_;              // of what is flushed
  std::vector<Damage> known_damages_;
  std::set<std::uint64_t> unreadable_tables_;
  std::int64_t last_edit_ns_ = 0;
  std::int64_t retry_at_ns_ = 0;
  std::int64_t retry_after_ns_ = 0;
  Lsn purge_told_;                     // up to here there are purge events
  std::uint32_t refused_flushes_ = 0;  // in a row, by a place that the disk does not read
  std::optional<std::int64_t> last_age_purge_boot_ns_;
  std::int64_t retention_at_ns_ = 0;
  std::uint64_t retention_version_ = 0;
  std::string told_;  // the last failure, said once
  std::string paused_told_;
  std::uint64_t log_bytes_told_ = 0;

  Mutex mutex_;
  std::condition_variable_any changed_;
  bool poked_ KIFA_GUARDED_BY(mutex_) = true;
  LogMark flushed_ KIFA_GUARDED_BY(mutex_);
  std::jthread thread_;
};

}  // namespace kifa::store
