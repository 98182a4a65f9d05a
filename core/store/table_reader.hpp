#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/records.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_info.hpp"

namespace kifa::store {

class TableFile;
class TableWriter;

struct TableExpectation {
  std::uint64_t number = 0;
  std::optional<StoreId> store_id = {};
  std::optional<std::uint32_t> footer_crc = {};
};

// What of a table is wanted. All bounds are inclusive.
struct TableFilter {
  Lsn first{1};
  Lsn last{0};                           // 0: as far as it goes
  std::int64_t min_unix_ns = INT64_MIN;  // of records and events
  std::int64_t max_unix_ns = INT64_MAX;
  std::string_view pipeline = {};  // of records; empty: any. Events come from no source: all do
  std::string_view source = {};
  bool only_events = false;
};

// A part of the file that cannot be read. Its records are among first .. last, which may be more
// than it held; 0, 0: no record is lost.
struct TableDamage {
  std::uint64_t offset = 0;
  Lsn first;
  Lsn last;
  std::string why;
};

// LSNs that should be in a table and are not.
struct TableMissing {
  Lsn first;
  Lsn last;
};

// Reads one table. Nothing in the file is believed before it was checked.
//
// Opening reads the footer and the top index. Memory: the top index, index pages and one block, raw
// and stored; a long scan loads more blocks ahead (blocks_ahead.hpp).
//
// Threads: confined.
// Errors:  `corrupt` from open() when footer or top index are damaged or are not what is expected;
//          `unsupported` for a newer format. Damage behind that does not fail a scan: it is
//          reported, and the scan goes on behind it.
class TableReader final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TableReader>> open(io::FileSystem& files,
                                                                 const std::string& path,
                                                                 const TableExpectation& expected);
  TableReader(const TableReader&) = delete;
  TableReader& operator=(const TableReader&) = delete;
  ~TableReader();

  [[nodiscard]] const TableInfo& info() const;
  [[nodiscard]] const StoreId& store_id() const;
  [[nodiscard]] const Digest& previous_anchor() const;  // that its first piece chains to
  [[nodiscard]] bool is_repaired() const;               // kTableRepaired
  [[nodiscard]] Result<std::vector<Piece>> pieces();

  // In LSN order, events where they happened; views are valid during the call. False ends the scan.
  using OnRecord = std::function<bool(const RecordView&)>;
  using OnEvent = std::function<bool(const Event&)>;
  using OnDamage = std::function<void(const TableDamage&)>;
  Status scan(const TableFilter& filter, const OnRecord& on_record, const OnEvent& on_event,
              const OnDamage& on_damage);

  // The LSNs of the filter that are missing, where the blocks around them may be of its times; by
  // the indexes: of blocks only those are read in which records are missing. Parts that cannot be
  // read, of which scan() tells, are passed over.
  [[nodiscard]] std::vector<TableMissing> find_missing(const TableFilter& filter);

  // Reads everything: every checksum, what the indexes say, the digest of every piece and the chain
  // of anchors, which begins with `previous_anchor` (nullopt: what the footer says). Calls
  // `on_fault` for each thing that does not hold, `progress` with the bytes read so far. Fails when
  // the file cannot be read at all.
  using Progress = std::function<void(std::uint64_t bytes)>;
  Status verify(const std::optional<Digest>& previous_anchor, const Progress& progress,
                const OnDamage& on_fault);

  // Adds all pieces of this table to `to`: compaction. Fails with `corrupt` at the first damage and
  // when a piece does not give its digest again.
  Status copy_to(TableWriter& to);

 private:
  explicit TableReader(std::unique_ptr<TableFile> file);
  std::unique_ptr<TableFile> file_;
};

}  // namespace kifa::store
