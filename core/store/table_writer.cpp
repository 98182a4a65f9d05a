#include "core/store/table_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/crc32c.hpp"
#include "core/store/canonical.hpp"
#include "core/store/job_thread.hpp"
#include "core/store/mutants.hpp"
#include "core/store/table_block.hpp"
#include "core/store/table_codec.hpp"
#include "core/store/table_output.hpp"

namespace kifa::store {

namespace {

template <class T>
ByteView bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

// What one job compresses, of raw content. A thread that is woken for every block costs about as
// much as the block's compression where the processor has to be woken too (in virtual machines).
constexpr std::size_t kJobBytes = 512_KiB;

// A block to which nothing is added any more.
struct SealedBlock {
  TableBlockHeader header;
  TableIndexEntry entry;  // its sources
  ByteBuffer raw, stored;
  bool pays = false;  // to be compressed
};

// Blocks that are compressed in one job. Their memory is used again.
class SealedBlocks final {
 public:
  SealedBlock& add() {
    if (used_ == blocks_.size()) {
      blocks_.emplace_back();
    }
    return blocks_[used_++];
  }
  [[nodiscard]] std::span<SealedBlock> all() { return std::span(blocks_).first(used_); }
  [[nodiscard]] std::size_t raw_bytes() const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < used_; ++i) {
      bytes += blocks_[i].raw.size();
    }
    return bytes;
  }
  // Does not hold on to what single large records needed.
  void clear() {
    for (SealedBlock& block : all()) {
      if (block.raw.capacity() > kTableBlockBytesMax) {
        block = {};
      }
    }
    used_ = 0;
  }

 private:
  std::vector<SealedBlock> blocks_;
  std::size_t used_ = 0;
};

// The sources of a table in the order in which they first came.
class SourceList final {
 public:
  // kAnySource when the list is full.
  std::uint16_t index_of(std::string_view pipeline, std::string_view source) {
    key_.assign(pipeline);
    key_ += '\0';
    key_ += source;
    const auto known = indexes_.find(key_);
    if (known != indexes_.end()) {
      return known->second;
    }
    if (indexes_.size() == kTableSourcesMax ||
        entries_.size() + key_.size() + sizeof(TableSourceEntry) > kTableTopBytesMax) {
      return kAnySource;
    }
    entries_.put(TableSourceEntry{.pipeline_bytes = static_cast<std::uint32_t>(pipeline.size()),
                                  .source_bytes = static_cast<std::uint32_t>(source.size())});
    entries_.put_text(pipeline);
    entries_.put_text(source);
    return indexes_.emplace(key_, static_cast<std::uint16_t>(indexes_.size())).first->second;
  }
  [[nodiscard]] ByteView entries() const { return entries_.view(); }
  [[nodiscard]] std::size_t size() const { return indexes_.size(); }

 private:
  std::unordered_map<std::string, std::uint16_t> indexes_;
  std::string key_;
  ByteBuffer entries_;
};

}  // namespace

class TableWriter::Impl final {
 public:
  Impl(const TableWriterOptions& options, std::unique_ptr<TableOutput> output)
      : options_(options), output_(std::move(output)) {
    footer_.level = options.level;
    footer_.flags_compatible = options.is_repaired ? kTableRepaired : 0;
    footer_.store_id = options.store_id;
    footer_.number = options.number;
    footer_.first_lsn = options.first.value;
    footer_.first_event = options.next_event;
    footer_.previous_anchor = options.previous_anchor;
    footer_.last_anchor = options.previous_anchor;
    if (options.in_parallel) {
      packing_.emplace("kifa-pack");
    }
    last_piece_end_ = options.first.value - 1;
    last_lsn_ = last_piece_end_;
  }

  Status begin();
  Status add(const RecordView& record);
  Status add(const Event& event);
  Status begin_block(const TableBlockHeader& header, ByteView stored);
  Status end_block();
  // `expected`: of a piece that was computed before.
  Result<Piece> end_piece(Lsn last, std::uint64_t next_event, const Piece* expected = nullptr);
  Result<TableInfo> finish();

  // The first failure is the answer to everything after it.
  template <class Action>
  auto once(const Action& action) -> decltype(action()) {
    if (!failure_) {
      return failure_;
    }
    auto done = action();
    if constexpr (std::is_same_v<decltype(done), Status>) {
      failure_ = done;
    } else {
      failure_ = done.status();
    }
    return done;
  }
  // The number that an event would get if it were added now.
  [[nodiscard]] std::uint64_t next_event() const {
    return std::max(last_event_ + 1, options_.next_event);
  }

