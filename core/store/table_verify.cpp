#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "core/store/canonical.hpp"
#include "core/store/piece_cursor.hpp"
#include "core/store/table_file.hpp"
#include "core/store/table_reader.hpp"

// The parts of TableReader that go through a table piece by piece.
namespace kifa::store {

namespace {

// One walk over the whole file.
class TableCheck final {
 public:
  TableCheck(TableFile& file, const TableReader::Progress& progress,
             const TableReader::OnDamage& on_fault)
      : file_(file), progress_(progress), on_fault_(on_fault) {}

  void run(const std::optional<Digest>& previous_anchor);

 private:
  void fault(std::uint64_t offset, Lsn first, Lsn last, std::string why) {
    ++faults_;
    on_fault_({.offset = offset, .first = first, .last = last, .why = std::move(why)});
  }
  template <class T>
  void take(Result<T> read, std::uint64_t offset, T& to) {
    if (read) {
      to = std::move(*read);
    } else {
      fault(offset, {}, {}, read.error().message());
    }
  }
  void check_anchors(const std::optional<Digest>& previous_anchor);
  void check_page(std::size_t page);
  void check_block(const TableIndexEntry& block);
  [[nodiscard]] std::string_view check_content(const TableIndexEntry& block);
  [[nodiscard]] bool is_listed(const TableIndexEntry& block, const RecordView& record);
  template <class Item>
  void hash(const Item& item, bool is_expected);
  void end_pieces();
  void check_totals();

