#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/store/format.hpp"
#include "core/store/table_info.hpp"

// The bytes of a table, as described in docs/formats/table.md: header, blocks, index pages, top
// index, pieces, sources, footer; nothing between them and nothing behind.
namespace kifa::store {

inline constexpr std::uint16_t kTableMajor = 1;
inline constexpr std::uint16_t kTableMinor = 0;

inline constexpr std::uint32_t kTableBlockBytes = 64U << 10U;    // raw content, about
inline constexpr std::uint32_t kTableBlockBytesMin = 1U << 10U;  // for tests
inline constexpr std::uint32_t kTableBlockBytesMax = 1U << 20U;  // for one that is asked for
inline constexpr std::uint32_t kTableItemBytesMax = 24U << 20U;  // one record or event
inline constexpr std::uint32_t kTableRawBytesMax = 32U << 20U;   // raw content of any block
inline constexpr std::uint32_t kTableTopBytesMax = 64U << 20U;   // also: pieces, sources
inline constexpr std::uint32_t kTableSourcesMax = 4096;          // in the dictionary

enum class TableCodec : std::uint8_t { none = 0, lz4 = 1, zstd = 2 };

inline constexpr std::array<char, 8> kTableMagic = {'K', 'I', 'F', 'A', 'T', 'B', 'L', '\0'};

// Begins the file.
struct TableHeader {
  std::array<char, 8> magic = kTableMagic;
  std::uint16_t format_major = kTableMajor;
  std::uint16_t format_minor = kTableMinor;
  std::uint32_t header_bytes = 96;
  std::uint32_t flags_incompatible = 0;  // unknown bit: refuse
  std::uint32_t flags_read_only = 0;     // unknown bit: reading only
  std::uint32_t flags_compatible = 0;    // unknown bit: nothing to care about
  std::uint32_t level = 0;
  StoreId store_id{};
  std::uint64_t number = 0;     // equals the number in the file's name
  std::uint64_t first_lsn = 0;  // what its first piece begins with
  std::array<std::uint8_t, 28> reserved{};
  std::uint32_t crc = 0;  // CRC-32C of all bytes before
};
static_assert(sizeof(TableHeader) == 96);
static_assert(offsetof(TableHeader, store_id) == 32 && offsetof(TableHeader, crc) == 92);

inline constexpr std::uint32_t kTableBlockMagic = 0x4B42544B;  // "KTBK"

// Begins every block; the stored content follows. Also what the index says about the block, so
// that it can be told from the block alone.
struct TableBlockHeader {
  std::uint32_t crc = 0;  // CRC-32C of bytes 4 to 127 and the stored content
  std::uint32_t magic = kTableBlockMagic;
  std::uint64_t table = 0;   // number of the table that it stands in
  std::uint64_t offset = 0;  // of this header in the file
  TableCodec codec = TableCodec::none;
  std::uint8_t reserved = 0;
  std::uint16_t reserved2 = 0;
  std::uint32_t raw_bytes = 0;     // content before compression
  std::uint32_t stored_bytes = 0;  // content as it follows
  std::uint32_t record_count = 0;
  std::uint32_t event_count = 0;
  std::uint32_t payload_bytes = 0;
  std::uint64_t first_lsn = 0;  // of its records; 0: none
  std::uint64_t last_lsn = 0;
  std::uint64_t first_event = 0;  // number of its first event; 0: none
  std::uint64_t first_after = 0;  // smallest and largest `after` of its events
  std::uint64_t last_after = 0;
  std::int64_t min_unix_ns = INT64_MAX;  // of its records and events
  std::int64_t max_unix_ns = INT64_MIN;
  std::uint64_t reserved3 = 0;
  std::uint64_t reserved4 = 0;
  std::uint64_t reserved5 = 0;
};
static_assert(sizeof(TableBlockHeader) == 128);
static_assert(offsetof(TableBlockHeader, first_lsn) == 48);

// Begins the raw content of a block. Then the columns in this order, the groups, the events, the
// payloads.
struct TableContentHeader {
  std::uint32_t lsn_bytes = 0;    // column: LSN minus the LSN before, minus one
  std::uint32_t time_bytes = 0;   // column: observed_unix_ns minus the one before
  std::uint32_t boot_bytes = 0;   // column: (unix minus boot time) minus that of the one before
  std::uint32_t size_bytes = 0;   // column: size of the payload
  std::uint32_t group_bytes = 0;  // column: index of the group
  std::uint32_t flag_bytes = 0;   // column: flags
  std::uint32_t group_count = 0;
  std::uint32_t group_entry_bytes = 0;
  std::uint32_t event_entry_bytes = 0;
  std::uint32_t payload_bytes = 0;
};
static_assert(sizeof(TableContentHeader) == 40);

// What records share. Followed by pipeline, source, then per attribute two u32 sizes, key, value.
struct TableGroupEntry {
  std::uint32_t boot_ordinal = 0;
  std::uint32_t pipeline_bytes = 0;
  std::uint32_t source_bytes = 0;
  std::uint32_t attribute_count = 0;
};
static_assert(sizeof(TableGroupEntry) == 16);

// Followed by the text.
struct TableEventEntry {
  std::uint64_t number = 0;
  std::uint64_t after_lsn = 0;
  std::int64_t observed_unix_ns = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_lost = 0;
  std::uint64_t last_lost = 0;
  std::uint32_t records_before = 0;  // records of the block that stand before it
  std::uint32_t text_bytes = 0;
  std::uint16_t kind = 0;
  std::uint16_t reserved = 0;
  std::uint32_t reserved2 = 0;
};
static_assert(sizeof(TableEventEntry) == 72);

inline constexpr std::uint32_t kBlockSourcesMax = 8;
inline constexpr std::uint16_t kAnySource = 0xFFFF;  // TableIndexEntry::source_count

// One block in an index page.
struct TableIndexEntry {
  std::uint64_t offset = 0;
  std::uint32_t block_bytes = 0;  // header and stored content
  std::uint32_t block_crc = 0;    // the block's own
  std::uint32_t record_count = 0;
  std::uint32_t event_count = 0;
  std::uint64_t first_lsn = 0;  // as in the block's header
  std::uint64_t last_lsn = 0;
  std::uint64_t first_after = 0;
  std::uint64_t last_after = 0;
  std::int64_t min_unix_ns = 0;
  std::int64_t max_unix_ns = 0;
  std::array<std::uint16_t, kBlockSourcesMax> sources{};  // indexes in the table's sources
  std::uint16_t source_count = 0;                         // kAnySource: too many to list
  std::uint16_t reserved = 0;
  std::uint32_t reserved2 = 0;
};
static_assert(sizeof(TableIndexEntry) == 96);

inline constexpr std::uint32_t kIndexPageMagic = 0x5049544B;  // "KTIP"
inline constexpr std::uint32_t kIndexPageEntriesMax = 42;     // a page is at most 4064 bytes

// Begins an index page; the entries follow.
struct TableIndexPage {
  std::uint32_t crc = 0;  // CRC-32C of bytes 4 to the end of the page
  std::uint32_t magic = kIndexPageMagic;
  std::uint64_t table = 0;
  std::uint64_t offset = 0;  // of this page in the file
  std::uint32_t entry_count = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(TableIndexPage) == 32);

// One index page in the top index.
struct TableTopEntry {
  std::uint64_t offset = 0;
  std::uint32_t page_crc = 0;  // the page's own
  std::uint32_t entry_count = 0;
  std::uint64_t first_lsn = 0;  // of its blocks together
  std::uint64_t last_lsn = 0;
  std::uint64_t first_after = 0;
  std::uint64_t last_after = 0;
  std::int64_t min_unix_ns = INT64_MAX;
  std::int64_t max_unix_ns = INT64_MIN;
  std::uint64_t event_count = 0;
  std::uint64_t first_block_offset = 0;
};
static_assert(sizeof(TableTopEntry) == 80);

struct TablePiece {
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t record_count = 0;
  std::uint64_t first_event = 0;
  std::uint64_t event_count = 0;
  Digest digest{};
  Digest anchor{};
};
static_assert(sizeof(TablePiece) == 104);

// One of the table's sources. Followed by pipeline and source.
struct TableSourceEntry {
  std::uint32_t pipeline_bytes = 0;
  std::uint32_t source_bytes = 0;
};
static_assert(sizeof(TableSourceEntry) == 8);

// A part of the file between the index pages and the footer.
struct TablePart {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32C of it
};
static_assert(sizeof(TablePart) == 16);

inline constexpr std::array<char, 8> kTableFooterMagic = {'K', 'I', 'F', 'A', 'T', 'E', 'N', 'D'};

// TableFooter::flags_compatible. The table took the place of a damaged one and holds what could be
// read: its pieces are others, while the manifest keeps the anchor that the table behind is chained
// to.
inline constexpr std::uint32_t kTableRepaired = 1U << 0U;

// Ends the file.
struct TableFooter {
  std::array<char, 8> magic = kTableFooterMagic;
  std::uint16_t format_major = kTableMajor;
  std::uint16_t format_minor = kTableMinor;
  std::uint32_t footer_bytes = 320;
  std::uint32_t flags_incompatible = 0;
  std::uint32_t flags_read_only = 0;
  std::uint32_t flags_compatible = 0;
  std::uint32_t level = 0;
  StoreId store_id{};
  std::uint64_t number = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t first_event = 0;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_records = 0;
  std::int64_t min_unix_ns = INT64_MAX;  // of the records
  std::int64_t max_unix_ns = INT64_MIN;
  std::uint64_t block_count = 0;
  std::uint64_t piece_count = 0;
  std::uint64_t blocks_end = 0;  // offset of the first index page
  TablePart top;
  TablePart pieces;
  TablePart sources;
  Digest previous_anchor{};  // that the first piece chains to
  Digest last_anchor{};
  std::uint32_t source_count = 0;
  std::uint32_t header_crc = 0;  // the header's own
  std::array<std::uint8_t, 28> reserved{};
  std::uint32_t crc = 0;  // CRC-32C of all bytes before
};
static_assert(sizeof(TableFooter) == 320);
static_assert(offsetof(TableFooter, number) == 48 && offsetof(TableFooter, top) == 168);
static_assert(offsetof(TableFooter, crc) == 316);

[[nodiscard]] std::uint32_t crc_of(const TableHeader& header);
[[nodiscard]] std::uint32_t crc_of(const TableFooter& footer);
// Of a block: its header and the content behind it.
[[nodiscard]] std::uint32_t crc_of(const TableBlockHeader& header, ByteView stored);
// Of an index page: its head and the entries behind it.
[[nodiscard]] std::uint32_t crc_of(const TableIndexPage& page, ByteView entries);
// What an index says of a block without its sources, from the header in which the block says it.
[[nodiscard]] TableIndexEntry index_entry_of(const TableBlockHeader& header);
// Makes `page` cover the block too.
void extend(TableTopEntry& page, const TableIndexEntry& block);
[[nodiscard]] Piece piece_of(const TablePiece& piece);

// The header or footer in `bytes`, if it is one, undamaged, of table `number`; `corrupt` says what
// is wrong, `unsupported` that it is of a newer format.
[[nodiscard]] Result<TableHeader> decode_table_header(ByteView bytes, std::uint64_t number);
[[nodiscard]] Result<TableFooter> decode_table_footer(ByteView bytes, std::uint64_t number);
[[nodiscard]] TableInfo info_of(const TableFooter& footer);

// "table-0000000000000001"
[[nodiscard]] std::string table_file_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> table_number_of(std::string_view file_name);

}  // namespace kifa::store
