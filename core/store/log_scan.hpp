#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/checkpoint_map.hpp"
#include "core/store/format.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/log_mark.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/records.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/status_file.hpp"

// What a store directory holds, found out by reading alone. Nothing here writes.
namespace kifa::store {

// One segment of the log.
struct LogSegment {
  SegmentHeader header;
  std::uint64_t begin = 0;  // first frame
  std::uint64_t end = 0;    // the log does not go on here at or after this offset; 0: not known yet
  bool rebuilt = false;     // both header copies were damaged
};

// Records that are gone, with the place where they were.
struct Damage {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  Lsn first_lost;  // inclusive; 0: no LSN is known to be lost
  Lsn last_lost;
  std::string why;
};
// Whether a loss that begins with `first` goes on with this one.
[[nodiscard]] inline bool goes_on(const Damage& damage, Lsn first) {
  return damage.first_lost.value != 0 && damage.last_lost.next() == first;
}
[[nodiscard]] Event gap_event_of(const Damage& damage, std::string_view directory);
// Gives a damaged segment a second name, which keeps it for an expert whatever becomes of the
// first. Returns "; it is kept as wal-7.damaged", or nothing when that cannot be.
std::string put_aside(io::FileSystem& files, std::string_view directory, std::uint64_t segment);
// What of a damage stands in none of `known`: ranges of LSNs, or the place if it has none.
[[nodiscard]] std::vector<Damage> parts_not_in(std::span<const Damage> known, const Damage& damage);

struct UncoveredFrame {
  Position at;
  LogMark before;
  bool empty = false;  // a watermark: nothing is lost without it
};

struct LogScan {
  StoreId store_id{};
  bool exists = false;           // there is a store in the directory
  LoadedManifest manifest;       // what is in tables; the log below begins behind that
  std::vector<LogSegment> path;  // the log, oldest first
  Position evidence;             // the highest position known to be durable
  LogMark end;                   // nothing after it counts
  std::deque<UncoveredFrame>
      uncovered;                      // the frames before `end` that no evidence covers, in order
  std::vector<Damage> damages;        // met by this scan and not recorded by a gap event yet
  std::vector<Damage> known_damages;  // that a gap event behind them tells of
  std::uint64_t lost_records = 0;     // in `damages`
  bool dropped_tail = false;          // something after `end` was begun and never acknowledged
  bool clean = false;                 // the last frame says that the writer closed the store
  CheckpointMap checkpoints;
  CheckpointMap flushed_checkpoints;  // of what is in tables; not with only_tail
  std::uint32_t boot_ordinal = 0;     // of the last frame or header; 0: none
  std::string boot_id;
  std::int64_t wall_minus_boot_ns = 0;  // when the last frame was built
  // Without one in the manifest: the time that frames and tables make believable. Not with
  // only_tail.
  TrustedClock first_clock;
  std::uint32_t flush_mode = 0;
  std::uint64_t highest_number = 0;     // of any segment file, whatever is in it
  std::vector<std::uint64_t> spares;    // never used or recycled, in order
  std::vector<std::uint64_t> dead;      // off the path, in order
  std::vector<std::uint64_t> suspects;  // damaged beyond telling what they are; left alone
  std::uint64_t file_bytes = 0;         // of all files
  bool has_reserve = false;             // RESERVE is there
  std::map<std::uint64_t, std::uint64_t> segment_file_bytes;  // by number
  std::optional<StatusSlot> status;
  std::optional<OpeningNote> opening_note;  // of the last opening for writing, of this store
  std::string lost_checkpoints;             // why those of what is in tables cannot be read
  std::vector<std::string> leftovers;       // unfinished files of an earlier writer
  std::vector<std::string> foreign;         // names that are not the store's

  // How much of the log has gone into tables.
  [[nodiscard]] FlushedLog flushed() const {
    return manifest.manifest ? manifest.manifest->flushed : FlushedLog{};
  }
  // The end of what evidence covers: the log is continued from here, and later frames are carried
  // over.
  [[nodiscard]] const LogMark& covered() const {
    return uncovered.empty() ? end : uncovered.front().before;
  }
};

struct LogScanOptions {
  std::string directory;
  // Reads only the end of the log: enough to know where it ends. Counters come from segment
  // headers; checkpoints and damage in older segments stay unknown.
  bool only_tail = false;
  // Tables without any manifest that could be read are a failure: the log alone would pass for the
  // whole store. Otherwise what they held is found to be missing.
  bool needs_manifest = true;
  // With a live writer: the log ends at this position and nothing is asked about what is after it.
  std::optional<Position> live_end = std::nullopt;
  bool in_parallel = false;  // reading has a thread of its own where the log is long
};

// What is damaged beside the log, a sentence each. No record is lost with it: an older manifest and
// the log behind it say the same, and sources without checkpoints send again.
[[nodiscard]] std::vector<std::string> side_damages_of(const LogScan& scan,
                                                       std::string_view directory);

// not_found: no such directory, or no store in it. unsupported: a newer format. corrupt: no
// manifest can be read, and the log alone is not the whole store.
Result<LogScan> scan_log(io::FileSystem& files, const LogScanOptions& options);

}  // namespace kifa::store
