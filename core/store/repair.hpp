#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/status.hpp"
#include "core/store/store.hpp"
#include "core/store/verify.hpp"

namespace kifa::store {

struct RepairReport {
  std::uint64_t tables = 0;        // rewritten with what could be read of them
  std::uint64_t lost_records = 0;  // newly recorded as gaps
  VerifyReport after;              // what verification says now
};

// Makes a store with damage whole again, without deleting anything: a damaged table is rewritten
// with what can be read of it, checkpoints that cannot be read are dropped, damaged manifests and
// files that no manifest knows are moved aside, and the store is opened once, which repairs the
// log. What is lost is recorded as gaps. Damaged files stay as NAME.damaged or NAME.orphan.
//
// Of `options` count the directory and what concerns opening it at all. Sizes and disk budget are
// those that the store has, and nothing is compacted or removed by retention.
//
// `environment.report` is told each step, as a sentence. `on_fault` gets what verification still
// finds afterwards. A repair that is cut short can be done again.
//
// Threads: any; callbacks on the caller's. No Store of that directory may be open in this process.
// Errors:  locked: a daemon has the store. not_found: there is none. Those of the file system; a
//          table that cannot be replaced leaves the store as it was. unavailable: a gap cannot be
//          recorded, because the disk or the disk budget is full.
Result<RepairReport> repair_store(const StoreOptions& options, StoreEnvironment environment,
                                  const std::function<void(const VerifyFault&)>& on_fault);

}  // namespace kifa::store
