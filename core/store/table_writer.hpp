#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/records.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_info.hpp"

namespace kifa::store {

struct TableWriterOptions {
  std::string path;  // must not exist
  StoreId store_id{};
  std::uint64_t number = 0;
  std::uint32_t level = 0;
  TableCodec codec = TableCodec::lz4;
  Lsn first;                     // what the first piece begins with
  Digest previous_anchor{};      // of the piece before; zeros: there is none
  std::uint64_t next_event = 1;  // number of the next event if none is added
  std::uint32_t block_bytes_raw = kTableBlockBytes;
  bool is_repaired = false;  // kTableRepaired
  bool in_parallel = false;  // hashing and compressing have threads of their own
};

// Writes one table: records and events in their order, cut into pieces.
//
// After finish() returned an info the file is complete, synced and was read back from the disk; its
// name is not yet durable: sync the directory. In any other case the destructor removes the file.
//
// Threads: confined.
// Errors:  `invalid` when something is added out of order or does not fit, `corrupt` when a piece
//          is not the one expected or the disk gives back other bytes, and those of the file
//          system. After any failure every call returns it; give the table up.
// Limits:  about 2 MiB of memory and one record, in parallel 8 MiB and two records;
//          kTableItemBytesMax for a record with its attributes or an event with its text.
class TableWriter final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<TableWriter>> create(
      io::FileSystem& files, const TableWriterOptions& options);
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;
  ~TableWriter();

  // The LSN is greater than all before.
  Status add(const RecordView& record);
  // Stands behind what was added before it, whatever its `after`; its number is greater than all
  // before.
  Status add(const Event& event);
  // What is added until end_block() stands in this block of another table, which is taken over as
  // it is stored there instead of being gathered and compressed once more. Pieces may end
  // meanwhile.
  Status begin_block(const TableBlockHeader& header, ByteView stored);
  Status end_block();
  // The piece that began behind the one before ends with `last`, which is at least the last LSN
  // added; LSNs in it that were not added are gaps. Returns the piece with its digest and anchor.
  Result<Piece> end_piece(Lsn last);
  // The same for a piece that was computed before: `corrupt` unless this is the same one.
  Status end_piece(const Piece& expected);
  // All was added and the last piece was ended.
  Result<TableInfo> finish();

 private:
  class Impl;
  explicit TableWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kifa::store
