#pragma once

#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/log_scan.hpp"

// A store as it stands now, for whoever reads all of it: verification and backup.
namespace kifa::store {

struct StoreView {
  LogScan log;        // read in whole; live: up to what was durable at the beginning
  bool live = false;  // a writer has the store open
};

// not_found: there is no store. unavailable: it is opened and closed again and again.
Result<StoreView> view_store(io::FileSystem& files, const std::string& directory);

// Whether the store has a newer manifest than `view`, so that a file that is gone or replaced is no
// fault.
Result<bool> is_outdated(io::FileSystem& files, const std::string& directory,
                         const StoreView& view);

}  // namespace kifa::store
