#include "core/store/table_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/crc32c.hpp"

namespace kifa::store {

namespace {

constexpr std::string_view kTablePrefix = "table-";
constexpr std::size_t kTableDigits = 16;

template <class T>
ByteView bytes_of(const T& value, std::size_t from, std::size_t to) {
  return std::as_bytes(std::span(&value, 1)).subspan(from, to - from);
}

// What header and footer have in common. Both begin with a magic and say their version and number.
template <class T>
Result<T> decode(ByteView bytes, std::uint64_t number, std::string_view what) {
  if (bytes.size() < sizeof(T)) {
    return Status(Code::corrupt, fmt::format("the {} is cut off", what));
  }
  const auto found = load<T>(bytes.data());
  if (found.magic != T{}.magic || found.crc != crc_of(found)) {
    return Status(Code::corrupt, fmt::format("the {} is damaged", what));
  }
  if (found.format_major != kTableMajor || found.flags_incompatible != 0) {
    return Status(Code::unsupported,
                  fmt::format("the table was written in format {}.{} (features {:#x}), this kifa "
                              "reads format {}.{}; use the kifa that wrote it or a newer one",
                              found.format_major, found.format_minor, found.flags_incompatible,
                              kTableMajor, kTableMinor));
  }
  if (found.number != number) {
    return Status(Code::corrupt, fmt::format("the {} is that of table {}", what, found.number));
  }
  return found;
}

}  // namespace

std::uint32_t crc_of(const TableHeader& header) {
  return crc32c(0, bytes_of(header, 0, offsetof(TableHeader, crc)));
}

std::uint32_t crc_of(const TableFooter& footer) {
  return crc32c(0, bytes_of(footer, 0, offsetof(TableFooter, crc)));
}

std::uint32_t crc_of(const TableBlockHeader& header, ByteView stored) {
  return crc32c(crc32c(0, bytes_of(header, sizeof header.crc, sizeof header)), stored);
}

std::uint32_t crc_of(const TableIndexPage& page, ByteView entries) {
  return crc32c(crc32c(0, bytes_of(page, sizeof page.crc, sizeof page)), entries);
}

TableIndexEntry index_entry_of(const TableBlockHeader& header) {
  TableIndexEntry entry;
  entry.offset = header.offset;
  entry.block_bytes = static_cast<std::uint32_t>(sizeof header) + header.stored_bytes;
  entry.block_crc = header.crc;
  entry.record_count = header.record_count;
  entry.event_count = header.event_count;
  entry.first_lsn = header.first_lsn;
  entry.last_lsn = header.last_lsn;
  entry.first_after = header.first_after;
  entry.last_after = header.last_after;
  entry.min_unix_ns = header.min_unix_ns;
  entry.max_unix_ns = header.max_unix_ns;
  return entry;
}

void extend(TableTopEntry& page, const TableIndexEntry& block) {
  if (block.record_count != 0) {
    page.first_lsn = page.last_lsn == 0 ? block.first_lsn : page.first_lsn;
    page.last_lsn = block.last_lsn;
  }
  if (block.event_count != 0) {
    page.first_after =
        page.event_count == 0 ? block.first_after : std::min(page.first_after, block.first_after);
    page.last_after = std::max(page.last_after, block.last_after);
  }
  page.event_count += block.event_count;
  page.min_unix_ns = std::min(page.min_unix_ns, block.min_unix_ns);
  page.max_unix_ns = std::max(page.max_unix_ns, block.max_unix_ns);
}

Piece piece_of(const TablePiece& piece) {
  return {.first = {piece.first_lsn},
          .last = {piece.last_lsn},
          .records = piece.record_count,
          .first_event = piece.first_event,
          .events = piece.event_count,
          .digest = piece.digest,
          .anchor = piece.anchor};
}

Result<TableHeader> decode_table_header(ByteView bytes, std::uint64_t number) {
  return decode<TableHeader>(bytes, number, "header");
}

Result<TableFooter> decode_table_footer(ByteView bytes, std::uint64_t number) {
  return decode<TableFooter>(bytes, number, "footer");
}

TableInfo info_of(const TableFooter& footer) {
  return {.number = footer.number,
          .level = footer.level,
          .first = {footer.first_lsn},
          .last = {footer.last_lsn},
          .records = footer.records,
          .payload_bytes = footer.payload_bytes,
          .bytes = footer.file_bytes,
          .first_event = footer.first_event,
          .events = footer.events,
          .gaps = footer.gaps,
          .lost_records = footer.lost_records,
          .min_unix_ns = footer.min_unix_ns,
          .max_unix_ns = footer.max_unix_ns,
          .pieces = footer.piece_count,
          .footer_crc = footer.crc,
          .last_anchor = footer.last_anchor};
}

std::string table_file_name(std::uint64_t number) {
  return fmt::format("{}{:0{}}", kTablePrefix, number, kTableDigits);
}

std::optional<std::uint64_t> table_number_of(std::string_view file_name) {
  if (!file_name.starts_with(kTablePrefix) ||
      file_name.size() != kTablePrefix.size() + kTableDigits) {
    return std::nullopt;
  }
  const std::string_view digits = file_name.substr(kTablePrefix.size());
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size() || number == 0) {
    return std::nullopt;
  }
  return number;
}

}  // namespace kifa::store
