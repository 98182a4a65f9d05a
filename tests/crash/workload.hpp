#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/io/memory_file_system.hpp"
#include "core/store/store.hpp"
#include "tests/crash/batch.hpp"
#include "tests/crash/history.hpp"
#include "tests/support/fake_clock.hpp"

namespace kifa::crash {

// What one step of a workload does.
enum class Step : std::uint8_t {
  append_tiny,
  append_medium,
  append_large,
  append_huge,
  append_checkpoint,
  append_async,  // some batches without waiting
  flush,         // waits for all of them
  pass_time,     // some 100 ms, and the store's timers
  idle,          // 3 s: the watermark is due
  switch_mode,
  reopen,       // close and open
  abandon,      // destroy without close, and open
  write_fails,  // the next write of a segment, with EIO, once
  write_fails_partly,
  write_is_short,
  sync_fails,      // the next sync of a segment
  carry_fails,     // the next write of a segment fails, and then a write of the carrying over
  disk_full,       // from now until the store says so, then there is space again
  read,            // a reader beside the store
  hold,            // somebody needs what is not purged yet, or only the later half of it
  release,         // nobody does any more
  jump_clock,      // the wall clock goes wrong, to 2106, and soon right again
  reopen_resized,  // with another segment size
};
inline constexpr std::size_t kStepCount = 23;

// A kind of workload.
struct Profile {
  std::string name = {};
  std::vector<std::pair<Step, unsigned>> weights = {};
  unsigned steps = 40;
  store::FlushMode flush_mode = store::FlushMode::cautious;
  std::uint64_t disk_budget_bytes = 0;
  std::uint64_t memtable_flush_bytes = 1_MiB;
  std::uint32_t compaction_threshold = 4;
  std::uint64_t retention_bytes = 0;
  std::chrono::nanoseconds retention_age{0};
  bool background_threads = false;
  bool accepts_direct = true;
  bool accepts_durable_flag = true;
};

// One seeded run of a profile on a disk in memory. `violation` says what the store did wrong while
// it ran; the history and the trace of the disk are for the crashes.
//
// Threads: confined.
class Workload final {
 public:
  Workload(const Profile& profile, std::uint64_t seed);
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;
  ~Workload();

  // Runs all steps and closes the store. Faults that the caller has added to files() strike.
  void run();
  // Runs these steps instead.
  void run(const std::vector<Step>& steps);

  [[nodiscard]] io::MemoryFileSystem& files() { return files_; }
  [[nodiscard]] const History& history() const { return history_; }
  [[nodiscard]] const store::StoreOptions& store_options() const { return options_; }
  [[nodiscard]] const std::string& violation() const { return violation_; }
  // Calls of append that ended with an error.
  [[nodiscard]] unsigned failed_calls() const { return failed_calls_; }

 private:
  struct Pending;  // a batch appended without waiting

  void take(Step step);
  [[nodiscard]] Step choose();
  void open();
  void close(bool properly);
  void append(BatchSize size);
  void append_async(BatchSize size);
  void flush();
  void read_beside();
  void fill_disk();
  void hold();
  void release();
  void jump_clock();
  void resize();
  void fail_carrying();
  void settle_failure(const Status& status);
  void check_sentence(const Status& status);
  void complain(const std::string& what);
  void take_report(store::Severity severity, const std::string& text) KIFA_EXCLUDES(mutex_);

  const Profile profile_;
  io::SplitMix random_;
  BatchMaker maker_;
  test::FakeClock clock_;
  io::MemoryFileSystem files_;
  History history_;
  store::StoreOptions options_;
  std::unique_ptr<store::Store> store_;
  std::vector<std::shared_ptr<Pending>> pending_;
  std::uint64_t opens_ = 0;
  const std::uint64_t seed_;
  unsigned failed_calls_ = 0;
  bool is_full_ = false;  // the disk, just now
  bool is_held_ = false;
  std::string violation_;
  Mutex mutex_;
  std::string reported_ KIFA_GUARDED_BY(mutex_);  // the first error that the store told of
};

}  // namespace kifa::crash
