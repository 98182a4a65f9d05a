#pragma once

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

// Inclusive; 0 for last means: as far as it goes.
struct LsnRange {
  Lsn first{1};
  Lsn last{0};
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
  std::uint64_t segments = 0;  // with data
  std::uint64_t spare_segments = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t disk_bytes = 0;  // all files of the store
  std::uint64_t segment_bytes = 0;
  std::string flush_mode;  // of the live writer; of the last one otherwise
  bool live = false;       // a writer has the store open now
  bool clean = false;      // the last writer closed it properly
  std::string store_id;    // UUID
  std::string format_version;
};

// Reads a store while another process writes it, or when nobody does, or from a read-only copy.
// Changes nothing.
//
// A reader sees the records up to the durable LSN at the moment of open() (or the last refresh()),
// never beyond. Memory: two frames, whatever the store's size.
//
// Threads: confined to one.
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

  // Receives records in LSN order (views valid during the call) until it returns false.
  using OnRecord = std::function<bool(const RecordView&)>;
  using OnEvent = std::function<bool(const Event&)>;
  virtual Status scan(LsnRange range, const OnRecord& on_record, const OnEvent& on_event) = 0;

  virtual Result<StoreStats> stats() = 0;
};

}  // namespace kifa::store
