#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io/file_system.hpp"
#include "core/store/log_scan.hpp"

namespace kifa::store {

// What can be seen of a store's files without reading what is in them.
struct StoreHealth {
  std::vector<std::string> faults;       // a sentence each; empty: nothing was found
  std::uint64_t unreadable_records = 0;  // in tables that cannot be opened
  bool manifest_is_lost = false;         // there was one, and none is left
};

// Opens every table that the manifest of `scan` names, and says what is wrong with manifests and
// checkpoints. A table that a newer manifest does without is no fault. verify_store() reads
// everything.
[[nodiscard]] StoreHealth look_at_health(io::FileSystem& files, const std::string& directory,
                                         const LogScan& scan);

}  // namespace kifa::store
