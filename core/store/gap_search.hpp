#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/records.hpp"

namespace kifa::store {

// Finds the events that tell why LSNs are missing. Such an event stands where the loss was noticed,
// which may be far behind the place of the records: with whoever repaired the store.
//
// Reads nothing until it is asked, and then only blocks with events, of tables with gaps from the
// place on, and the log.
//
// Threads: confined.
// Errors:  what cannot be read is passed over: whoever reads it for its records tells of it.
// Limits:  kKeptMax gaps are kept; kLookedAtMax gaps in tables are looked at for each question. A
//          gap that is not found for that is told without its reason.
class GapSearch final {
 public:
  static constexpr std::size_t kKeptMax = 1000;
  static constexpr std::uint64_t kLookedAtMax = 10'000;

  GapSearch(io::FileSystem& files, const std::string& directory)
      : files_(files), directory_(directory) {}

  // The recorded gaps that meet `first` to `last`, by their first LSN. Asked with rising LSNs;
  // valid until it is asked again.
  std::vector<const Event*> find(const LogScan& log, Lsn first, Lsn last);
  // What was found; the next question is answered from what the store is then.
  void forget() { known_through_ = {}; }

 private:
  void search(const LogScan& log, Lsn from);
  void search_table(const LogScan& log, const TableInfo& table, Lsn from);
  void search_segment(const LogScan& log, std::size_t index, Lsn from);
  void take(const Event& event, Lsn from);

  io::FileSystem& files_;
  const std::string& directory_;
  std::vector<Event> gaps_;  // by first LSN
  Lsn known_through_;        // all gaps that begin up to here were found
};

}  // namespace kifa::store