 private:
  Status make_room(std::size_t bytes);
  Status seal_block();
  Status compress_sealed();
  void compress_some(BlockCodec& codec);
  Status put_compressed();
  Status put_blocks();
  Status write_block(TableBlockHeader& header, ByteView stored);
  void list_block(const TableBlockHeader& header, const TableIndexEntry& sources);
  void note_source(const RecordView& record);
  Status put_pages();
  Status put_part(ByteView bytes, TablePart& part);
  Status put_footer();
  [[nodiscard]] Status out_of_order(std::string_view what, std::uint64_t value) const;

  TableWriterOptions options_;
  std::unique_ptr<TableOutput> output_;
  Status failure_;
  bool finished_ = false;
  BlockBuilder builder_;
  BlockCodec codec_;
  BlockCodec packing_codec_;  // of the thread that compresses
  SealedBlocks sealed_;       // wait for being compressed
  SealedBlocks compressed_;   // or being so
  std::atomic<std::size_t> next_to_compress_ = 0;
  TableIndexEntry entry_;  // the sources of the block that is being gathered or taken over
  std::optional<TableBlockHeader> taken_over_;  // what is added stands in it
  const char* known_pipeline_ = nullptr;        // of the record before, in that block
  const char* known_source_ = nullptr;
  std::vector<TableIndexEntry> entries_;
  std::vector<TableTopEntry> top_;
  SourceList sources_;
  PieceHasher hasher_{options_.in_parallel};
  TablePiece piece_;  // that is being gathered
  std::vector<TablePiece> pieces_;
  std::uint64_t last_lsn_ = 0;
  std::uint64_t last_event_ = 0;
  std::uint64_t last_piece_end_ = 0;
  TableFooter footer_;
  std::optional<JobThread> packing_;  // last: what it works on goes after it
};

Status TableWriter::Impl::begin() {
  TableHeader header;
  header.level = options_.level;
  header.store_id = options_.store_id;
  header.number = options_.number;
  header.first_lsn = options_.first.value;
  header.crc = crc_of(header);
  footer_.header_crc = header.crc;
  return output_->put(bytes_of(header));
}

Status TableWriter::Impl::out_of_order(std::string_view what, std::uint64_t value) const {
  return {Code::invalid, fmt::format("{} {} does not fit behind LSN {} and event {} of table {}",
                                     what, value, last_lsn_, last_event_, options_.number)};
}

// Seals the block when `bytes` more would make it too large.
Status TableWriter::Impl::make_room(std::size_t bytes) {
  if (bytes > kTableItemBytesMax) {
    return {Code::invalid, fmt::format("{} bytes are too large for table {}; at most {}", bytes,
                                       options_.number, kTableItemBytesMax)};
  }
  const bool full = builder_.raw_bytes() + bytes > options_.block_bytes_raw;
  return full && !builder_.empty() ? seal_block() : Status();
}

Status TableWriter::Impl::add(const RecordView& record) {
  KIFA_ASSERT(!finished_);
  if (record.lsn.value <= last_lsn_) {
    return out_of_order("record", record.lsn.value);
  }
  if (taken_over_) {
    // In one block equal names are the same bytes.
    if (record.pipeline.data() != known_pipeline_ || record.source.data() != known_source_) {
      note_source(record);
      known_pipeline_ = record.pipeline.data();
      known_source_ = record.source.data();
    }
  } else {
    KIFA_TRY(make_room(content_bytes_max(record)));
    if (builder_.add(record)) {
      note_source(record);
    }
  }
  hasher_.add(record);
  last_lsn_ = record.lsn.value;
  ++piece_.record_count;
  ++footer_.records;
  footer_.payload_bytes += record.payload.size();
  footer_.min_unix_ns = std::min(footer_.min_unix_ns, record.observed_unix_ns);
  footer_.max_unix_ns = std::max(footer_.max_unix_ns, record.observed_unix_ns);
  return {};
}

Status TableWriter::Impl::add(const Event& event) {
  KIFA_ASSERT(!finished_);
  if (event.number <= last_event_) {
    return out_of_order("event", event.number);
  }
  if (!taken_over_) {
    KIFA_TRY(make_room(content_bytes_max(event)));
    builder_.add(event);
  }
  hasher_.add(event);
  last_event_ = event.number;
  if (footer_.events == 0) {
    footer_.first_event = event.number;
  }
  if (piece_.event_count == 0) {
    piece_.first_event = event.number;
  }
  ++piece_.event_count;
  ++footer_.events;
  if (event.kind == EventKind::gap) {
    ++footer_.gaps;
    footer_.lost_records += event.records;
  }
  return {};
}

// Remembers the source of a new group for the block's index entry.
void TableWriter::Impl::note_source(const RecordView& record) {
  const std::uint16_t index = sources_.index_of(record.pipeline, record.source);
  if (entry_.source_count == kAnySource) {
    return;
  }
  const std::span known = std::span(entry_.sources).first(entry_.source_count);
  if (index != kAnySource && std::ranges::find(known, index) != known.end()) {
    return;
  }
  if (index == kAnySource || entry_.source_count == kBlockSourcesMax) {
    entry_.source_count = kAnySource;
    entry_.sources = {};
    return;
  }
  entry_.sources[entry_.source_count++] = index;
}

