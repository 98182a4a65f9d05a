#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"

namespace kifa::store {

struct BackupOptions {
  std::string directory;
  std::string target;  // must not be there; its parent must
  // Bytes copied so far, of all that are to be; false gives the backup up with `closed`.
  std::function<bool(std::uint64_t done, std::uint64_t all)> on_progress =
      [](std::uint64_t, std::uint64_t) { return true; };
};

struct BackupReport {
  Lsn last;  // the copy holds everything up to it
  std::uint64_t tables = 0;
  std::uint64_t linked_bytes = 0;  // share their place on the disk with the store
  std::uint64_t copied_bytes = 0;
  std::uint64_t damages = 0;  // of the store's log, and so of the copy's
};

// Makes a copy of a store, live or not, as it was at one moment: everything that was durable when
// the log was looked at. The copy is a store of its own, closed, that can be read, verified and
// opened; cursors go with it, holds do not.
//
// When it returns ok the copy is durable under its name; in any other case nothing is left. A crash
// leaves `target`.partial at most, which nobody takes for a store's copy.
//
// Threads: any; changes nothing in the store.
// Errors:  `invalid`: the target is there, or in the store. `corrupt`: a table or the checkpoints
//          are missing or were damaged while they were copied. Those of the file system.
Result<BackupReport> back_up_store(io::FileSystem& files, const BackupOptions& options);

}  // namespace kifa::store
