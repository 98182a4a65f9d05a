#include "core/store/table_reader.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "core/store/blocks_ahead.hpp"
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
        on_damage_(on_damage),
        ahead_(file) {}

  Status run() {
    if (!filter_.pipeline.empty() || !filter_.source.empty()) {
      find_sources();
    }
    // A page ahead, so that there is always something to load.
    for (auto page = read_next_page(); page && !done_;) {
      auto next = read_next_page();
      scan_page(*page);
      page = std::move(next);
    }
    return {};
  }

 private:
  // An index page, or what can be known without it.
  struct Page {
    const TableTopEntry* top = nullptr;
    Status read;                          // of the page itself
    std::vector<TableIndexEntry> blocks;  // all that are known
    std::vector<TableIndexEntry> wanted;  // of them
    std::uint64_t end = 0;                // of the known blocks
    std::uint64_t whole_end = 0;          // of all
  };
  [[nodiscard]] bool wants_lsn(std::uint64_t first, std::uint64_t last) const {
    return !filter_.only_events && last >= filter_.first.value &&
           (filter_.last.value == 0 || first <= filter_.last.value);
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
  [[nodiscard]] bool is_wanted(const TableIndexEntry& block) const {
    return may_hold_wanted(block, block.record_count != 0, block.event_count != 0) &&
           may_hold_source(block);
  }
  [[nodiscard]] bool wants_source(std::string_view pipeline, std::string_view source) const {
    return (filter_.pipeline.empty() || pipeline == filter_.pipeline) &&
           (filter_.source.empty() || source == filter_.source);
  }
  void find_sources();
  std::unique_ptr<const Page> read_next_page();
  void scan_page(const Page& page);
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
  std::size_t next_top_ = 0;    // index of the first page that was not looked at
  BlocksAhead ahead_;           // loads what the pages want that were read
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

// The next page that may hold something wanted; null: there is none.
std::unique_ptr<const TableScan::Page> TableScan::read_next_page() {
  while (next_top_ < file_.top().size()) {
    const std::size_t index = next_top_++;
    const TableTopEntry& top = file_.top()[index];
    if (!may_hold_wanted(top, top.last_lsn != 0, top.event_count != 0)) {
      continue;
    }
    auto page = std::make_unique<Page>();
    page->top = &top;
    page->whole_end = file_.blocks_end(index);
    page->end = page->whole_end;
    auto blocks = file_.read_page(index);
    page->read = blocks.status();
    page->blocks = blocks ? std::move(*blocks) : file_.find_blocks(index, page->end);
    std::ranges::copy_if(page->blocks, std::back_inserter(page->wanted),
                         [this](const TableIndexEntry& block) { return is_wanted(block); });
    ahead_.add(page->wanted);
    return page;
  }
  return nullptr;
}

void TableScan::scan_page(const Page& page) {
  if (!page.read) {
    report(page.top->offset, {}, {}, page.read);
  }
  const Lsn first_unread{last_lsn_ + 1};
  for (const TableIndexEntry& block : page.wanted) {
    scan_block(block);
    if (done_) {
      return;
    }
  }
  if (page.end != page.whole_end) {
    Lsn first_lost = std::max(first_unread, Lsn{page.top->first_lsn});
    for (const TableIndexEntry& block : page.blocks) {
      first_lost = block.last_lsn != 0 ? Lsn{block.last_lsn + 1} : first_lost;
    }
    const bool loses_records = first_lost <= Lsn{page.top->last_lsn};
    report(page.end, loses_records ? first_lost : Lsn{},
           loses_records ? Lsn{page.top->last_lsn} : Lsn{},
           {Code::corrupt, "blocks cannot be found without their index page"});
  }
}

void TableScan::scan_block(const TableIndexEntry& block) {
  const BlocksAhead::Loaded& loaded = ahead_.take();
  Status read = file_.take_block(loaded.block, loaded.status);
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
