#pragma once

#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/log_scan.hpp"

namespace kifa::store {

[[nodiscard]] std::string segment_path(std::string_view directory, std::uint64_t number);

// The first part of scan_log: lists the directory, reads all segment headers and walks from the
// newest segment back along the predecessors. Fills everything of `scan` that does not need the
// frames.
Status find_path(io::FileSystem& files, const LogScanOptions& options, LogScan& scan);

}  // namespace kifa::store
