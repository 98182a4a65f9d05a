#include "core/store/table_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/crc32c.hpp"

namespace kifa::store {

TableFile::TableFile(std::string path, std::unique_ptr<io::File> file)
    : path_(std::move(path)), file_(std::move(file)) {}

Status TableFile::damaged(std::string_view what) const {
  return {Code::corrupt, fmt::format("{}: {}", path_, what)};
}

Status TableFile::damaged_at(std::uint64_t offset, std::string_view what) const {
  return {Code::corrupt, fmt::format("{} at offset {}: {}", path_, offset, what)};
}

Status TableFile::read_exactly(std::uint64_t offset, MutableBytes into) const {
  const auto count = file_->read_at(into, offset);
  KIFA_TRY(count.status());
  return *count == into.size() ? Status() : damaged("the file is cut off");
}

Result<std::unique_ptr<TableFile>> TableFile::open(io::FileSystem& files, const std::string& path,
                                                   const TableExpectation& expected) {
  auto opened = files.open(path, {.access = io::Access::read});
  KIFA_TRY(opened.status());
  std::unique_ptr<TableFile> table(new TableFile(path, std::move(*opened)));
  const auto info = table->file_->info();
  KIFA_TRY(info.status());
  if (info->bytes < sizeof(TableHeader) + sizeof(TableFooter)) {
    return table->damaged("the file is cut off");
  }
  std::array<std::byte, sizeof(TableFooter)> bytes;
  const std::uint64_t footer_at = info->bytes - sizeof(TableFooter);
  KIFA_TRY(table->read_exactly(footer_at, bytes));
  const auto footer = decode_table_footer(bytes, expected.number);
  if (!footer) {
    return footer.error().with_context(fmt::format("{} at offset {}", path, footer_at));
  }
  table->footer_ = *footer;
  table->info_ = info_of(*footer);
  KIFA_TRY(table->check_footer(expected, info->bytes));
  KIFA_TRY(table->read_top());
  return table;
}

Status TableFile::check_footer(const TableExpectation& expected, std::uint64_t file_bytes) const {
  const std::uint64_t end = file_bytes - sizeof(TableFooter);
  if (expected.store_id && *expected.store_id != footer_.store_id) {
    return damaged_at(end, fmt::format("the table is of store {}", to_string(footer_.store_id)));
  }
  if (expected.footer_crc && *expected.footer_crc != footer_.crc) {
    return damaged_at(end, "this is another table of the same number");
  }
  const auto fits = [](const TablePart& part, std::uint64_t from, std::uint64_t to) {
    return part.offset == from && part.bytes <= kTableTopBytesMax && from <= to &&
           part.bytes <= to - from;
  };
  const TablePart& top = footer_.top;
  const TablePart& pieces = footer_.pieces;
  const TablePart& sources = footer_.sources;
  const bool holds =
      footer_.file_bytes == file_bytes && footer_.first_lsn != 0 &&
      footer_.blocks_end >= sizeof(TableHeader) && footer_.blocks_end <= top.offset &&
      fits(top, top.offset, end) && fits(pieces, top.offset + top.bytes, end) &&
      fits(sources, pieces.offset + pieces.bytes, end) && sources.offset + sources.bytes == end &&
      top.bytes % sizeof(TableTopEntry) == 0 && pieces.bytes % sizeof(TablePiece) == 0 &&
      pieces.bytes / sizeof(TablePiece) == footer_.piece_count &&
      footer_.source_count <= kTableSourcesMax;
  return holds ? Status() : damaged_at(end, "the footer contradicts the file");
}

Result<ByteView> TableFile::read_part(const TablePart& part, std::string_view what) {
  const MutableBytes room = stored_.resize_for_overwrite(part.bytes);
  KIFA_TRY(read_exactly(part.offset, room));
  if (crc32c(0, room) != part.crc) {
    return damaged_at(part.offset, fmt::format("the {} are damaged", what));
  }
  return ByteView(room);
}

Status TableFile::read_top() {
  const auto bytes = read_part(footer_.top, "top index entries");
  KIFA_TRY(bytes.status());
  std::uint64_t page_at = footer_.blocks_end;
  std::uint64_t block_at = sizeof(TableHeader);
  std::uint64_t blocks = 0;
  for (ByteCursor cursor(*bytes); !cursor.at_end();) {
    const auto entry = cursor.take<TableTopEntry>();
    const bool in_order =
        entry.offset == page_at && entry.entry_count != 0 &&
        entry.entry_count <= kIndexPageEntriesMax &&
        entry.first_block_offset < footer_.blocks_end &&
        (top_.empty() ? entry.first_block_offset == block_at : entry.first_block_offset > block_at);
    if (!in_order) {
      return damaged_at(footer_.top.offset, "the top index contradicts the file");
    }
    block_at = entry.first_block_offset;
    page_at += sizeof(TableIndexPage) + entry.entry_count * sizeof(TableIndexEntry);
    blocks += entry.entry_count;
    top_.push_back(entry);
  }
  const bool holds = page_at == footer_.top.offset && blocks == footer_.block_count &&
                     (blocks != 0 || footer_.blocks_end == sizeof(TableHeader));
  return holds ? Status() : damaged_at(footer_.top.offset, "the top index contradicts the file");
}

Result<TableHeader> TableFile::read_header() {
  std::array<std::byte, sizeof(TableHeader)> bytes;
  KIFA_TRY(read_exactly(0, bytes));
  const auto header = decode_table_header(bytes, footer_.number);
  if (!header) {
    return header.error().with_context(path_);
  }
  if (header->crc != footer_.header_crc || header->store_id != footer_.store_id) {
    return damaged("header and footer are of two tables");
  }
  return *header;
}

Result<std::vector<Piece>> TableFile::read_pieces() {
  const auto bytes = read_part(footer_.pieces, "pieces");
  KIFA_TRY(bytes.status());
  std::vector<Piece> pieces;
  for (ByteCursor cursor(*bytes); !cursor.at_end();) {
    pieces.push_back(piece_of(cursor.take<TablePiece>()));
  }
  return pieces;
}

Result<std::vector<TableFile::Source>> TableFile::read_sources() {
  const auto bytes = read_part(footer_.sources, "sources");
  KIFA_TRY(bytes.status());
  std::vector<Source> sources;
  ByteCursor cursor(*bytes);
  for (std::uint32_t i = 0; i < footer_.source_count && cursor.good(); ++i) {
    const auto entry = cursor.take<TableSourceEntry>();
    const std::string_view pipeline = cursor.take_text(entry.pipeline_bytes);
    const std::string_view source = cursor.take_text(entry.source_bytes);
    sources.push_back({.pipeline = std::string(pipeline), .source = std::string(source)});
  }
  if (!cursor.good() || !cursor.at_end()) {
    return damaged("the sources do not hold together");
  }
  return sources;
}

std::uint64_t TableFile::blocks_end(std::size_t page) const {
  return page + 1 < top_.size() ? top_[page + 1].first_block_offset : footer_.blocks_end;
}

Result<std::vector<TableIndexEntry>> TableFile::read_page(std::size_t index) {
  const TableTopEntry& top = top_[index];
  const std::size_t bytes = sizeof(TableIndexPage) + top.entry_count * sizeof(TableIndexEntry);
  const MutableBytes room = stored_.resize_for_overwrite(bytes);
  KIFA_TRY(read_exactly(top.offset, room));
  const auto page = load<TableIndexPage>(room.data());
  const ByteView entries = ByteView(room).subspan(sizeof page);
  if (page.magic != kIndexPageMagic || page.table != footer_.number || page.offset != top.offset ||
      page.entry_count != top.entry_count || page.crc != top.page_crc ||
      page.crc != crc_of(page, entries)) {
    return damaged("an index page is damaged");
  }
  std::vector<TableIndexEntry> blocks;
  std::uint64_t at = top.first_block_offset;
  for (ByteCursor cursor(entries); !cursor.at_end();) {
    const auto entry = cursor.take<TableIndexEntry>();
    const bool in_order =
        entry.offset == at && entry.block_bytes >= sizeof(TableBlockHeader) &&
        entry.block_bytes <= blocks_end(index) - at &&
        (entry.source_count <= kBlockSourcesMax || entry.source_count == kAnySource);
    if (!in_order) {
      return damaged("an index page contradicts the file");
    }
    at += entry.block_bytes;
    blocks.push_back(entry);
  }
  if (at != blocks_end(index)) {
    return damaged("an index page contradicts the file");
  }
  return blocks;
}

std::vector<TableIndexEntry> TableFile::find_blocks(std::size_t page, std::uint64_t& end) {
  std::vector<TableIndexEntry> blocks;
  const std::uint64_t limit = blocks_end(page);
  for (end = top_[page].first_block_offset;
       blocks.size() < top_[page].entry_count && limit - end >= sizeof(TableBlockHeader);) {
    std::array<std::byte, sizeof(TableBlockHeader)> bytes;
    if (!read_exactly(end, bytes)) {
      break;
    }
    const auto header = load<TableBlockHeader>(bytes.data());
    // The header is part of what the block's checksum covers; only its size is believed here.
    if (header.magic != kTableBlockMagic || header.table != footer_.number ||
        header.offset != end || header.stored_bytes > limit - end - sizeof header) {
      break;
    }
    TableIndexEntry entry = index_entry_of(header);
    entry.source_count = kAnySource;
    if (!read_block(entry)) {
      break;
    }
    end += entry.block_bytes;
    blocks.push_back(entry);
  }
  return blocks;
}

Status TableFile::read_block(const TableIndexEntry& entry) {
  return take_block(block_, load_block(entry, codec_, block_));
}

Status TableFile::take_block(const TableBlock& block, const Status& loaded) {
  KIFA_TRY(loaded);
  return content_.parse(block.header, block.content()) ? Status()
                                                       : damaged("a block does not hold together");
}

Status TableFile::load_block(const TableIndexEntry& entry, BlockCodec& codec,
                             TableBlock& block) const {
  if (entry.block_bytes > sizeof(TableBlockHeader) + kTableRawBytesMax) {
    return damaged("a block is too large");
  }
  const MutableBytes room = block.stored.resize_for_overwrite(entry.block_bytes);
  KIFA_TRY(read_exactly(entry.offset, room));
  block.header = load<TableBlockHeader>(room.data());
  const TableBlockHeader& header = block.header;
  const ByteView stored = block.stored_content();
  if (header.magic != kTableBlockMagic || header.crc != entry.block_crc ||
      header.crc != crc_of(header, stored)) {
    return damaged("a block is damaged");
  }
  const bool belongs =
      header.table == footer_.number && header.offset == entry.offset &&
      header.stored_bytes == stored.size() && header.record_count == entry.record_count &&
      header.event_count == entry.event_count && header.first_lsn == entry.first_lsn &&
      header.last_lsn == entry.last_lsn && header.first_after == entry.first_after &&
      header.last_after == entry.last_after && header.min_unix_ns == entry.min_unix_ns &&
      header.max_unix_ns == entry.max_unix_ns;
  if (!belongs) {
    return damaged("a block is not the one that the index names");
  }
  const bool is_whole = header.codec == TableCodec::none ||
                        codec.decompress(header.codec, stored, header.raw_bytes, block.raw);
  return is_whole ? Status() : damaged("a block does not hold together");
}

}  // namespace kifa::store
