#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/records.hpp"

namespace kifa::store {

// When a write reaches the disk. Acknowledgements mean durable in every mode.
enum class FlushMode : std::uint8_t {
  normal,     // synced every sync_records, sync_bytes or sync_interval, whichever comes first
  cautious,   // every commit is one durable write
  emergency,  // as cautious; background work is paused
};

[[nodiscard]] std::string_view to_string(FlushMode mode);
[[nodiscard]] Result<FlushMode> flush_mode_from(std::string_view text);

struct StoreOptions {
  std::string directory;
  FlushMode flush_mode = FlushMode::cautious;
  std::uint64_t segment_bytes = 16_MiB;          // power of two, at least 1 MiB
  std::uint64_t disk_budget_bytes = 0;           // all files together; 0: what the file system has
  std::uint64_t record_bytes_max = 1_MiB;        // at most segment_bytes / 4
  std::uint32_t block_bytes = 4096;              // 4096 .. 65536: for flash with larger pages
  std::uint32_t sync_records = 50;               // normal mode
  std::uint64_t sync_bytes = 1_MiB;              // normal mode
  std::chrono::milliseconds sync_interval{200};  // normal mode
  std::chrono::microseconds commit_delay{0};     // lets records gather although nobody else writes
  // What is not in tables stays in the log; a flush into tables begins at so many payload bytes, or
  // at so many segments (at most a quarter of the disk budget).
  std::uint64_t memtable_flush_bytes = 4_MiB;  // at least 4 KiB; from a configuration 1 MiB
  std::uint32_t flush_segments = 4;            // at least 1
  // Appends wait when the log that is not in tables has reached this. 0: 1 GiB, at most half of the
  // disk budget.
  std::uint64_t log_backlog_bytes_max = 0;
  // So many segments that came back from the log are kept for the next burst, which then need not
  // fill any with zeros; one is always made ahead. At least 1.
  std::uint32_t spare_segments = 8;
  // Closing makes a table of what waits also when it is little, at most once in 12 hours by the
  // times of the records: what a shop has sold in a day has an anchor then (verify.hpp). Otherwise
  // it stays in the log, as safe, until there is a quarter of memtable_flush_bytes.
  bool table_at_close = false;
  bool compaction_enabled = true;
  std::uint32_t compaction_threshold = 4;  // so many neighbouring tables are joined, at least 2
  // Whole tables are removed, oldest first, when all of their records are older than this, when all
  // tables together are larger, or when their LSNs are not among the last so many. Age counts only
  // by a clock that can be believed. 0: never.
  std::chrono::nanoseconds retention_age{0};
  std::uint64_t retention_bytes = 0;
  std::uint64_t retention_records = 0;
  bool trust_clock = false;        // the operator vouches for the wall clock
  bool refuse_corruption = false;  // on_corruption: refuse instead of continue
  bool allow_network = false;      // write to a network file system all the same
};

// The most that `record_bytes_max` may be with these options: a record takes at most a quarter of a
// segment, and segments are small in a small disk_budget.
[[nodiscard]] std::uint64_t record_bytes_limit(const StoreOptions& options);

// Ok, or the first option that is impossible or contradicts another: `invalid`, with both values.
// Store::open() asks first of all; who reads options from somebody asks to tell the place.
[[nodiscard]] Status check_options(const StoreOptions& options);

// What the store tells about itself while it works ("segment given up after an I/O error ..."). The
// text is one sentence.
enum class Severity : std::uint8_t { info, warning, error };
using Reporter = std::function<void(Severity, const std::string&)>;

struct StoreEnvironment {
  io::FileSystem& files;
  const Clock& clock;
  Reporter report = [](Severity, const std::string&) {};
  std::uint64_t random_seed = 0;  // 0: from the system; tests give one
  bool background_threads =
      true;  // false: segments are prepared and timers run inside calls and tick(), for tests
};

// What became of an append: `status` ok means durable, and record i of the batch has first_lsn + i.
struct Receipt {
  Status status;
  Lsn first_lsn;
};
using DurableCallback = std::function<void(const Receipt&)>;

struct StoreCounters {              // since open
  std::uint64_t commits = 0;        // frames written
  std::uint64_t records = 0;        // appended and durable
  std::uint64_t payload_bytes = 0;  // of those
  std::uint64_t written_bytes = 0;  // to the log, with headers, padding and zero-fill
  std::uint64_t syncs = 0;
};

// An append-only log of records in which everything acknowledged survives power loss.
//
// After append() has called back (or append_durable() has returned) with ok, the batch survives
// power loss in every flush mode; records have dense LSNs in the order of the calls. Before that a
// batch may be lost as a whole, never in part, and only together with all that followed it.
//
// Threads: append, append_durable, durable_lsn, set_flush_mode and counters from any thread; open
// and close from one.
//          Callbacks run on any thread, without locks, in LSN order; they must not block and not
//          call close().
// Errors:  no_space means: nothing was taken, offer it again later (the store resumes by itself).
// Any other failure of
//          append is final: the store refuses input from then on and says why; reading goes on.
class Store {
 public:
  // Opens the store in options.directory for writing, creating it if it is not there (mode 0700),
  // and recovers what an earlier crash has left. locked: another process has it.
  static Result<std::unique_ptr<Store>> open(StoreOptions options, StoreEnvironment environment);

  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;  // without close(): syncs what was accepted, nothing more

  // Copies the batch and returns once it is accepted; `durable` is called once, later or from
  // inside this call, unless the return is not ok. May write the batch on the calling thread when
  // nothing is in flight.
  virtual Status append(const BatchView& batch, DurableCallback durable) = 0;
  // The same, and waits until it is durable; returns the first LSN (of the next record, for a batch
  // without records). Without background threads it cannot wait for space: unavailable means that
  // the batch was taken, and may become durable in a later tick().
  virtual Result<Lsn> append_durable(const BatchView& batch) = 0;
  // Returns when everything accepted before the call is durable and its callbacks have returned, or
  // with the failure.
  virtual Status flush(std::chrono::nanoseconds timeout) = 0;

  // Leaving normal mode returns when all that was written before is durable, entering emergency
  // mode when all that was accepted is.
  virtual Status set_flush_mode(FlushMode mode) = 0;
  [[nodiscard]] virtual FlushMode flush_mode() const = 0;
  [[nodiscard]] virtual Lsn durable_lsn() const = 0;
  [[nodiscard]] virtual StoreCounters counters() const = 0;
  // The live checkpoints of `origin` (all that is durable), in the order of their keys.
  [[nodiscard]] virtual std::vector<Checkpoint> checkpoints(std::string_view origin) const = 0;

  // Without background threads: does the work that is due. Returns whether there was any.
  virtual bool tick() = 0;

  // Refuses new input, makes everything accepted durable, writes the clean mark and unlocks. Safe
  // after any failure.
  virtual Status close() = 0;
};

}  // namespace kifa::store
