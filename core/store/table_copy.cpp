#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "core/store/mutants.hpp"
#include "core/store/piece_cursor.hpp"
#include "core/store/table_file.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/table_writer.hpp"

// TableReader::copy_to().
namespace kifa::store {

namespace {

// Adds the pieces of a table to another one. Blocks that are compressed well already go over as
// they are stored; what they hold is decoded and hashed all the same.
class TableCopy final {
 public:
  TableCopy(TableFile& file, const std::vector<Piece>& pieces, TableWriter& to)
      : file_(file), to_(to), pieces_(pieces) {}

  Status run() {
    for (std::size_t page = 0; page < file_.top().size(); ++page) {
      const auto blocks = file_.read_page(page);
      KIFA_TRY(blocks.status());
      for (const TableIndexEntry& block : *blocks) {
        KIFA_TRY(file_.read_block(block));
        KIFA_TRY(copy_block(block));
      }
    }
    KIFA_TRY(end_pieces());
    return pieces_.at_end() ? Status() : contradiction("the pieces promise more than it holds");
  }

 private:
  Status copy_block(const TableIndexEntry& block);
  Status copy(const RecordView& record);
  Status copy(const Event& event);
  // Those of which everything was added.
  Status end_pieces() {
    Status status;
    pieces_.end_complete([&](const Piece& piece) {
      status = to_.end_piece(piece);
      return status.is_ok();
    });
    return status;
  }
  [[nodiscard]] Status contradiction(std::string_view what) const {
    return {Code::corrupt, fmt::format("{}: {}", file_.path(), what)};
  }

  TableFile& file_;
  TableWriter& to_;
  PieceCursor pieces_;
};

Status TableCopy::copy(const RecordView& record) {
  KIFA_TRY(end_pieces());
  if (!pieces_.take_record(record.lsn)) {
    return contradiction("it holds a record that no piece promises");
  }
  RecordView copied = record;
  if (mutant_is(Mutant::compaction_changes_record) || mutant_is(Mutant::compaction_not_checked)) {
    copied.flags ^= kRecordResent;
  }
  return to_.add(copied);
}

Status TableCopy::copy(const Event& event) {
  KIFA_TRY(end_pieces());
  return pieces_.take_event() ? to_.add(event)
                              : contradiction("it holds an event that no piece promises");
}

Status TableCopy::copy_block(const TableIndexEntry& block) {
  // Level 0 is compressed for speed.
  const bool as_stored = file_.footer().level > 0;
  if (as_stored) {
    KIFA_TRY(to_.begin_block(file_.block_header(), file_.block_stored()));
  }
  BlockContent& content = file_.content();
  while (true) {
    const BlockContent::Step step = content.next();
    if (step == BlockContent::Step::end) {
      return as_stored ? to_.end_block() : Status();
    }
    if (step == BlockContent::Step::damaged) {
      return contradiction(
          fmt::format("the block at offset {} does not hold together", block.offset));
    }
    KIFA_TRY(step == BlockContent::Step::record ? copy(content.record()) : copy(content.event()));
  }
}

}  // namespace

Status TableReader::copy_to(TableWriter& to) {
  const auto pieces = file_->read_pieces();
  KIFA_TRY(pieces.status());
  return TableCopy(*file_, *pieces, to).run();
}

}  // namespace kifa::store
