#include "core/store/frame_builder.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/assert.hpp"
#include "core/base/crc32c.hpp"

namespace kifa::store {

namespace {

constexpr std::size_t kBufferBytesMin = 64_KiB;
constexpr std::size_t kBulkBytes = 512_KiB;  // a frame of a bulk grows to twice of this

template <class T>
ByteView view_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace

FrameBuilder::FrameBuilder(std::uint32_t block_bytes) : block_bytes_(block_bytes) {}

std::size_t FrameBuilder::frame_bytes() const {
  return sizeof(FrameHeader) + round_up(payload_bytes_, 8) + table_.size() * sizeof(TableEntry) +
         round_up(entries_.size(), 8) + sizeof(FrameTrailer);
}

// Makes the buffer large enough for a frame of `frame_bytes`, keeping what is in it.
void FrameBuilder::reserve(std::size_t frame_bytes) {
  const std::size_t needed = front_bytes() + round_up(frame_bytes, block_bytes_);
  if (needed <= buffer_.size()) {
    return;
  }
  const std::size_t grown = std::max({needed, 2 * buffer_.size(), kBufferBytesMin});
  io::AlignedBuffer larger = grown > kBulkBytes ? io::AlignedBuffer::huge(grown)
                                                : io::AlignedBuffer(round_up(grown, block_bytes_),
                                                                    std::max(block_bytes_, 4096U));
  if (payload_bytes_ > 0) {
    std::memcpy(larger.data() + front_bytes() + sizeof(FrameHeader),
                frame_start() + sizeof(FrameHeader), payload_bytes_);
  }
  buffer_ = std::move(larger);
}

void FrameBuilder::put(const void* from, std::size_t bytes) {
  const auto* first = static_cast<const std::byte*>(from);
  entries_.insert(entries_.end(), first, first + bytes);
}

// Begins an entry whose body is `bytes` long; padding is added when the next one begins or at seal.
void FrameBuilder::add_entry(EntryKind kind, std::size_t bytes) {
  entries_.resize(round_up(entries_.size(), 8));
  const EntryHeader header{.kind = kind, .reserved = 0, .bytes = static_cast<std::uint32_t>(bytes)};
  put(&header, sizeof header);
}

std::uint32_t FrameBuilder::add_group(const BatchView& batch, std::span<const Attribute> attributes,
                                      std::int64_t wall_minus_boot_ns) {
  std::size_t bytes = sizeof(GroupEntry) + batch.pipeline.size() + batch.source.size();
  for (const Attribute& attribute : attributes) {
    bytes += 2 * sizeof(std::uint32_t) + attribute.key.size() + attribute.value.size();
  }
  add_entry(EntryKind::group, bytes);
  const GroupEntry entry{.wall_minus_boot_ns = wall_minus_boot_ns,
                         .pipeline_bytes = static_cast<std::uint16_t>(batch.pipeline.size()),
                         .source_bytes = static_cast<std::uint16_t>(batch.source.size()),
                         .attribute_count = static_cast<std::uint32_t>(attributes.size())};
  put(&entry, sizeof entry);
  put(batch.pipeline.data(), batch.pipeline.size());
  put(batch.source.data(), batch.source.size());
  for (const Attribute& attribute : attributes) {
    const auto key_bytes = static_cast<std::uint32_t>(attribute.key.size());
    const auto value_bytes = static_cast<std::uint32_t>(attribute.value.size());
    put(&key_bytes, sizeof key_bytes);
    put(&value_bytes, sizeof value_bytes);
    put(attribute.key.data(), attribute.key.size());
    put(attribute.value.data(), attribute.value.size());
  }
  return group_count_++;
}

void FrameBuilder::add_records(const BatchView& batch, std::size_t from, std::size_t to,
                               std::size_t added_bytes, std::int64_t wall_minus_boot_ns) {
  reserve(frame_bytes() + added_bytes + (to - from) * sizeof(TableEntry));
  table_.reserve(table_.size() + (to - from));
  std::byte* at = frame_start() + sizeof(FrameHeader) + payload_bytes_;
  const Attribute* known_attributes = nullptr;  // records of one stream share one array
  std::size_t known_count = 0;
  std::uint32_t group = 0;
  for (std::size_t i = from; i < to; ++i) {
    const RecordView& record = batch.records[i];
    if (i == from || record.attributes.data() != known_attributes ||
        record.attributes.size() != known_count) {
      group = add_group(batch, record.attributes, wall_minus_boot_ns);
      known_attributes = record.attributes.data();
      known_count = record.attributes.size();
    }
    if (!record.payload.empty()) {
      std::memcpy(at, record.payload.data(), record.payload.size());
      at += record.payload.size();
    }
    table_.push_back({.payload_bytes = static_cast<std::uint32_t>(record.payload.size()),
                      .crc = 0,
                      .observed_unix_ns = record.observed_unix_ns,
                      .group = group,
                      .flags = record.flags});
    min_unix_ns_ = std::min(min_unix_ns_, record.observed_unix_ns);
    max_unix_ns_ = std::max(max_unix_ns_, record.observed_unix_ns);
  }
  KIFA_ASSERT(at == frame_start() + sizeof(FrameHeader) + payload_bytes_ + added_bytes);
  payload_bytes_ += added_bytes;
}

void FrameBuilder::add_checkpoint(const Checkpoint& checkpoint) {
  add_entry(EntryKind::checkpoint, sizeof(CheckpointEntry) + checkpoint.origin.size() +
                                       checkpoint.key.size() + checkpoint.state.size());
  const CheckpointEntry entry{.position = checkpoint.position,
                              .flags = checkpoint.forget ? kCheckpointForget : 0,
                              .state_bytes = static_cast<std::uint32_t>(checkpoint.state.size()),
                              .origin_bytes = static_cast<std::uint16_t>(checkpoint.origin.size()),
                              .key_bytes = static_cast<std::uint16_t>(checkpoint.key.size()),
                              .reserved = 0};
  put(&entry, sizeof entry);
  put(checkpoint.origin.data(), checkpoint.origin.size());
  put(checkpoint.key.data(), checkpoint.key.size());
  put(checkpoint.state.data(), checkpoint.state.size());
}

void FrameBuilder::add_event(const Event& event) {
  add_entry(EntryKind::event, sizeof(EventEntry) + event.text.size());
  event_places_.push_back({.entry_at = entries_.size(), .records_before = record_count()});
  const EventEntry entry{.after_lsn = 0,
                         .observed_unix_ns = event.observed_unix_ns,
                         .records = event.records,
                         .bytes = event.bytes,
                         .first_lost = event.first_lost.value,
                         .last_lost = event.last_lost.value,
                         .kind = static_cast<std::uint16_t>(event.kind),
                         .reserved = 0,
                         .text_bytes = static_cast<std::uint32_t>(event.text.size())};
  put(&entry, sizeof entry);
  put(event.text.data(), event.text.size());
  ++event_count_;
  if (event.kind == EventKind::gap) {
    ++gap_count_;
    lost_records_ += event.records;
  }
}

void FrameBuilder::add_frame(const FrameView& frame) {
  KIFA_ASSERT(empty());
  reserve(frame.header.frame_bytes);
  payload_bytes_ = frame.payloads.size();
  if (!frame.payloads.empty()) {
    std::memcpy(frame_start() + sizeof(FrameHeader), frame.payloads.data(), frame.payloads.size());
  }
  table_.resize(frame.header.record_count);
  if (!frame.table.empty()) {
    std::memcpy(table_.data(), frame.table.data(), frame.table.size());
  }
  entries_.assign(frame.entries.begin(), frame.entries.end());
  event_count_ = frame.header.event_count;
  for (const TableEntry& entry : table_) {
    min_unix_ns_ = std::min(min_unix_ns_, entry.observed_unix_ns);
    max_unix_ns_ = std::max(max_unix_ns_, entry.observed_unix_ns);
  }
  for (const Event& event : events_of(frame)) {
    gap_count_ += event.kind == EventKind::gap ? 1 : 0;
    lost_records_ += event.kind == EventKind::gap ? event.records : 0;
  }
}

// Gives every record the checksum that binds it to its place.
void FrameBuilder::seal_records(const FramePlace& place) {
  const std::byte* payload = frame_start() + sizeof(FrameHeader);
  std::uint64_t lsn = place.first_lsn.value;
  for (TableEntry& entry : table_) {
    const RecordSeal seal{.epoch = place.epoch,
                          .lsn = lsn++,
                          .observed_unix_ns = entry.observed_unix_ns,
                          .payload_bytes = entry.payload_bytes,
                          .group = entry.group,
                          .flags = entry.flags};
    entry.crc = record_crc(seal, {payload, entry.payload_bytes});
    payload += entry.payload_bytes;
  }
  for (const EventPlace& event : event_places_) {
    const std::uint64_t after = place.first_lsn.value + event.records_before - 1;
    std::memcpy(entries_.data() + event.entry_at + offsetof(EventEntry, after_lsn), &after,
                sizeof after);
  }
  event_places_.clear();  // sealed again elsewhere, the LSNs stay what they are
}

std::uint32_t FrameBuilder::seal(const FramePlace& place) {
  entries_.resize(round_up(entries_.size(), 8));
  const std::size_t bytes = frame_bytes();
  reserve(bytes);
  seal_records(place);
  std::byte* const start = frame_start();
  std::byte* at = start + sizeof(FrameHeader) + payload_bytes_;
  const std::size_t payload_padding = round_up(payload_bytes_, 8) - payload_bytes_;
  std::memset(at, 0, payload_padding);
  at += payload_padding;
  const ByteView table = std::as_bytes(std::span(table_));
  std::ranges::copy(table, at);
  at += table.size();
  std::ranges::copy(entries_, at);
  at += entries_.size();

  FrameHeader header{.segment = place.segment,
                     .offset = place.offset,
                     .epoch = place.epoch,
                     .first_lsn = place.first_lsn.value,
                     .record_count = record_count(),
                     .frame_bytes = static_cast<std::uint32_t>(bytes),
                     .codec = 0,
                     .flags = place.flags,
                     .reserved = 0,
                     .chain = place.chain,
                     .durable = place.durable,
                     .durable_lsn = place.durable_lsn.value,
                     .first_event = place.first_event,
                     .event_count = event_count_,
                     .payload_bytes = static_cast<std::uint32_t>(payload_bytes_),
                     .entry_bytes = static_cast<std::uint32_t>(entries_.size()),
                     .boot_ordinal = place.boot_ordinal,
                     .built_unix_ns = place.built_unix_ns,
                     .built_boot_ns = place.built_boot_ns,
                     .reserved2 = 0,
                     .body_crc = 0};
  std::uint32_t crc = crc32c(0, view_of(header).subspan(4, offsetof(FrameHeader, body_crc) - 4));
  crc = crc32c(crc, table);
  header.body_crc = crc32c(crc, entries_);
  header.header_crc = header_crc_of(header);
  std::memcpy(start, &header, sizeof header);
  const FrameTrailer trailer{.header_crc = header.header_crc};
  std::memcpy(at, &trailer, sizeof trailer);
  sealed_bytes_ = round_up(bytes, block_bytes_);
  std::memset(start + bytes, 0, sealed_bytes_ - bytes);
  return header.header_crc;
}

ByteView FrameBuilder::sealed() const {
  KIFA_ASSERT(sealed_bytes_ > 0);
  return {frame_start(), sealed_bytes_};
}

ByteView FrameBuilder::sealed_with(const SegmentHeader& header) {
  KIFA_ASSERT(sealed_bytes_ > 0);
  std::memset(buffer_.data(), 0, front_bytes());
  std::memcpy(buffer_.data(), &header, sizeof header);
  std::memcpy(buffer_.data() + block_bytes_, &header, sizeof header);
  return {buffer_.data(), front_bytes() + sealed_bytes_};
}

void FrameBuilder::clear() {
  payload_bytes_ = 0;
  table_.clear();
  entries_.clear();
  event_places_.clear();
  event_count_ = 0;
  group_count_ = 0;
  gap_count_ = 0;
  lost_records_ = 0;
  min_unix_ns_ = INT64_MAX;
  max_unix_ns_ = INT64_MIN;
  sealed_bytes_ = 0;
}

}  // namespace kifa::store
