#include "core/store/table_reader.hpp"

#include <algorithm>
#include <utility>

#include "core/store/table_file.hpp"

namespace kifa::store {

namespace {

// One walk over the blocks that a filter may want.
class TableScan final {
 public:
  TableScan(TableFile& file, const TableFilter& filter, const TableReader::OnRecord& on_record,
            const TableReader::OnEvent& on_event, const TableReader::OnDamage& on_damage)
      : file_(file),
        filter_(filter),
        on_record_(on_record),
        on_event_(on_event),
        on_damage_(on_damage) {}

  Status run() {
    if (!filter_.pipeline.empty() || !filter_.source.empty()) {
      find_sources();
    }
    for (std::size_t page = 0; page < file_.top().size() && !done_; ++page) {
      const TableTopEntry& top = file_.top()[page];
      const bool wanted = may_hold_wanted(top, top.last_lsn != 0, top.event_count != 0);
      if (wanted) {
        scan_page(page);
      }
    }
    return {};
  }

 private:
  [[nodiscard]] bool wants_lsn(std::uint64_t first, std::uint64_t last) const {
    return last >= filter_.first.value && (filter_.last.value == 0 || first <= filter_.last.value);
  }
  // An event belongs to the record that it follows and to the one behind it.
  [[nodiscard]] bool wants_after(std::uint64_t first, std::uint64_t last) const {
    return (last == UINT64_MAX || last + 1 >= filter_.first.value) &&
           (filter_.last.value == 0 || first <= filter_.last.value);
  }
  [[nodiscard]] bool wants_time(std::int64_t first, std::int64_t last) const {
    return last >= filter_.min_unix_ns && first <= filter_.max_unix_ns;
  }
  template <class Entry>
  [[nodiscard]] bool may_hold_wanted(const Entry& entry, bool has_records, bool has_events) const {
    const bool in_range = (has_records && wants_lsn(entry.first_lsn, entry.last_lsn)) ||
                          (has_events && wants_after(entry.first_after, entry.last_after));
    return in_range && wants_time(entry.min_unix_ns, entry.max_unix_ns);
  }
  [[nodiscard]] bool may_hold_source(const TableIndexEntry& block) const;
  [[nodiscard]] bool wants_source(std::string_view pipeline, std::string_view source) const {
    return (filter_.pipeline.empty() || pipeline == filter_.pipeline) &&
           (filter_.source.empty() || source == filter_.source);
  }
  void find_sources();
  void scan_page(std::size_t page);
  void scan_block(const TableIndexEntry& block);
  void report(std::uint64_t offset, Lsn first, Lsn last, const Status& why) {
    on_damage_({.offset = offset, .first = first, .last = last, .why = why.message()});
  }

