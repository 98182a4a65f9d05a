#pragma once

#include <optional>
#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/manifest.hpp"

namespace kifa::store {

// What the manifest must have said, from the footers of the tables and the path of the log in
// `scan`; reads only. Its version is 0: the next edit writes it under a new one.
//
// Of tables that hold the same records the largest is taken; what retention had removed, or is lost
// before the oldest table, counts as purged. Checkpoints are those of the newest file that holds.
// nullopt: the log alone tells everything, or there is nothing to tell it from; then records may be
// in tables that cannot be read.
Result<std::optional<Manifest>> rebuild_manifest(io::FileSystem& files,
                                                 const std::string& directory, const LogScan& scan);

}  // namespace kifa::store
