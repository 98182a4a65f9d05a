#include "core/store/opening_note.hpp"

#include <algorithm>

namespace kifa::store {

namespace {

std::uint32_t at_most_u32(std::size_t count) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(count, UINT32_MAX));
}

}  // namespace

bool has_ended_cleanly(const LogScan& scan) {
  if (!scan.damages.empty() || scan.dropped_tail) {
    return false;
  }
  const bool was_written = scan.status || scan.manifest.manifest || !scan.path.empty();
  // A copy, or a writer that had nothing to write, has no last frame that says so; STATUS does.
  const bool is_stopped = scan.status && scan.status->state == StatusState::stopped &&
                          scan.status->durable == scan.end.at;
  return scan.clean || is_stopped || !was_written;
}

OpeningNote next_note(const LogScan& scan, const OpeningFacts& facts) {
  const bool is_new = scan.store_id == StoreId{};
  OpeningNote note;
  if (scan.opening_note) {
    note = *scan.opening_note;
  } else if (is_new) {
    note.recovery = RecoveryNote::none_yet;
  }
  note.store_id = facts.store_id;
  note.disk_budget_bytes = facts.disk_budget_bytes;
  if (!has_ended_cleanly(scan)) {
    note.recovery = RecoveryNote::noted;
    note.recovery_flags = scan.dropped_tail ? kRecoveryDroppedTail : 0;
    note.recovery_unix_ns = facts.now_unix_ns;
    note.recovery_carried_records = facts.carried_records;
    note.recovery_lost_records = scan.lost_records;
    note.recovery_segments = at_most_u32(scan.path.size());
    note.recovery_damages = at_most_u32(scan.damages.size());
  }
  return note;
}

}  // namespace kifa::store
