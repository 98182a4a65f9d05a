#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/damaged_file.hpp"
#include "core/store/manifest.hpp"

// MANIFEST-<version> in the directory of a store. The highest valid version counts.
namespace kifa::store {

// What a directory says about its manifest.
struct LoadedManifest {
  std::optional<Manifest> manifest;       // the highest valid version; none: there is no valid one
  std::optional<Manifest> previous;       // the next lower valid one, if its file is still there
  std::vector<std::uint64_t> versions;    // of all names, ascending, damaged ones too
  std::vector<DamagedFile> damaged;       // not removed by anybody here
  std::vector<std::string> unfinished;    // temporary files of a writer that was cut short
  std::vector<std::string> names;         // everything in the directory, sorted
  bool is_rebuilt = false;                // `manifest` is what tables and log say (version 0)
  std::uint64_t highest_version = 0;      // in any name of a manifest
  std::uint64_t highest_file_number = 0;  // in any name of a table or checkpoints file
  // A higher version than `manifest` is there and damaged: the state is an older one.
  [[nodiscard]] bool is_fallback() const {
    return highest_version > (manifest ? manifest->version : 0);
  }
};

// Reads only. Safe beside a writer: a version that goes while it is looked at is passed over.
//
// Errors: unsupported when any undamaged manifest has a newer format. A file that cannot be opened
//         is a failure, one that cannot be read is damaged. not_found: no such directory.
Result<LoadedManifest> load_manifest(io::FileSystem& files, const std::string& directory);

// How a write ended.
struct ManifestWrite {
  Status status;            // ok: `manifest` is durable, and what counts from now on
  bool is_certain = true;   // false, with a failure: after a power cut either version may be what
                            // counts. Files of both must stay, and no edit may follow before the
                            // store is opened again
  std::uint64_t bytes = 0;  // of the new file
};

// Makes `manifest` the newest: writes a temporary file, syncs it, renames it, syncs the directory.
// After any certain failure the version before counts and no new file is left, as far as the disk
// lets it be removed; a failed sync is never repeated on the same file. Table and checkpoints files
// that it names must be durable before, with their names.
ManifestWrite write_manifest(io::FileSystem& files, const std::string& directory,
                             const Manifest& manifest);

}  // namespace kifa::store
