#pragma once

#include <cstdint>

// Deliberate faults of the protocol. The crash tests switch them on one at a time, in a build of
// the store of their own, and must notice every one: a test that catches nothing proves nothing. In
// the normal build they cost nothing.
namespace kifa::store {

enum class Mutant : std::uint8_t {
  none,
  acknowledge_before_sync,   // a frame counts as durable when its write is issued
  no_directory_sync,         // of a new segment
  epoch_not_checked,         // left out of what makes a frame valid
  half_block_rewritten,      // the next frame begins in the last frame's half-filled block
  sync_retried,              // a failed fdatasync is called again and believed
  append_into_torn_segment,  // recovery goes on in the old segment behind the torn tail
  acknowledge_out_of_order,  // a frame is acknowledged though an earlier one is still in flight
  evidence_by_later_header,  // a later segment's header alone counts as proof of what is before it
  window_by_count,           // two frames in flight, whichever they are
  recovery_header_first,     // a recovered segment is named by its header before the carried frames
                             // are durable
  durable_write_as_barrier,  // a durable write stands in for the sync of earlier frames
  switch_without_sync,       // leaving normal mode without a sync point
  one_error_ignored,         // of two writes in flight that fail, one is forgotten
  show_before_durable,       // readers are told an LSN before it is durable
  no_manifest_directory_sync,   // of a new manifest
  no_table_directory_sync,      // of a new table
  table_not_synced,             // before the manifest names it
  unlink_before_manifest,       // what an edit replaces goes before the edit is durable
  flush_above_durable,          // tables are made of frames that are not durable
  compaction_changes_record,    // a record changes while it is copied: the check must refuse it
  compaction_not_checked,       // the same, and nobody looks
  wrong_clock_believed,         // retention by age after a jump of the clock
  hold_ignored,                 // retention removes what somebody holds
  purge_not_told,               // records go without an event that says why
  checkpoints_lost_with_purge,  // of sources whose records were all removed
  log_read_through_cache,       // by recovery and readers: it may hold what the disk does not
  number_given_again,           // after a cut a new segment gets the number of a file that is there
};

#ifdef KIFA_STORE_MUTANTS
extern Mutant active_mutant;
[[nodiscard]] inline bool mutant_is(Mutant mutant) { return active_mutant == mutant; }
#else
[[nodiscard]] constexpr bool mutant_is(Mutant /*mutant*/) { return false; }
#endif

}  // namespace kifa::store