  TableFile& file_;
  const TableFilter& filter_;
  const TableReader::OnRecord& on_record_;
  const TableReader::OnEvent& on_event_;
  const TableReader::OnDamage& on_damage_;
  bool knows_sources_ = false;
  std::vector<bool> wanted_sources_;  // by index in the table's sources
  bool done_ = false;
  std::uint64_t last_lsn_ = 0;  // blocks never go back
};

void TableScan::find_sources() {
  const auto sources = file_.read_sources();
  if (!sources) {
    // All blocks are read then.
    report(file_.footer().sources.offset, {}, {}, sources.error());
    return;
  }
  for (const TableFile::Source& known : *sources) {
    wanted_sources_.push_back(wants_source(known.pipeline, known.source));
  }
  knows_sources_ = true;
}

bool TableScan::may_hold_source(const TableIndexEntry& block) const {
  if (!knows_sources_ || block.source_count == kAnySource || block.event_count != 0) {
    return true;
  }
  for (const std::uint16_t index : std::span(block.sources).first(block.source_count)) {
    if (index >= wanted_sources_.size() || wanted_sources_[index]) {
      return true;
    }
  }
  return false;
}

void TableScan::scan_page(std::size_t page) {
  const TableTopEntry& top = file_.top()[page];
  auto blocks = file_.read_page(page);
  std::uint64_t end = file_.blocks_end(page);
  if (!blocks) {
    report(top.offset, {}, {}, blocks.error());
    blocks = file_.find_blocks(page, end);
  }
  const Lsn first_unread{last_lsn_ + 1};
  Lsn first_lost = std::max(first_unread, Lsn{top.first_lsn});
  for (const TableIndexEntry& block : *blocks) {
    if (block.last_lsn != 0) {
      first_lost = {block.last_lsn + 1};
    }
    const bool wanted = may_hold_wanted(block, block.record_count != 0, block.event_count != 0);
    if (wanted && may_hold_source(block)) {
      scan_block(block);
    }
    if (done_) {
      return;
    }
  }
  if (end != file_.blocks_end(page)) {
    const bool loses_records = first_lost <= Lsn{top.last_lsn};
    report(end, loses_records ? first_lost : Lsn{}, loses_records ? Lsn{top.last_lsn} : Lsn{},
           {Code::corrupt, "blocks cannot be found without their index page"});
  }
}

void TableScan::scan_block(const TableIndexEntry& block) {
  Status read = file_.read_block(block);
  if (read && block.record_count != 0 && block.first_lsn <= last_lsn_) {
    read = {Code::corrupt, "a block stands out of order"};
  }
  BlockContent& content = file_.content();
  Lsn first_lost{block.first_lsn};
  while (read && !done_) {
    const BlockContent::Step step = content.next();
    if (step == BlockContent::Step::end) {
      break;
    }
    if (step == BlockContent::Step::damaged) {
      read = {Code::corrupt, "a block does not hold together"};
    } else if (step == BlockContent::Step::event) {
      const Event& event = content.event();
      done_ = wants_after(event.after.value, event.after.value) &&
              wants_time(event.observed_unix_ns, event.observed_unix_ns) && !on_event_(event);
    } else {
      const RecordView& record = content.record();
      first_lost = record.lsn.next();
      const bool wanted = wants_lsn(record.lsn.value, record.lsn.value) &&
                          wants_time(record.observed_unix_ns, record.observed_unix_ns) &&
                          wants_source(record.pipeline, record.source);
      done_ = wanted && !on_record_(record);
    }
  }
  if (block.record_count != 0) {
    last_lsn_ = std::max(last_lsn_, block.last_lsn);
  }
  if (!read) {
    const bool loses_records = block.record_count != 0 && first_lost.value <= block.last_lsn;
    report(block.offset, loses_records ? first_lost : Lsn{},
           loses_records ? Lsn{block.last_lsn} : Lsn{}, read);
  }
}

}  // namespace

TableReader::TableReader(std::unique_ptr<TableFile> file) : file_(std::move(file)) {}
TableReader::~TableReader() = default;

Result<std::unique_ptr<TableReader>> TableReader::open(io::FileSystem& files,
                                                       const std::string& path,
                                                       const TableExpectation& expected) {
  auto file = TableFile::open(files, path, expected);
  KIFA_TRY(file.status());
  return std::unique_ptr<TableReader>(new TableReader(std::move(*file)));
}

const TableInfo& TableReader::info() const { return file_->info(); }
const StoreId& TableReader::store_id() const { return file_->footer().store_id; }
const Digest& TableReader::previous_anchor() const { return file_->footer().previous_anchor; }
bool TableReader::is_repaired() const {
  return (file_->footer().flags_compatible & kTableRepaired) != 0;
}
Result<std::vector<Piece>> TableReader::pieces() { return file_->read_pieces(); }

Status TableReader::scan(const TableFilter& filter, const OnRecord& on_record,
                         const OnEvent& on_event, const OnDamage& on_damage) {
  return TableScan(*file_, filter, on_record, on_event, on_damage).run();
}

}  // namespace kifa::store
