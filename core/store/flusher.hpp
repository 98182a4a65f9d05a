#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/checkpoint_map.hpp"
#include "core/store/log_index.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/manifest_edit.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

// What one flush is to do.
struct FlushPlan {
  FlushedLog from;
  LogMark to;  // durable
  StoreId store_id{};
  Digest previous_anchor{};
  std::uint64_t table_number = 0;
  std::uint32_t level = 0;
  TableCodec codec = TableCodec::lz4;
  std::uint64_t payload_bytes_max = 0;  // it ends behind the frame that reaches this
  std::string table_path = {};
  // What the disk refuses to read is lost. Otherwise the flush fails there, to be tried again.
  bool gives_up_refused = false;
  bool in_parallel = false;  // reading ahead, hashing and compressing have threads, and 7 MiB
};

struct FlushOutcome {
  FlushEdit edit;                    // without the checkpoints file
  bool checkpoints_changed = false;  // in the map that was given
  std::vector<Damage> damages;       // met on the way: their records are missing in the table
};

// Moves the durable log into a table: reads whole frames back from the disk, checks them, and
// writes their records and events in pieces. That the log is read again, past the page cache, costs
// little beside compressing it, needs no memory, and finds what the disk did not keep while the log
// is still there.
//
// After run() the table is complete, but its name is not durable, and nothing refers to it.
//
// Threads: confined.
// Errors:  those of the file system and of the table; `unavailable`: the disk refuses to read a
//          place of the log. A damaged frame is no error: what is damaged is left out and reported,
//          and the log file is kept.
// Memory:  a frame, and what TableWriter needs.
class Flusher final {
 public:
  Flusher(io::FileSystem& files, std::string directory, const LogIndex& index)
      : files_(files), directory_(std::move(directory)), index_(index) {}

  // Applies the checkpoints of what it has read to `checkpoints`.
  Result<FlushOutcome> run(const FlushPlan& plan, CheckpointMap& checkpoints);

 private:
  io::FileSystem& files_;
  const std::string directory_;
  const LogIndex& index_;
};

}  // namespace kifa::store
