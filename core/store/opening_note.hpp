#pragma once

#include <cstdint>

#include "core/store/format.hpp"
#include "core/store/log_scan.hpp"

namespace kifa::store {

// Whether there is nothing to recover: the last writer has closed the store, or there was none, and
// nothing is damaged.
[[nodiscard]] bool has_ended_cleanly(const LogScan& scan);

// What an opening knows beside what it has found.
struct OpeningFacts {
  StoreId store_id{};
  std::int64_t now_unix_ns = 0;
  std::uint64_t disk_budget_bytes = 0;
  std::uint64_t carried_records = 0;  // that no evidence covers, and that are written again
};

// The note that an opening leaves: about itself when it is a recovery, otherwise about the last one
// that was.
[[nodiscard]] OpeningNote next_note(const LogScan& scan, const OpeningFacts& facts);

}  // namespace kifa::store
