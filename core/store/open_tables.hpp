#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/store.hpp"

// What opening a store does about manifests, tables and checkpoints that are not as they should be.
namespace kifa::store {

// The highest version of a manifest that the log or STATUS has seen durable; 0: none.
[[nodiscard]] std::uint64_t named_manifest_version(const LogScan& scan);

// Why the manifest found is not the newest that the store had, as part of a sentence; empty: it is.
// A store without one has never had any, as far as anything can tell.
[[nodiscard]] std::string why_outdated(const LogScan& scan);

// To be called with the lock and before the first edit of the manifest, which would take unknown
// files for superseded ones.
//
// Files that no manifest knows are removed when the newest manifest is there and whole: a flush or
// a compaction was cut short. Otherwise they may hold records that nothing else holds, and are
// moved aside as NAME.orphan; damaged manifests are moved aside as NAME.damaged in any case. Every
// such file, every table that is missing, and lost checkpoints are reported as errors. Unfinished
// files (*.tmp) are removed. Takes what was removed off scan.file_bytes.
//
// Errors: `corrupt` with refuse_corruption, before anything was changed. A file that cannot be
// moved
//         aside is a failure: going on could remove it.
Status settle_tables(const StoreOptions& options, const StoreEnvironment& environment,
                     LogScan& scan);

}  // namespace kifa::store