// Nothing more goes into the block. In parallel it is compressed while the next ones are gathered.
Status TableWriter::Impl::seal_block() {
  SealedBlock& block = sealed_.add();
  block.header = builder_.finish(block.raw);
  block.entry = std::exchange(entry_, {});
  if (!packing_) {
    return put_blocks();
  }
  return sealed_.raw_bytes() >= kJobBytes ? compress_sealed() : Status();
}

// Begins to compress what is sealed, behind what was compressed before.
Status TableWriter::Impl::compress_sealed() {
  KIFA_TRY(put_compressed());
  std::swap(sealed_, compressed_);
  next_to_compress_ = 0;
  if (packing_) {
    packing_->start([this] { compress_some(packing_codec_); });
  }
  return {};
}

// Until no block is left that nobody has begun with.
void TableWriter::Impl::compress_some(BlockCodec& codec) {
  const std::span<SealedBlock> blocks = compressed_.all();
  for (std::size_t i = next_to_compress_++; i < blocks.size(); i = next_to_compress_++) {
    SealedBlock& block = blocks[i];
    block.pays = options_.codec != TableCodec::none &&
                 codec.compress(options_.codec, block.raw.view(), block.stored);
  }
}

// Puts the block at the end of what is written, which its header then says.
Status TableWriter::Impl::write_block(TableBlockHeader& header, ByteView stored) {
  header.table = options_.number;
  header.offset = output_->offset();
  header.crc = crc_of(header, stored);
  KIFA_TRY(output_->put(bytes_of(header)));
  return output_->put(stored);
}

// `sources`: an entry that lists the sources of the block and nothing else.
void TableWriter::Impl::list_block(const TableBlockHeader& header, const TableIndexEntry& sources) {
  TableIndexEntry entry = index_entry_of(header);
  entry.sources = sources.sources;
  entry.source_count = sources.source_count;
  entries_.push_back(entry);
}

Status TableWriter::Impl::begin_block(const TableBlockHeader& header, ByteView stored) {
  KIFA_ASSERT(!finished_ && !taken_over_);
  if (!builder_.empty()) {
    KIFA_TRY(seal_block());
  }
  KIFA_TRY(put_blocks());
  taken_over_ = header;
  known_source_ = nullptr;
  return write_block(*taken_over_, stored);
}

Status TableWriter::Impl::end_block() {
  KIFA_ASSERT(taken_over_);
  list_block(*taken_over_, std::exchange(entry_, {}));
  taken_over_.reset();
  return {};
}

// Instead of waiting it compresses what the other thread has not come to.
Status TableWriter::Impl::put_compressed() {
  compress_some(codec_);
  if (packing_) {
    packing_->wait();
  }
  for (SealedBlock& block : compressed_.all()) {
    const ByteView content = block.pays ? block.stored.view() : block.raw.view();
    block.header.codec = block.pays ? options_.codec : TableCodec::none;
    block.header.stored_bytes = static_cast<std::uint32_t>(content.size());
    KIFA_TRY(write_block(block.header, content));
    list_block(block.header, block.entry);
  }
  compressed_.clear();
  return {};
}

// Writes every block that is sealed.
Status TableWriter::Impl::put_blocks() {
  KIFA_TRY(compress_sealed());
  return put_compressed();
}

Result<Piece> TableWriter::Impl::end_piece(Lsn last, std::uint64_t next_event,
                                           const Piece* expected) {
  KIFA_ASSERT(!finished_);
  // Without records and gaps the piece covers no LSN; one that covers nothing at all is none.
  const bool is_empty = last.value == last_piece_end_ && piece_.event_count == 0;
  if (last.value < last_lsn_ || is_empty) {
    return out_of_order("the end of a piece at", last.value);
  }
  Piece piece{.first = {last_piece_end_ + 1},
              .last = last,
              .records = piece_.record_count,
              .first_event = piece_.event_count == 0 ? next_event : piece_.first_event,
              .events = piece_.event_count,
              .digest = hasher_.finish(),
              .anchor = {}};
  piece.anchor = chain_anchor(options_.store_id, footer_.last_anchor, piece);
  if (expected != nullptr && mutant_is(Mutant::compaction_not_checked)) {
    piece = *expected;
  }
  if (expected != nullptr && piece != *expected) {
    return Status(Code::corrupt, fmt::format("the piece of LSN {} to {} is not what it was",
                                             expected->first.value, expected->last.value));
  }
  pieces_.push_back({.first_lsn = piece.first.value,
                     .last_lsn = piece.last.value,
                     .record_count = piece.records,
                     .first_event = piece.first_event,
                     .event_count = piece.events,
                     .digest = piece.digest,
                     .anchor = piece.anchor});
  footer_.last_anchor = piece.anchor;
  last_piece_end_ = last.value;
  last_lsn_ = last.value;
  piece_ = {};
  return piece;
}

