#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "core/store/table_file.hpp"

// What TableFile does for a table whose footer or indexes are gone: it looks for blocks.
namespace kifa::store {

namespace {

constexpr std::size_t kWindowBytes = 1_MiB;  // searched at a time
constexpr std::size_t kSectorBytes = 4096;   // what a disk loses at once

// What a block header of this table says of itself behind its checksum and before its offset.
struct Mark {
  std::uint32_t magic = kTableBlockMagic;
  std::uint32_t table_low = 0;
  std::uint32_t table_high = 0;
};
constexpr std::size_t kMarkAt = offsetof(TableBlockHeader, magic);
static_assert(offsetof(TableBlockHeader, table) == kMarkAt + sizeof(std::uint32_t));
static_assert(sizeof(Mark) == sizeof(std::uint32_t) + sizeof(std::uint64_t));

}  // namespace

Result<std::unique_ptr<TableFile>> TableFile::open_for_salvage(io::FileSystem& files,
                                                               const std::string& path,
                                                               const TableExpectation& expected) {
  auto opened = files.open(path, {.access = io::Access::read});
  KIFA_TRY(opened.status());
  std::unique_ptr<TableFile> table(new TableFile(path, std::move(*opened)));
  const auto info = table->file_->info();
  KIFA_TRY(info.status());
  table->footer_.number = expected.number;
  table->footer_.file_bytes = info->bytes;
  KIFA_TRY(table->check_identity(expected));
  return table;
}

// Header and footer may be damaged; when one holds it must not be that of something else.
Status TableFile::check_identity(const TableExpectation& expected) const {
  std::array<std::byte, sizeof(TableHeader)> first{};
  std::array<std::byte, sizeof(TableFooter)> last{};
  if (footer_.file_bytes >= sizeof first + sizeof last) {
    read_what_is_left(0, first);
    read_what_is_left(footer_.file_bytes - sizeof last, last);
  }
  const auto header = decode_table_header(first, expected.number);
  const auto footer = decode_table_footer(last, expected.number);
  if (header && expected.store_id && header->store_id != *expected.store_id) {
    return damaged(fmt::format("the table is of store {}", to_string(header->store_id)));
  }
  return footer && expected.footer_crc && footer->crc != *expected.footer_crc
             ? damaged("this is another table of the same number")
             : Status();
}

std::optional<TableIndexEntry> TableFile::find_block(std::uint64_t from) {
  std::uint64_t at = std::max<std::uint64_t>(from, sizeof(TableHeader));
  if (const auto found = block_at(at)) {
    return found;
  }
  // The header of a damaged block may hold all the same: what it says is believed when a block
  // stands behind it. So nothing is looked for inside payloads without need.
  if (const auto header = header_at(at)) {
    if (const auto found = block_at(at + sizeof *header + header->stored_bytes)) {
      return found;
    }
  }
  for (auto next = find_mark(at + 1); next; next = find_mark(*next + 1)) {
    if (const auto found = block_at(*next)) {
      return found;
    }
  }
  return std::nullopt;
}

// The header at `at`, if it is one of this table that stands in its place; unchecked otherwise.
std::optional<TableBlockHeader> TableFile::header_at(std::uint64_t at) const {
  const std::uint64_t end = footer_.file_bytes;
  if (at > end || end - at < sizeof(TableBlockHeader)) {
    return std::nullopt;
  }
  std::array<std::byte, sizeof(TableBlockHeader)> bytes;
  read_what_is_left(at, bytes);
  const auto header = load<TableBlockHeader>(bytes.data());
  const bool is_one = header.magic == kTableBlockMagic && header.table == footer_.number &&
                      header.offset == at && header.stored_bytes <= end - at - sizeof header;
  return is_one ? std::optional(header) : std::nullopt;
}

std::optional<TableIndexEntry> TableFile::block_at(std::uint64_t at) {
  const auto header = header_at(at);
  if (!header) {
    return std::nullopt;
  }
  TableIndexEntry entry = index_entry_of(*header);
  entry.source_count = kAnySource;
  Status read = read_block(entry);
  if (!read && read.code() != Code::corrupt) {
    read = read_block(entry);  // a disk may fail once
  }
  return read ? std::optional(entry) : std::nullopt;
}

// Where the next header of a block of this table may stand, at or behind `from`.
std::optional<std::uint64_t> TableFile::find_mark(std::uint64_t from) {
  const Mark mark{.table_low = static_cast<std::uint32_t>(footer_.number),
                  .table_high = static_cast<std::uint32_t>(footer_.number >> 32U)};
  const std::string_view wanted = as_text(std::as_bytes(std::span(&mark, 1)));
  const std::uint64_t end = footer_.file_bytes;
  while (from < end && end - from >= sizeof(TableBlockHeader)) {
    const MutableBytes window =
        stored_.resize_for_overwrite(std::min<std::uint64_t>(kWindowBytes, end - from));
    read_what_is_left(from, window);
    const std::string_view text = as_text(window);
    for (std::size_t found = text.find(wanted, kMarkAt); found != std::string_view::npos;
         found = text.find(wanted, found + 1)) {
      if (header_at(from + found - kMarkAt)) {
        return from + found - kMarkAt;
      }
    }
    // A mark may begin at the end of this window.
    from +=
        std::max<std::size_t>(window.size() - std::min(window.size(), kMarkAt + sizeof mark), 1);
  }
  return std::nullopt;
}

// What cannot be read, in two attempts and sector by sector, is zeros: no block holds there.
void TableFile::read_what_is_left(std::uint64_t offset, MutableBytes into) const {
  if (read_exactly(offset, into) || read_exactly(offset, into)) {
    return;
  }
  while (!into.empty()) {
    const std::size_t bytes =
        std::min<std::uint64_t>(kSectorBytes - offset % kSectorBytes, into.size());
    if (!read_exactly(offset, into.first(bytes))) {
      std::ranges::fill(into.first(bytes), std::byte{0});
    }
    into = into.subspan(bytes);
    offset += bytes;
  }
}

}  // namespace kifa::store
