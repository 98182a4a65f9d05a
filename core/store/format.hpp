#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/base/types.hpp"

// The bytes of a store on disk, as described in docs/formats/wal.md. All integers are little endian
// and stand at the offset of their field in these structs; values that were ever written are never
// renumbered.
namespace kifa::store {

static_assert(std::endian::native == std::endian::little, "stored integers are little endian");

inline constexpr std::uint16_t kFormatMajor = 1;
inline constexpr std::uint16_t kFormatMinor = 0;

inline constexpr std::uint32_t kBlockBytesMin = 4096;
inline constexpr std::uint32_t kBlockBytesMax = 65536;
inline constexpr std::uint64_t kSegmentBytesMin = 1_MiB;
inline constexpr std::uint64_t kSegmentBytesMax = 1_GiB;

using StoreId = std::array<std::uint8_t, 16>;  // random UUID (RFC 4122, version 4)
[[nodiscard]] std::string to_string(const StoreId& id);

// A place in the log: the end of what a sync covers, or the start of a frame. Ordered by segment,
// then offset.
struct Position {
  std::uint64_t segment = 0;  // 0: before everything
  std::uint64_t offset = 0;
  auto operator<=>(const Position&) const = default;
};

// What the log holds before a segment begins, so that nobody has to read all of it to tell.
struct Totals {
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_records = 0;
  std::uint64_t events = 0;
  std::int64_t min_unix_ns = INT64_MAX;  // of the records' observed times
  std::int64_t max_unix_ns = INT64_MIN;
  bool operator==(const Totals&) const = default;
};

inline constexpr std::array<char, 8> kSegmentMagic = {'K', 'I', 'F', 'A', 'W', 'A', 'L', '\0'};

// Stands in block 0 and again in block 1 of every segment.
struct SegmentHeader {
  std::array<char, 8> magic = kSegmentMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t header_bytes = 256;
  std::uint32_t flags_incompatible = 0;  // unknown bit: refuse
  std::uint32_t flags_read_only = 0;     // unknown bit: reading only
  std::uint32_t flags_compatible = 0;    // unknown bit: nothing to care about
  std::uint32_t block_bytes = 0;
  StoreId store_id{};
  std::uint64_t number = 0;  // equals the number in the file's name
  std::uint64_t epoch = 0;   // random, new for every use of the file
  std::uint64_t segment_bytes = 0;
  std::uint64_t first_lsn = 0;           // of the first record in it
  std::uint64_t first_event = 0;         // number of the first event in it
  std::uint64_t predecessor_number = 0;  // 0: this is the first segment
  std::uint64_t predecessor_epoch = 0;
  std::uint64_t predecessor_end = 0;    // the log goes on here after this offset of the predecessor
  std::uint32_t predecessor_chain = 0;  // header checksum of the predecessor's last frame, 0: none
  std::uint32_t boot_ordinal = 0;
  Position durable;  // known to be durable when this was written
  std::uint64_t durable_lsn = 0;
  std::uint64_t manifest_version = 0;  // 0: no tables yet
  std::array<char, 36> boot_id{};
  std::uint32_t flush_mode = 0;
  Totals before;
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;  // CRC-32C of all bytes before
};
static_assert(sizeof(SegmentHeader) == 256);
static_assert(offsetof(SegmentHeader, store_id) == 32 && offsetof(SegmentHeader, number) == 48);
static_assert(offsetof(SegmentHeader, durable) == 120 && offsetof(SegmentHeader, boot_id) == 152);
static_assert(offsetof(SegmentHeader, before) == 192 && offsetof(SegmentHeader, crc) == 252);

inline constexpr std::uint32_t kFrameMagic = 0x4D52464B;    // "KFRM"
inline constexpr std::uint32_t kTrailerMagic = 0x444E454B;  // "KEND"

inline constexpr std::uint8_t kFrameClean = 1U
                                            << 0U;  // the writer closed the store after this frame
inline constexpr std::uint8_t kFrameWatermark = 1U << 1U;  // written only to tell what is durable

// Begins every frame. Then: payloads one after the other, zeros to a multiple of 8, the record
// table, the entries, the trailer, zeros to the next block.
struct FrameHeader {
  std::uint32_t header_crc = 0;  // CRC-32C of bytes 4 to 127
  std::uint32_t magic = kFrameMagic;
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;  // of this frame in the segment
  std::uint64_t epoch = 0;
  std::uint64_t first_lsn = 0;  // of the first record; without records: of the next
  std::uint32_t record_count = 0;
  std::uint32_t frame_bytes = 0;  // from this header to the end of the trailer
  std::uint8_t codec = 0;         // 0: not compressed
  std::uint8_t flags = 0;
  std::uint16_t reserved = 0;
  std::uint32_t chain = 0;  // header_crc of the frame before, 0: none
  Position durable;         // known to be durable when this frame was built
  std::uint64_t durable_lsn = 0;
  std::uint64_t first_event = 0;  // number of the first event; without events: of the next
  std::uint32_t event_count = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t entry_bytes = 0;
  std::uint32_t boot_ordinal = 0;
  std::int64_t built_unix_ns = 0;
  std::int64_t built_boot_ns = 0;
  std::uint32_t reserved2 = 0;
  std::uint32_t body_crc =
      0;  // CRC-32C of bytes 4 to 123 of the header, the record table and the entries
};
static_assert(sizeof(FrameHeader) == 128);
static_assert(offsetof(FrameHeader, durable) == 56 && offsetof(FrameHeader, body_crc) == 124);

// One record of a frame. Its crc covers RecordSeal and the payload.
struct TableEntry {
  std::uint32_t payload_bytes = 0;
  std::uint32_t crc = 0;
  std::int64_t observed_unix_ns = 0;
  std::uint32_t group = 0;  // index of its group entry in this frame
  std::uint32_t flags = 0;  // kRecord*
};
static_assert(sizeof(TableEntry) == 24);

// What a record's checksum covers before the payload: the same bytes elsewhere in the log are
// another record.
struct RecordSeal {
  std::uint64_t epoch = 0;
  std::uint64_t lsn = 0;
  std::int64_t observed_unix_ns = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t group = 0;
  std::uint32_t flags = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(RecordSeal) == 40);

struct FrameTrailer {
  std::uint32_t magic = kTrailerMagic;
  std::uint32_t header_crc = 0;  // equals the header's
};
static_assert(sizeof(FrameTrailer) == 8);

// The entries of a frame: each begins with this, is `bytes` long without it, and is padded with
// zeros to 8.
enum class EntryKind : std::uint16_t { group = 1, checkpoint = 2, event = 3 };
struct EntryHeader {
  EntryKind kind = EntryKind::group;
  std::uint16_t reserved = 0;
  std::uint32_t bytes = 0;
};
static_assert(sizeof(EntryHeader) == 8);

// Origin and attributes that records share. Followed by pipeline, source, then per attribute two
// u32 sizes, key, value.
struct GroupEntry {
  std::int64_t wall_minus_boot_ns = 0;  // observed_boot_ns = observed_unix_ns - this
  std::uint16_t pipeline_bytes = 0;
  std::uint16_t source_bytes = 0;
  std::uint32_t attribute_count = 0;
};
static_assert(sizeof(GroupEntry) == 16);

inline constexpr std::uint32_t kCheckpointForget = 1U << 0U;

// Followed by origin, key, state.
struct CheckpointEntry {
  std::uint64_t position = 0;
  std::uint32_t flags = 0;
  std::uint32_t state_bytes = 0;
  std::uint16_t origin_bytes = 0;
  std::uint16_t key_bytes = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(CheckpointEntry) == 24);

// Followed by the text. Its number is first_event of the frame plus its index among the frame's
// events.
struct EventEntry {
  std::uint64_t after_lsn = 0;
  std::int64_t observed_unix_ns = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_lost = 0;
  std::uint64_t last_lost = 0;
  std::uint16_t kind = 0;
  std::uint16_t reserved = 0;
  std::uint32_t text_bytes = 0;
};
static_assert(sizeof(EventEntry) == 56);

enum class StatusState : std::uint32_t { opening = 1, serving = 2, stopped = 3 };

inline constexpr std::uint32_t kStatusMagic = 0x5453464B;  // "KFST"
inline constexpr std::size_t kStatusFileBytes = 4096;
inline constexpr std::size_t kStatusSlotStride = 512;  // a torn sector spoils one slot

// STATUS holds two of these, at offsets 0 and 512, written alternately; the valid one with the
// higher sequence counts.
struct StatusSlot {
  std::uint32_t crc = 0;  // CRC-32C of bytes 4 to 119
  std::uint32_t magic = kStatusMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  StatusState state = StatusState::opening;
  std::uint64_t sequence = 0;
  StoreId store_id{};
  std::uint64_t open_epoch = 0;  // random, new for every open
  Position durable;
  std::uint64_t durable_lsn = 0;
  std::uint64_t manifest_version = 0;
  std::array<char, 36> boot_id{};
  std::uint32_t flush_mode = 0;
};
static_assert(sizeof(StatusSlot) == 120);

inline constexpr std::uint32_t kOpeningNoteMagic = 0x4E4F464B;  // "KFON"
inline constexpr std::size_t kOpeningNoteOffset = 1024;         // in STATUS, behind the slots
inline constexpr std::uint32_t kRecoveryDroppedTail = 1U << 0U;

// What a note says about recoveries.
enum class RecoveryNote : std::uint32_t {
  unknown = 0,   // the store is older than its notes, or they were lost
  none_yet = 1,  // every writer so far has closed the store
  noted = 2,
};

// Stands in STATUS at offset 1024: what openings for writing leave for readers of later days.
struct OpeningNote {
  std::uint32_t crc = 0;  // CRC-32C of bytes 4 to 71
  std::uint32_t magic = kOpeningNoteMagic;
  StoreId store_id{};
  std::uint64_t disk_budget_bytes = 0;  // of the last opening; 0: none
  RecoveryNote recovery = RecoveryNote::unknown;
  std::uint32_t recovery_flags = 0;
  std::int64_t recovery_unix_ns = 0;  // of the last opening after an unclean end
  std::uint64_t recovery_carried_records = 0;
  std::uint64_t recovery_lost_records = 0;
  std::uint32_t recovery_segments = 0;
  std::uint32_t recovery_damages = 0;
  bool operator==(const OpeningNote&) const = default;
};
static_assert(sizeof(OpeningNote) == 72);
static_assert(kOpeningNoteOffset >= 2 * kStatusSlotStride);
static_assert(kOpeningNoteOffset + sizeof(OpeningNote) <= kStatusFileBytes);

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Copies a struct of this file out of bytes that hold at least sizeof(T).
template <class T>
[[nodiscard]] T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

[[nodiscard]] std::uint32_t crc_of(const SegmentHeader& header);
[[nodiscard]] std::uint32_t crc_of(const StatusSlot& slot);
[[nodiscard]] std::uint32_t crc_of(const OpeningNote& note);
[[nodiscard]] std::uint32_t header_crc_of(const FrameHeader& header);

// The header in `bytes` (at least 256), if it is one, undamaged, of segment `number`. A header of a
// newer format is an `unsupported` failure; anything else that is wrong is nullopt.
[[nodiscard]] Result<std::optional<SegmentHeader>> decode_segment_header(ByteView bytes,
                                                                         std::uint64_t number);
// The frame header in `bytes` (at least 128), if it is one that belongs to this place.
[[nodiscard]] std::optional<FrameHeader> decode_frame_header(ByteView bytes,
                                                             const SegmentHeader& segment,
                                                             std::uint64_t offset);
[[nodiscard]] std::optional<StatusSlot> decode_status_slot(ByteView bytes);
[[nodiscard]] std::optional<OpeningNote> decode_opening_note(ByteView bytes);

// "wal-0000000000000001"
[[nodiscard]] std::string segment_file_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> segment_number_of(std::string_view file_name);

}  // namespace kifa::store
