#include "core/store/format.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/base/crc32c.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

template <class T>
ByteView bytes_of(const T& value, std::size_t from, std::size_t to) {
  return std::as_bytes(std::span(&value, 1)).subspan(from, to - from);
}

constexpr std::string_view kSegmentPrefix = "wal-";
constexpr std::size_t kSegmentDigits = 16;

}  // namespace

std::string to_string(const StoreId& id) {
  std::string text;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    text += fmt::format("{:02x}", id[i]);
  }
  return text;
}

std::uint32_t crc_of(const SegmentHeader& header) {
  return crc32c(0, bytes_of(header, 0, offsetof(SegmentHeader, crc)));
}

std::uint32_t crc_of(const StatusSlot& slot) {
  return crc32c(0, bytes_of(slot, sizeof slot.crc, sizeof slot));
}

std::uint32_t crc_of(const OpeningNote& note) {
  return crc32c(0, bytes_of(note, sizeof note.crc, sizeof note));
}

std::uint32_t header_crc_of(const FrameHeader& header) {
  return crc32c(0, bytes_of(header, sizeof header.header_crc, sizeof header));
}

Result<std::optional<SegmentHeader>> decode_segment_header(ByteView bytes, std::uint64_t number) {
  if (bytes.size() < sizeof(SegmentHeader)) {
    return std::optional<SegmentHeader>();
  }
  const auto header = load<SegmentHeader>(bytes.data());
  if (header.magic != kSegmentMagic || header.crc != crc_of(header)) {
    return std::optional<SegmentHeader>();
  }
  // The checksum held, so a number that differs is a recycled file that has not been used again
  // yet.
  if (header.number != number) {
    return std::optional<SegmentHeader>();
  }
  if (header.format_major != kFormatMajor || header.flags_incompatible != 0) {
    return Status(
        Code::unsupported,
        fmt::format(
            "the store was written in format {}.{} (features {:#x}), this kifa reads format {}.{}; "
            "use the kifa that wrote it or a newer one",
            header.format_major, header.format_minor, header.flags_incompatible, kFormatMajor,
            kFormatMinor));
  }
  const bool sane_block = std::has_single_bit(header.block_bytes) &&
                          header.block_bytes >= kBlockBytesMin &&
                          header.block_bytes <= kBlockBytesMax;
  const bool sane_size = sane_block && header.segment_bytes >= kSegmentBytesMin &&
                         header.segment_bytes <= kSegmentBytesMax &&
                         header.segment_bytes % header.block_bytes == 0;
  if (!sane_block || !sane_size) {
    return std::optional<SegmentHeader>();
  }
  return std::optional<SegmentHeader>(header);
}

std::optional<FrameHeader> decode_frame_header(ByteView bytes, const SegmentHeader& segment,
                                               std::uint64_t offset) {
  if (bytes.size() < sizeof(FrameHeader)) {
    return std::nullopt;
  }
  const auto header = load<FrameHeader>(bytes.data());
  if (header.magic != kFrameMagic || header.header_crc != header_crc_of(header)) {
    return std::nullopt;
  }
  if (header.segment != segment.number || header.offset != offset) {
    return std::nullopt;
  }
  if (header.epoch != segment.epoch && !mutant_is(Mutant::epoch_not_checked)) {
    return std::nullopt;
  }
  const std::uint64_t body = round_up(header.payload_bytes, 8) +
                             std::uint64_t{header.record_count} * sizeof(TableEntry) +
                             header.entry_bytes;
  const bool sane = header.frame_bytes == sizeof(FrameHeader) + body + sizeof(FrameTrailer) &&
                    header.frame_bytes <= segment.segment_bytes - offset && header.codec == 0;
  return sane ? std::optional(header) : std::nullopt;
}

std::optional<StatusSlot> decode_status_slot(ByteView bytes) {
  if (bytes.size() < sizeof(StatusSlot)) {
    return std::nullopt;
  }
  const auto slot = load<StatusSlot>(bytes.data());
  if (slot.magic != kStatusMagic || slot.crc != crc_of(slot)) {
    return std::nullopt;
  }
  return slot;
}

std::optional<OpeningNote> decode_opening_note(ByteView bytes) {
  if (bytes.size() < sizeof(OpeningNote)) {
    return std::nullopt;
  }
  const auto note = load<OpeningNote>(bytes.data());
  if (note.magic != kOpeningNoteMagic || note.crc != crc_of(note)) {
    return std::nullopt;
  }
  return note;
}

std::string segment_file_name(std::uint64_t number) {
  return fmt::format("{}{:0{}}", kSegmentPrefix, number, kSegmentDigits);
}

std::optional<std::uint64_t> segment_number_of(std::string_view file_name) {
  if (!file_name.starts_with(kSegmentPrefix) ||
      file_name.size() != kSegmentPrefix.size() + kSegmentDigits) {
    return std::nullopt;
  }
  const std::string_view digits = file_name.substr(kSegmentPrefix.size());
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size() || number == 0) {
    return std::nullopt;
  }
  return number;
}

}  // namespace kifa::store
