#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/records.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// What is wanted; all bounds are inclusive.
struct Selection {
  Lsn first{1};
  Lsn last{0};                           // 0: as far as it goes
  std::int64_t min_unix_ns = INT64_MIN;  // observed time, of records; clocks may have gone back, so
  std::int64_t max_unix_ns = INT64_MAX;  // nothing is concluded from the order
  std::string_view pipeline = {};        // empty: any
  std::string_view source = {};
  // Events with a lower number are left out: whoever reads on behind what he has seen does not get
  // those behind his last record again. One more than the highest number that was seen.
  std::uint64_t first_event = 0;
};

// The last opening for writing that found the store not closed, or damaged, and what it found. Told
// by a note in STATUS that is durable before the opening goes on.
struct LastRecovery {
  bool is_known = false;     // a store that is older than such notes, or has lost its note, is not
  std::int64_t unix_ns = 0;  // by the wall clock of then; 0: none so far
  std::uint64_t segments = 0;         // of the log, that were read
  std::uint64_t carried_records = 0;  // not known to be durable, and written again
  std::uint64_t damages = 0;          // places
  std::uint64_t lost_records = 0;     // in those
  bool dropped_tail = false;          // a write was unfinished: never acknowledged, and dropped
};

struct StoreStats {
  std::uint64_t total_entries = 0;  // records that can be read
  Lsn first_lsn;                    // 0: none
  Lsn last_lsn;  // last record that can be read (= durable_lsn without damage at the end)
  Lsn durable_lsn;
  std::int64_t first_unix_ns = 0;  // smallest and largest observed time
  std::int64_t last_unix_ns = 0;
  std::uint64_t gaps = 0;          // gap events, and damage found by this reading
  std::uint64_t lost_records = 0;  // in gaps, where known
  std::uint64_t events = 0;
  std::uint64_t segments = 0;  // with data that is not in tables
  std::uint64_t spare_segments = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t disk_bytes = 0;  // all files of the store: what is used of the disk budget
  std::optional<std::uint64_t>
      disk_budget_bytes;  // of the last writer; 0: none; nullopt: not known
  LastRecovery last_recovery;
  std::uint64_t tables[3] = {};  // by level
  std::uint64_t table_bytes = 0;
  std::uint64_t table_payload_bytes = 0;    // what they hold
  std::uint64_t log_bytes = 0;              // of the log that is not in tables, spares not counted
  std::uint64_t written_bytes = 0;          // since the store was made, as of the last manifest
  std::uint64_t written_payload_bytes = 0;  // of all records so far, also purged ones
  std::int64_t believed_unix_ns = 0;        // the last wall time that was believed; 0: none yet
  std::int64_t believed_boot_ns = 0;        // CLOCK_BOOTTIME of then
  std::string believed_boot_id;             // and the boot; empty: none yet
  std::uint64_t manifest_version = 0;       // 0: no tables yet, or every manifest is lost
  bool manifest_is_lost = false;            // and tables and log themselves tell what they hold
  Lsn purged_through;                       // 0: nothing was purged
  std::uint64_t purged_records = 0;
  std::uint64_t segment_bytes = 0;
  std::string flush_mode;  // of the live writer; of the last one otherwise
  bool live = false;       // a writer has the store open now
  bool clean = false;      // the last writer closed it properly
  // What is seen to be damaged or missing without reading everything, a sentence each, and the
  // records of tables that cannot be opened: counted above all the same.
  std::vector<std::string> faults;
  std::uint64_t unreadable_records = 0;
  std::string store_id;  // UUID
  std::string format_version;
};

// Reads a store while another process writes it, or when nobody does, or from a read-only copy.
// Changes nothing.
//
// A reader sees the records up to the durable LSN at the moment of open() (or the last refresh()),
// never beyond, also while tables are joined and the log is flushed under it; only retention may
// take records away that it has not come to, and then says so by an event. Memory: the manifest,
// and some blocks of a table (2 MiB, or one larger record) or a frame of the log.
//
// Threads: confined to one; a long scan has one of its own, which reads ahead until the scan ends.
// Errors:  not_found when there is no store; corrupt when the format is damaged beyond reading;
// unsupported for a newer
//          version. Damage inside the data does not fail a scan: it is reported as a gap event.
class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(const std::string& directory, io::FileSystem& files);

  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  [[nodiscard]] virtual Lsn durable_lsn() const = 0;
  virtual Status refresh() = 0;
  // Returns true when more is durable than this reader shows, after a refresh, at the latest
  // milliseconds after it became so; false when the time is over or a signal came. A scan that
  // begins behind the last one costs no more than what is new:
  //
  //   for (Selection next; running; next.first = reader.durable_lsn().next()) {
  //     reader.scan(next, on_record, on_event);
  //     while (running && !*reader.wait_for_more(1s)) {
  //     }
  //   }
  //
  // The writer may be another process or this one, may stop, and may come back.
  virtual Result<bool> wait_for_more(std::chrono::milliseconds timeout) = 0;

  // Receives records in LSN order (views valid during the call) until it returns false.
  //
  // Events come where they happened, between the record that they follow and the one behind it,
  // with these exceptions:
  // - Every loss that meets the selected LSNs is told where the records are missing, as a gap
  //   before the first record behind it, and once. If an event was recorded for it, that one is
  //   given there, wherever in the store it stands (with the repair that wrote it, say), and not
  //   again in its own place. A recorded gap of LSNs that are not selected comes where it stands.
  // - Number 0: found by this reading, with no time, such as damage that nobody has recorded yet,
  //   or a purge: which of the selected LSNs retention has removed, before the first that is left.
  //   `after` is the LSN before that place.
  // Where times are selected, events are of those times, and a loss is told if the records around
  // it may be. Whoever reads on behind what he has seen passes over gaps of LSNs that he was told
  // of before: what was found by reading may be recorded later.
  using OnRecord = std::function<bool(const RecordView&)>;
  using OnEvent = std::function<bool(const Event&)>;
  virtual Status scan(const Selection& selection, const OnRecord& on_record,
                      const OnEvent& on_event) = 0;

  virtual Result<StoreStats> stats() = 0;
};

}  // namespace kifa::store
