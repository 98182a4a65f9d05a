#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/table_info.hpp"

namespace kifa::store {

// What a piece looked like once: its LSNs and the hash over it and everything before it. Written
// down elsewhere, it tells later whether all records up to `last` are still the same.
struct Anchor {
  Lsn first;
  Lsn last;
  Digest digest{};
  bool operator==(const Anchor&) const = default;
};
// "1:4711:" and 64 hexadecimal digits.
[[nodiscard]] std::string to_string(const Anchor& anchor);
[[nodiscard]] Result<Anchor> anchor_from(std::string_view text);

enum class FaultKind : std::uint8_t {
  manifest,
  table,  // a file that is missing or damaged
  chain,  // the pieces are not those that they were
  checkpoints,
  log,
  status,
  cursor,
  records,  // LSNs that are neither records nor in a gap; totals that do not hold
  anchor,   // the one that was given
};
[[nodiscard]] std::string_view to_string(FaultKind kind);

struct VerifyFault {
  FaultKind kind = FaultKind::table;
  std::string file = {};     // path; empty: no single one
  std::uint64_t offset = 0;  // in it
  Lsn first = {};            // what is affected; 0: no LSN is known to be
  Lsn last = {};
  std::string text = {};  // one sentence that says all of this
};

struct VerifyOptions {
  std::string directory;
  std::optional<Anchor> anchor = std::nullopt;
  std::function<void(const VerifyFault&)> on_fault = [](const VerifyFault&) {};
  // Bytes of tables and log read so far, of all that are to be read; a live store grows.
  std::function<void(std::uint64_t done, std::uint64_t all)> on_progress = [](std::uint64_t,
                                                                              std::uint64_t) {};
};

struct VerifyReport {
  std::uint64_t faults = 0;
  std::vector<std::string> notes;  // what is no fault and worth knowing
  std::uint64_t tables = 0;
  std::uint64_t records = 0;       // read and found good
  std::uint64_t lost_records = 0;  // in recorded gaps
  Lsn first;                       // lowest LSN that is not purged
  Lsn last;                        // durable
  std::uint64_t bytes = 0;         // read
  std::uint64_t manifest_version = 0;
  bool live = false;             // beside a writer
  std::optional<Anchor> anchor;  // of the last piece, to be written down; none: no piece yet
};

// Reads a whole store and checks everything that can be checked: manifests, every block of every
// table, the chain of pieces from the first one, or from what retention has left, to the last,
// checkpoints, cursors, the frames of the log, STATUS; that every LSN is a record or in a recorded
// gap, and that the totals are those counted.
//
// Changes nothing. Safe beside a writer: it sees what was durable when it got there, and what
// flushing, compaction or retention take away meanwhile is looked for in the next manifest.
//
// Threads: any; callbacks on the caller's.
// Errors:  faults are no error but reported. not_found: no store; unsupported: a newer format;
//          failures of the file system that say nothing about what it holds.
// Memory:  the manifest, the pieces of a table, and what TableReader and the log scan need.
Result<VerifyReport> verify_store(io::FileSystem& files, const VerifyOptions& options);

// The anchor of the last piece of a store as it stands now, that verify_store() would report; none:
// nothing is in tables yet. Reads the manifest and the last table's list of pieces, so it costs
// milliseconds and checks nothing else. Safe beside a writer.
//
// Errors: of the last table, when it cannot be read; not_found: no such directory.
Result<std::optional<Anchor>> newest_anchor(io::FileSystem& files, const std::string& directory);

}  // namespace kifa::store
