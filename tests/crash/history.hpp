#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/base/types.hpp"
#include "core/io/memory_file_system.hpp"
#include "tests/crash/batch.hpp"

namespace kifa::crash {

using CheckpointMap = std::map<std::pair<std::string, std::string>, store::Checkpoint>;

// A batch at its place in the log.
struct ExpectedBatch {
  std::shared_ptr<const OwnedBatch> batch;
  std::uint64_t records_before = 0;  // its first LSN is one more
  std::uint64_t record_count = 0;    // fewer than it has when only its beginning survived
  std::size_t sent_at = 0;           // the event of the trace with which the call began
  [[nodiscard]] bool is_whole() const { return record_count == batch->records.size(); }
};

// What a store may hold at one moment: some beginning of `batches` with at least the first
// `least_batches` and the first `least_records` records.
struct Expectation {
  std::vector<ExpectedBatch> batches = {};
  std::uint64_t records = 0;
  std::uint64_t least_records = 0;
  std::size_t least_batches = 0;
  std::uint64_t purge_most = 0;  // retention may have removed this LSN and what is before it

  void push_back(std::shared_ptr<const OwnedBatch> batch, std::size_t sent_at);
  // Cuts what lies behind the first `batch_count` batches and `record_count` records: it is lost.
  void truncate(std::size_t batch_count, std::uint64_t record_count);
  // The checkpoints after the first `batch_count` batches, as far as these are whole.
  [[nodiscard]] CheckpointMap checkpoints(std::size_t batch_count) const;
};

// Writes down, in the trace of the disk itself, what is sent to a store and what the store
// promises, and says for any place in the trace what a store must hold after a crash there.
//
// Threads: any.
class History final {
 public:
  explicit History(io::MemoryFileSystem& files, Expectation base = {})
      : files_(files), base_(std::move(base)) {}

  // A call to append begins. Returns the batch's number in this history.
  std::size_t sent(OwnedBatch batch) KIFA_EXCLUDES(mutex_);
  [[nodiscard]] const OwnedBatch& batch(std::size_t number) KIFA_EXCLUDES(mutex_);
  // The call returned no_space: nothing of it was taken.
  void refused(std::size_t number) KIFA_EXCLUDES(mutex_);
  void acknowledged(std::size_t number, Lsn first_lsn) KIFA_EXCLUDES(mutex_);
  // Somebody has seen that everything up to this LSN is durable.
  void shown(Lsn durable) KIFA_EXCLUDES(mutex_);
  // A store was opened and holds exactly this beginning of what was sent.
  void opened(std::size_t batch_count, std::uint64_t record_count) KIFA_EXCLUDES(mutex_);
  // From now on retention may remove records up to `most`; before the first call none. What it may
  // not have removed any more is told after that is durable, what it may remove before it may.
  void allow_purge(Lsn most) KIFA_EXCLUDES(mutex_);
  // Orders the batches of several threads by the LSNs that they got. All must be acknowledged.
  void order_by_lsn() KIFA_EXCLUDES(mutex_);

  // After the first `passed` events of the trace.
  [[nodiscard]] Expectation after(std::size_t passed) const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] Expectation now() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t acknowledged_count() const KIFA_EXCLUDES(mutex_);

 private:
  struct Sent {
    std::shared_ptr<const OwnedBatch> batch;
    std::size_t sent_at = 0;
    std::optional<std::size_t> acknowledged_at = {};
    Lsn first_lsn = {};
    bool is_refused = false;
  };
  struct Shown {
    std::size_t at = 0;
    std::uint64_t records = 0;
  };
  struct Opened {
    std::size_t at = 0;
    std::size_t batch_count = 0;
    std::uint64_t record_count = 0;
    std::size_t sent_before = 0;  // entries of sent_
  };

  struct Allowed {
    std::size_t at = 0;
    Lsn most = {};
  };

  void extend(Expectation& expectation, std::size_t from, std::size_t to, std::size_t passed) const
      KIFA_REQUIRES(mutex_);

  io::MemoryFileSystem& files_;
  const Expectation base_;
  mutable Mutex mutex_;
  std::vector<std::size_t> order_ KIFA_GUARDED_BY(mutex_);  // of sent_, in the order of the log
  std::vector<Sent> sent_ KIFA_GUARDED_BY(mutex_);
  std::vector<Shown> shown_ KIFA_GUARDED_BY(mutex_);
  std::vector<Opened> opened_ KIFA_GUARDED_BY(mutex_);
  std::vector<Allowed> allowed_ KIFA_GUARDED_BY(mutex_);
};

// Marks in the trace.
enum class Note : std::uint64_t { sent = 1, acknowledged, refused, shown, opened, allowed };

}  // namespace kifa::crash