Status TableWriter::Impl::put_pages() {
  footer_.block_count = entries_.size();
  footer_.blocks_end = output_->offset();
  for (std::size_t at = 0; at < entries_.size(); at += kIndexPageEntriesMax) {
    const auto of_page = std::span(entries_).subspan(
        at, std::min<std::size_t>(kIndexPageEntriesMax, entries_.size() - at));
    TableIndexPage page;
    page.table = options_.number;
    page.offset = output_->offset();
    page.entry_count = static_cast<std::uint32_t>(of_page.size());
    page.crc = crc_of(page, std::as_bytes(of_page));
    KIFA_TRY(output_->put(bytes_of(page)));
    KIFA_TRY(output_->put(std::as_bytes(of_page)));
    TableTopEntry top;
    top.offset = page.offset;
    top.page_crc = page.crc;
    top.entry_count = page.entry_count;
    top.first_block_offset = of_page.front().offset;
    for (const TableIndexEntry& entry : of_page) {
      extend(top, entry);
    }
    top_.push_back(top);
  }
  return {};
}

Status TableWriter::Impl::put_part(ByteView bytes, TablePart& part) {
  if (bytes.size() > kTableTopBytesMax) {
    return {Code::invalid,
            fmt::format("table {} has too many pieces, sources or blocks", options_.number)};
  }
  part = {.offset = output_->offset(),
          .bytes = static_cast<std::uint32_t>(bytes.size()),
          .crc = crc32c(0, bytes)};
  return output_->put(bytes);
}

Status TableWriter::Impl::put_footer() {
  footer_.file_bytes = output_->offset() + sizeof(TableFooter);
  footer_.last_lsn = last_piece_end_;
  footer_.piece_count = pieces_.size();
  footer_.source_count = static_cast<std::uint32_t>(sources_.size());
  footer_.crc = crc_of(footer_);
  return output_->put(bytes_of(footer_));
}

Result<TableInfo> TableWriter::Impl::finish() {
  KIFA_ASSERT(!finished_);
  if (pieces_.empty() || piece_.record_count != 0 || piece_.event_count != 0) {
    return Status(Code::invalid,
                  fmt::format("the last piece of table {} was not ended", options_.number));
  }
  if (!builder_.empty()) {
    KIFA_TRY(seal_block());
  }
  KIFA_TRY(put_blocks());
  KIFA_TRY(put_pages());
  KIFA_TRY(put_part(std::as_bytes(std::span(top_)), footer_.top));
  KIFA_TRY(put_part(std::as_bytes(std::span(pieces_)), footer_.pieces));
  KIFA_TRY(put_part(sources_.entries(), footer_.sources));
  KIFA_TRY(put_footer());
  KIFA_TRY(output_->complete());
  output_->keep();
  finished_ = true;
  return info_of(footer_);
}

TableWriter::TableWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TableWriter::~TableWriter() = default;

Result<std::unique_ptr<TableWriter>> TableWriter::create(io::FileSystem& files,
                                                         const TableWriterOptions& options) {
  KIFA_ASSERT(options.number != 0);
  KIFA_ASSERT(options.first.value != 0);
  KIFA_ASSERT(options.block_bytes_raw >= kTableBlockBytesMin);
  KIFA_ASSERT(options.block_bytes_raw <= kTableBlockBytesMax);
  auto output = TableOutput::create(files, options.path);
  if (!output) {
    return output.error();
  }
  auto impl = std::make_unique<Impl>(options, std::move(*output));
  KIFA_TRY(impl->begin());
  return std::unique_ptr<TableWriter>(new TableWriter(std::move(impl)));
}

Status TableWriter::add(const RecordView& record) {
  return impl_->once([&] { return impl_->add(record); });
}

Status TableWriter::add(const Event& event) {
  return impl_->once([&] { return impl_->add(event); });
}

Status TableWriter::begin_block(const TableBlockHeader& header, ByteView stored) {
  return impl_->once([&] { return impl_->begin_block(header, stored); });
}

Status TableWriter::end_block() {
  return impl_->once([&] { return impl_->end_block(); });
}

Result<Piece> TableWriter::end_piece(Lsn last) {
  return impl_->once([&] { return impl_->end_piece(last, impl_->next_event()); });
}

Status TableWriter::end_piece(const Piece& expected) {
  return impl_->once([&]() -> Status {
    return impl_->end_piece(expected.last, expected.first_event, &expected).status();
  });
}

Result<TableInfo> TableWriter::finish() {
  return impl_->once([&] { return impl_->finish(); });
}

}  // namespace kifa::store
