#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/store/format.hpp"
#include "core/store/table_info.hpp"

// The bytes of MANIFEST, CHECKPOINTS and cursor files, as described in docs/formats/manifest.md.
// The rules of format.hpp hold here as well.
namespace kifa::store {

inline constexpr std::array<char, 8> kManifestMagic = {'K', 'I', 'F', 'A', 'M', 'A', 'N', '\0'};

// Begins a manifest. Then: the tables, table_bytes each; FileTrailer.
struct ManifestHeader {
  std::array<char, 8> magic = kManifestMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t header_bytes = 480;  // a later minor may add to the end
  std::uint32_t flags_incompatible = 0;
  std::uint32_t flags_read_only = 0;
  std::uint32_t flags_compatible = 0;
  std::uint32_t table_bytes = 144;  // of one table's entry; a later minor may add to its end
  StoreId store_id{};
  std::uint64_t file_bytes = 0;  // with the trailer
  std::uint32_t table_count = 0;
  std::uint32_t prefix_crc = 0;  // CRC-32C of bytes 0 to 59
  std::uint64_t version = 0;     // equals the number in the file's name
  std::uint64_t previous_version = 0;
  std::uint32_t previous_checksum = 0;
  std::uint32_t checkpoints_crc = 0;
  std::uint64_t next_file_number = 0;
  std::uint64_t highest_event = 0;
  Position flushed;
  std::uint64_t flushed_epoch = 0;
  std::uint64_t next_lsn = 0;
  std::uint64_t next_event = 0;
  Totals flushed_totals;
  std::uint32_t flushed_chain = 0;
  std::uint32_t reserved = 0;
  Digest last_anchor{};
  std::uint64_t purged_through = 0;
  std::uint64_t purged_next_event = 0;
  Totals purged_totals;
  Digest purged_anchor{};
  std::uint64_t checkpoints_number = 0;
  std::uint64_t checkpoints_bytes = 0;
  std::int64_t clock_unix_ns = 0;
  std::int64_t clock_boot_ns = 0;
  std::array<char, 36> clock_boot_id{};
  std::uint32_t reserved2 = 0;
  std::uint64_t written_log = 0;
  std::uint64_t written_tables = 0;
  std::uint64_t written_manifests = 0;
  std::array<std::uint8_t, 40> reserved3{};
};
static_assert(sizeof(ManifestHeader) == 480);
static_assert(offsetof(ManifestHeader, prefix_crc) == 60);
static_assert(offsetof(ManifestHeader, flushed) == 104);
static_assert(offsetof(ManifestHeader, purged_through) == 240);
static_assert(offsetof(ManifestHeader, written_log) == 416);

// One table of a manifest.
struct ManifestTable {
  std::uint64_t number = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_event = 0;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_records = 0;
  std::int64_t min_unix_ns = 0;
  std::int64_t max_unix_ns = 0;
  std::uint64_t pieces = 0;
  std::uint32_t level = 0;
  std::uint32_t footer_crc = 0;
  Digest last_anchor{};
};
static_assert(sizeof(ManifestTable) == 144);

inline constexpr std::uint32_t kFileTrailerMagic = 0x444E464B;  // "KFND"

// Ends manifests and checkpoints files.
struct FileTrailer {
  std::uint32_t magic = kFileTrailerMagic;
  std::uint32_t crc = 0;  // CRC-32C of all bytes before, the trailer's magic included
};
static_assert(sizeof(FileTrailer) == 8);

inline constexpr std::array<char, 8> kCheckpointsMagic = {'K', 'I', 'F', 'A', 'C', 'K', 'P', '\0'};

// Begins a checkpoints file. Then, for each checkpoint in the order of origin and key: its
// CheckpointEntry (format.hpp), origin, key and state, zeros to a multiple of 8; FileTrailer.
struct CheckpointsHeader {
  std::array<char, 8> magic = kCheckpointsMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t header_bytes = 64;
  std::uint32_t flags_incompatible = 0;
  std::uint32_t flags_read_only = 0;
  std::uint32_t flags_compatible = 0;
  std::uint32_t count = 0;
  StoreId store_id{};
  std::uint64_t number = 0;  // equals the number in the file's name
  std::uint32_t reserved = 0;
  std::uint32_t header_crc = 0;  // CRC-32C of bytes 0 to 59
};
static_assert(sizeof(CheckpointsHeader) == 64);

inline constexpr std::array<char, 8> kCursorMagic = {'K', 'I', 'F', 'A', 'C', 'U', 'R', '\0'};

// All of a cursor file.
struct CursorRecord {
  std::array<char, 8> magic = kCursorMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t kind = 0;  // 1 cursor, 2 hold
  std::uint32_t flags_incompatible = 0;
  std::uint32_t flags_read_only = 0;
  std::uint32_t flags_compatible = 0;
  std::uint32_t reserved = 0;
  std::uint64_t lsn = 0;
  std::int64_t deadline_unix_ns = 0;
  std::uint32_t reserved2 = 0;
  std::uint32_t crc = 0;  // CRC-32C of bytes 0 to 51
};
static_assert(sizeof(CursorRecord) == 56);

}  // namespace kifa::store
