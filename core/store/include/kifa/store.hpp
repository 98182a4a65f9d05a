#pragma once

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/backup.hpp"
#include "core/store/cursors.hpp"
#include "core/store/reader.hpp"
#include "core/store/records.hpp"
#include "core/store/repair.hpp"
#include "core/store/store.hpp"
#include "core/store/verify.hpp"

// The store of kifa for other programs: an append-only log of records in which everything
// acknowledged survives power loss, read while it is written.
//
//   find_package(kifa-store REQUIRED)
//   target_link_libraries(program PRIVATE kifa::store)
//
// A program that stores one sale and reads all of them (examples/store-journal is a larger one):
//
//   #include <kifa/store.hpp>
//   using namespace kifa;
//
//   Status keep(std::string_view sale) {
//     auto journal = store::Store::open({.directory = "journal"}, store::this_machine());
//     if (!journal) {
//       return journal.error();
//     }
//     const store::RecordView record{.observed_unix_ns = SystemClock().now_unix_ns(),
//                                    .payload = as_byte_view(sale)};
//     const auto lsn = (*journal)->append_durable({.pipeline = "shop", .source = "till-1",
//                                                  .records = {&record, 1}});
//     return lsn ? (*journal)->close() : lsn.error();  // with an LSN it is on the disk
//   }
//
//   Status print() {
//     auto reader = store::Reader::open("journal", io::posix_file_system());
//     if (!reader) {
//       return reader.error();
//     }
//     return (*reader)->scan({}, [](const store::RecordView& record) {
//       std::cout << record.lsn.value << ' ' << as_text(record.payload) << '\n';
//       return true;
//     }, [](const store::Event& event) { return true; });
//   }
//
// Where to read on:
//   Store       open, append (one, many, with a callback), flush, checkpoints, flush mode, close
//   Reader      a snapshot: scan by LSN, by time, by origin; statistics; waiting for more
//   verify_store, newest_anchor, Anchor     every byte checked, and compared with an earlier day
//   repair_store, back_up_store             a damaged store made whole; a copy, also of a live one
//   set_cursor, list_cursors, remove_cursor, Cursor     what retention must leave alone
//   StoreOptions, StoreEnvironment          how a store is written; retention is among it
//   Status      every failure, as one sentence and a Code; Result<T> is a T or a Status
//
// Writers and readers may be different processes; one process writes at a time. Everything that
// must survive goes through Store; records and files are described in docs/formats. Times are
// nanoseconds, since 1970 where a name says unix; sizes are bytes; LSNs count records from 1.
//
// Nothing here throws. Names that are in these headers and not named above may change.
namespace kifa::store {

// The files and clocks of this machine; `report` is told what an operator should know.
[[nodiscard]] StoreEnvironment this_machine(Reporter report = [](Severity, const std::string&) {});

}  // namespace kifa::store