  TableFile& file_;
  const TableReader::Progress& progress_;
  const TableReader::OnDamage& on_fault_;
  std::uint64_t faults_ = 0;
  std::vector<Piece> pieces_;
  std::vector<TableFile::Source> sources_;
  std::optional<PieceCursor> cursor_;  // empty: it is not known any more what belongs to a piece
  PieceHasher hasher_;
  std::uint64_t last_lsn_ = 0;
  std::uint64_t last_event_ = 0;
  std::string_view checked_source_;  // of the record before, in the same block
  std::string_view checked_pipeline_;
  TableFooter seen_;  // what was counted
};

void TableCheck::run(const std::optional<Digest>& previous_anchor) {
  const TableFooter& footer = file_.footer();
  if (const auto header = file_.read_header(); !header) {
    fault(0, {}, {}, header.error().message());
  }
  take(file_.read_sources(), footer.sources.offset, sources_);
  take(file_.read_pieces(), footer.pieces.offset, pieces_);
  if (faults_ == 0 || !pieces_.empty()) {
    cursor_.emplace(pieces_);
    check_anchors(previous_anchor);
  }
  for (std::size_t page = 0; page < file_.top().size(); ++page) {
    check_page(page);
  }
  if (cursor_) {
    end_pieces();
  }
  if (cursor_ && !cursor_->at_end()) {
    fault(footer.pieces.offset, {}, {}, "the pieces promise more than the table holds");
  }
  check_totals();
}

// The pieces follow each other without a hole, and each is chained to the one before.
void TableCheck::check_anchors(const std::optional<Digest>& previous_anchor) {
  const TableFooter& footer = file_.footer();
  if (previous_anchor && *previous_anchor != footer.previous_anchor) {
    fault(footer.pieces.offset, {}, {}, "the table is not chained to the piece before it");
  }
  Digest anchor = footer.previous_anchor;
  Lsn next{footer.first_lsn};
  for (const Piece& piece : pieces_) {
    anchor = chain_anchor(footer.store_id, anchor, piece);
    if (piece.anchor != anchor || piece.first != next || piece.last.next() < piece.first) {
      fault(footer.pieces.offset, piece.first, piece.last, "the chain of pieces is broken");
      return;
    }
    next = piece.last.next();
  }
  if (anchor != footer.last_anchor || next != Lsn{footer.last_lsn}.next()) {
    fault(footer.pieces.offset, {}, {}, "the chain of pieces does not end as the footer says");
  }
}

void TableCheck::check_page(std::size_t page) {
  const TableTopEntry& top = file_.top()[page];
  auto blocks = file_.read_page(page);
  std::uint64_t end = file_.blocks_end(page);
  if (!blocks) {
    fault(top.offset, {}, {}, blocks.error().message());
    blocks = file_.find_blocks(page, end);
  }
  TableTopEntry seen;
  for (const TableIndexEntry& block : *blocks) {
    extend(seen, block);
    check_block(block);
    if (progress_) {
      progress_(block.offset + block.block_bytes);
    }
  }
  if (end != file_.blocks_end(page)) {
    fault(end, Lsn{std::max(last_lsn_ + 1, top.first_lsn)}, Lsn{top.last_lsn},
          "blocks cannot be found without their index page");
    cursor_.reset();
    return;
  }
  if (seen.first_lsn != top.first_lsn || seen.last_lsn != top.last_lsn ||
      seen.first_after != top.first_after || seen.last_after != top.last_after ||
      seen.event_count != top.event_count || seen.min_unix_ns != top.min_unix_ns ||
      seen.max_unix_ns != top.max_unix_ns) {
    fault(top.offset, {}, {}, "the top index says something else than the page");
  }
}

void TableCheck::check_block(const TableIndexEntry& block) {
  const Status read = file_.read_block(block);
  const std::string_view why = read ? check_content(block) : std::string_view(read.message());
  ++seen_.block_count;
  if (!why.empty()) {
    fault(block.offset, Lsn{block.first_lsn}, Lsn{block.last_lsn}, std::string(why));
    // What the pieces around it should give can no longer be told.
    cursor_.reset();
  }
}

template <class Item>
void TableCheck::hash(const Item& item, bool is_expected) {
  if (is_expected) {
    hasher_.add(item);
    return;
  }
  fault(file_.footer().pieces.offset, {}, {}, "the table holds something that no piece promises");
  cursor_.reset();
}

// Why the block is not what the index says; empty: it is.
std::string_view TableCheck::check_content(const TableIndexEntry& block) {
  BlockContent& content = file_.content();
  checked_source_ = {};
  checked_pipeline_ = {};
  while (true) {
    const BlockContent::Step step = content.next();
    if (step == BlockContent::Step::end) {
      return {};
    }
    if (step == BlockContent::Step::damaged) {
      return "a block does not hold together";
    }
    if (cursor_) {
      end_pieces();
    }
    if (step == BlockContent::Step::event) {
      const Event& event = content.event();
      if (event.number <= last_event_) {
        return "an event stands out of order";
      }
      last_event_ = event.number;
      ++seen_.events;
      seen_.gaps += event.kind == EventKind::gap ? 1 : 0;
      seen_.lost_records += event.kind == EventKind::gap ? event.records : 0;
      if (cursor_) {
        hash(event, cursor_->take_event());
      }
      continue;
    }
    const RecordView& record = content.record();
    if (record.lsn.value <= last_lsn_) {
      return "a record stands out of order";
    }
    if (!is_listed(block, record)) {
      return "a block holds a source that the index does not list";
    }
    last_lsn_ = record.lsn.value;
    ++seen_.records;
    seen_.payload_bytes += record.payload.size();
    seen_.min_unix_ns = std::min(seen_.min_unix_ns, record.observed_unix_ns);
    seen_.max_unix_ns = std::max(seen_.max_unix_ns, record.observed_unix_ns);
    if (cursor_) {
      hash(record, cursor_->take_record(record.lsn));
    }
  }
}

bool TableCheck::is_listed(const TableIndexEntry& block, const RecordView& record) {
  // Views of one group are the same memory.
  const bool is_known = checked_source_.data() == record.source.data() &&
                        checked_pipeline_.data() == record.pipeline.data() &&
                        checked_source_.data() != nullptr;
  if (is_known || block.source_count == kAnySource || sources_.empty()) {
    return true;
  }
  for (const std::uint16_t index : std::span(block.sources).first(block.source_count)) {
    if (index < sources_.size() && sources_[index].pipeline == record.pipeline &&
        sources_[index].source == record.source) {
      checked_source_ = record.source;
      checked_pipeline_ = record.pipeline;
      return true;
    }
  }
  return false;
}

void TableCheck::end_pieces() {
  cursor_->end_complete([this](const Piece& piece) {
    if (hasher_.finish() != piece.digest) {
      fault(file_.footer().pieces.offset, piece.first, piece.last,
            "the records of a piece are not those that it was made of");
    }
    return true;
  });
}

// Only when nothing else is wrong: what cannot be read is missing in the sums.
void TableCheck::check_totals() {
  const TableFooter& footer = file_.footer();
  const bool holds = seen_.records == footer.records &&
                     seen_.payload_bytes == footer.payload_bytes && seen_.events == footer.events &&
                     seen_.gaps == footer.gaps && seen_.lost_records == footer.lost_records &&
                     seen_.min_unix_ns == footer.min_unix_ns &&
                     seen_.max_unix_ns == footer.max_unix_ns &&
                     seen_.block_count == footer.block_count && last_lsn_ <= footer.last_lsn;
  if (faults_ == 0 && !holds) {
    fault(footer.file_bytes - sizeof footer, {}, {}, "the footer's totals are not those found");
  }
}

}  // namespace

Status TableReader::verify(const std::optional<Digest>& previous_anchor, const Progress& progress,
                           const OnDamage& on_fault) {
  TableCheck(*file_, progress, on_fault).run(previous_anchor);
  return {};
}

}  // namespace kifa::store
