#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/manifest.hpp"
#include "core/store/records.hpp"
#include "core/store/verify.hpp"

namespace kifa::store {

struct LsnRange {
  Lsn first;
  Lsn last;
};

// What was found in one table.
struct TableVerdict {
  bool readable = false;  // it could be opened
  bool whole = false;     // no fault was found in it
  bool repaired = false;  // its pieces do not lead to the anchor that the manifest says
  Digest previous_anchor{};
  std::optional<Piece> last_piece = std::nullopt;
  std::optional<Piece> asked = std::nullopt;  // the piece that ends where the given anchor ends
  std::vector<LsnRange> missing = {};         // LSNs that are no records
  std::vector<LsnRange> damaged = {};         // of those, what faults were reported for
  std::vector<Event> gaps = {};               // gap events with LSNs
};

// Verifies tables, each once.
//
// Threads: confined.
class TableVerifier final {
 public:
  TableVerifier(io::FileSystem& files, std::string directory, std::optional<Lsn> anchor_last,
                std::function<void(const VerifyFault&)> on_fault)
      : files_(files),
        directory_(std::move(directory)),
        anchor_last_(anchor_last),
        on_fault_(std::move(on_fault)) {}

  // Null: the file cannot be opened, for the reason in `why`; nothing was reported.
  using Progress = std::function<void(std::uint64_t bytes)>;
  const TableVerdict* verify(const StoreId& store_id, const TableInfo& table,
                             const Progress& progress, Status& why);
  // Reports the table that cannot be opened as a fault.
  const TableVerdict& give_up(const TableInfo& table, const Status& why);
  [[nodiscard]] const TableVerdict& verdict(const TableInfo& table) const {
    return verdicts_.at(table.number);
  }
  [[nodiscard]] std::size_t count() const { return verdicts_.size(); }

 private:
  io::FileSystem& files_;
  const std::string directory_;
  const std::optional<Lsn> anchor_last_;
  const std::function<void(const VerifyFault&)> on_fault_;
  std::map<std::uint64_t, TableVerdict> verdicts_;  // by number
};

}  // namespace kifa::store
