#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"
#include "core/store/format.hpp"

namespace kifa::store {

inline constexpr std::string_view kReserveFileName = "RESERVE";

// Makes segment files ahead of need, so that a commit never allocates: `.tmp`, zero-filled, synced,
// renamed, and the directory synced. A spare is therefore complete or not there.
//
// It also keeps RESERVE: space that nobody else can take, for the edits of the manifest by which a
// full disk becomes less full.
//
// Threads: take() and the questions from any thread; make_one() from one at a time; start() runs it
// on a thread of its
//          own, where a failure is tried again every second.
// Limits:  at most `spares_max` spares; all segments together within the disk budget.
class SegmentPool final {
 public:
  struct Options {
    std::string directory;
    std::uint64_t segment_bytes = 16_MiB;
    std::uint64_t disk_budget_bytes = 0;  // 0: none
    std::uint64_t file_bytes = 0;         // all files that are there now
    std::uint64_t next_number = 1;        // never used by any file
    std::uint64_t used_segments = 0;      // taken and not given back: the log
    // Of them, files of another size than segment_bytes. They do not count against the budget: they
    // go as soon as the log goes on in segments of the size that is wanted now.
    std::uint64_t other_size_bytes = 0;
    bool has_reserve = false;                // the file is there
    std::uint64_t spares_max = 8;            // of segments that come back
    std::uint64_t backlog_segments_max = 0;  // the writer waits when the log has so many; 0: none
  };

  SegmentPool(io::FileSystem& files, Options options);
  SegmentPool(const SegmentPool&) = delete;
  SegmentPool& operator=(const SegmentPool&) = delete;
  ~SegmentPool();

  struct Spare {
    std::uint64_t number = 0;
    std::unique_ptr<io::File>
        file;  // for reading and writing, O_DIRECT where the file system allows it
    bool direct = false;
  };

  // Takes in a complete spare that is there already.
  void add(std::uint64_t number) KIFA_EXCLUDES(mutex_);
  // Renames a segment that nobody needs to the next number and takes it in; its old frames carry an
  // old number and epoch. With enough spares, or when its size is not the one wanted, it is
  // removed. What was put aside as NAME.damaged is not overwritten, unless the budget is used up.
  Status recycle(std::uint64_t number, std::uint64_t bytes) KIFA_EXCLUDES(mutex_);
  // The same for a segment that was taken: the log is one segment shorter.
  Status give_back(std::uint64_t number, std::uint64_t bytes) KIFA_EXCLUDES(mutex_);
  // Files of others came (or went): they count against the budget as well.
  void add_bytes(std::int64_t bytes) KIFA_EXCLUDES(mutex_);

  // The oldest spare; unavailable: none is ready.
  Result<Spare> take() KIFA_EXCLUDES(mutex_);
  [[nodiscard]] bool has_spare() const KIFA_EXCLUDES(mutex_);
  // Gives the reserve's space to an edit of the manifest that needs it on a full disk; false: it is
  // given already. No spare is made before the reserve is there again.
  bool release_reserve() KIFA_EXCLUDES(mutex_);
  // Whether the log may become longer by a segment: false until what it holds was flushed.
  [[nodiscard]] bool has_backlog_room() const KIFA_EXCLUDES(mutex_);
  // Whether the log grows as fast as the disk allows and has room to go on: tables can wait.
  [[nodiscard]] bool has_burst() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t file_bytes() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t spare_count() const KIFA_EXCLUDES(mutex_);
  // Why no spare could be made last time; ok: it could, or nobody has tried.
  [[nodiscard]] Status failure() const KIFA_EXCLUDES(mutex_);
  // A writer is about to wait: fill in large pieces, and several ahead until the burst is over.
  void hurry() KIFA_EXCLUDES(mutex_);
  // Bytes that were written to fill spares.
  [[nodiscard]] std::uint64_t filled_bytes() const KIFA_EXCLUDES(mutex_);

  // Makes one spare if fewer than wanted are there; returns whether it made one.
  Result<bool> make_one() KIFA_EXCLUDES(mutex_);

  // Keeps the pool filled in the background; `on_change` is called after each spare and each new
  // failure.
  void start(std::function<void()> on_change);
  void stop();
  // Removes all spares but the first: what is closed takes no more space than it needs.
  void trim() KIFA_EXCLUDES(mutex_);

 private:
  Status fill(const std::string& path, std::uint64_t bytes) KIFA_EXCLUDES(mutex_);
  Status make_reserve() KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t reserve_bytes() const;
  Status name_spare(const std::string& path) KIFA_EXCLUDES(mutex_, naming_mutex_);
  [[nodiscard]] bool fits_budget(std::uint64_t more) const KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool has_budget_for_one() const KIFA_EXCLUDES(mutex_);
  void run(const std::stop_token& stop);
  [[nodiscard]] std::size_t wanted() const KIFA_REQUIRES(mutex_);

  io::FileSystem& files_;
  const Options options_;

  Mutex naming_mutex_;  // from the number of a spare to its place among the spares
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::uint64_t> spares_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t next_number_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t file_bytes_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t used_segments_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t other_size_bytes_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t filled_bytes_ KIFA_GUARDED_BY(mutex_) = 0;
  bool has_reserve_ KIFA_GUARDED_BY(mutex_);
  bool reserve_comes_first_ KIFA_GUARDED_BY(mutex_) = false;  // it was needed
  bool hurry_ KIFA_GUARDED_BY(mutex_) = false;
  bool work_ KIFA_GUARDED_BY(mutex_) = true;
  Status failure_ KIFA_GUARDED_BY(mutex_);
  std::function<void()> on_change_;
  std::jthread thread_;
};

}  // namespace kifa::store
