#include "core/store/frame_view.hpp"

#include <algorithm>

#include "core/base/crc32c.hpp"

namespace kifa::store {

namespace {

// Reads fields of outside data one after the other and remembers whether one was missing.
class Cursor final {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    const ByteView raw = take_bytes(sizeof(T));
    return good_ ? load<T>(raw.data()) : T{};
  }
  ByteView take_bytes(std::size_t size) {
    if (size > bytes_.size()) {
      good_ = false;
      return {};
    }
    const ByteView taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  std::string_view take_text(std::size_t size) { return as_text(take_bytes(size)); }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  ByteView bytes_;
  bool good_ = true;
};

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
}

FrameView view_of(const FrameHeader& header, ByteView bytes) {
  const std::size_t table_at = sizeof(FrameHeader) + round_up(header.payload_bytes, 8);
  const std::size_t table_bytes = std::size_t{header.record_count} * sizeof(TableEntry);
  return {.header = header,
          .payloads = bytes.subspan(sizeof(FrameHeader), header.payload_bytes),
          .table = bytes.subspan(table_at, table_bytes),
          .entries = bytes.subspan(table_at + table_bytes, header.entry_bytes)};
}

bool body_holds(const FrameView& view, ByteView bytes) {
  const FrameHeader& header = view.header;
  std::uint32_t crc = crc32c(0, bytes.subspan(4, offsetof(FrameHeader, body_crc) - 4));
  crc = crc32c(crc, view.table);
  crc = crc32c(crc, view.entries);
  const auto trailer = load<FrameTrailer>(bytes.data() + header.frame_bytes - sizeof(FrameTrailer));
  const std::size_t gap_from = sizeof(FrameHeader) + header.payload_bytes;
  const std::size_t gap_to = sizeof(FrameHeader) + round_up(header.payload_bytes, 8);
  return crc == header.body_crc && trailer.magic == kTrailerMagic &&
         trailer.header_crc == header.header_crc &&
         all_zero(bytes.subspan(gap_from, gap_to - gap_from)) &&
         all_zero(bytes.subspan(header.frame_bytes));
}

}  // namespace

std::uint32_t record_crc(const RecordSeal& seal, ByteView payload) {
  return crc32c(crc32c(0, std::as_bytes(std::span(&seal, 1))), payload);
}

CheckedFrame check_frame(const FrameHeader& header, ByteView bytes) {
  CheckedFrame checked;
  if (bytes.size() < header.frame_bytes) {
    return checked;
  }
  const FrameView view = view_of(header, bytes);
  if (!body_holds(view, bytes)) {
    return checked;
  }
  std::size_t payload_at = 0;
  for (std::uint32_t i = 0; i < header.record_count; ++i) {
    const auto entry = load<TableEntry>(view.table.data() + std::size_t{i} * sizeof(TableEntry));
    if (entry.payload_bytes > view.payloads.size() - payload_at) {
      return checked;  // the table contradicts the header
    }
    const RecordSeal seal{.epoch = header.epoch,
                          .lsn = header.first_lsn + i,
                          .observed_unix_ns = entry.observed_unix_ns,
                          .payload_bytes = entry.payload_bytes,
                          .group = entry.group,
                          .flags = entry.flags};
    if (record_crc(seal, view.payloads.subspan(payload_at, entry.payload_bytes)) != entry.crc) {
      checked.damaged_records.push_back(i);
    }
    payload_at += entry.payload_bytes;
  }
  if (payload_at != view.payloads.size()) {
    return checked;
  }
  checked.view = view;
  checked.check =
      checked.damaged_records.empty() ? FrameCheck::intact : FrameCheck::records_damaged;
  return checked;
}

bool for_each_entry(const FrameView& frame, EntryKind kind,
                    const std::function<bool(ByteView body)>& visit) {
  Cursor cursor(frame.entries);
  while (cursor.good() && !cursor.at_end()) {
    const auto header = cursor.take<EntryHeader>();
    const ByteView body = cursor.take_bytes(header.bytes);
    cursor.take_bytes(round_up(header.bytes, 8) - header.bytes);
    if (cursor.good() && header.kind == kind && !visit(body)) {
      return false;
    }
  }
  return cursor.good();
}

bool FrameGroups::decode(const FrameView& frame) {
  groups_.clear();
  attributes_.clear();
  return for_each_entry(frame, EntryKind::group, [this](ByteView body) {
    Cursor cursor(body);
    const auto entry = cursor.take<GroupEntry>();
    Group group{.wall_minus_boot_ns = entry.wall_minus_boot_ns,
                .pipeline = cursor.take_text(entry.pipeline_bytes),
                .source = cursor.take_text(entry.source_bytes),
                .first_attribute = attributes_.size(),
                .attribute_count = entry.attribute_count};
    for (std::uint32_t i = 0; i < entry.attribute_count && cursor.good(); ++i) {
      const auto key_bytes = cursor.take<std::uint32_t>();
      const auto value_bytes = cursor.take<std::uint32_t>();
      const std::string_view key = cursor.take_text(key_bytes);
      attributes_.push_back({.key = key, .value = cursor.take_text(value_bytes)});
    }
    groups_.push_back(group);
    return cursor.good();
  });
}

bool FrameGroups::apply(std::uint32_t group, RecordView& record) const {
  if (group >= groups_.size()) {
    return false;
  }
  const Group& known = groups_[group];
  record.pipeline = known.pipeline;
  record.source = known.source;
  record.observed_boot_ns = record.observed_unix_ns - known.wall_minus_boot_ns;
  record.attributes = std::span(attributes_).subspan(known.first_attribute, known.attribute_count);
  return true;
}

std::vector<Checkpoint> checkpoints_of(const FrameView& frame) {
  std::vector<Checkpoint> checkpoints;
  for_each_entry(frame, EntryKind::checkpoint, [&checkpoints](ByteView body) {
    Cursor cursor(body);
    const auto entry = cursor.take<CheckpointEntry>();
    Checkpoint checkpoint;
    checkpoint.origin = cursor.take_text(entry.origin_bytes);
    checkpoint.key = cursor.take_text(entry.key_bytes);
    checkpoint.state = cursor.take_text(entry.state_bytes);
    checkpoint.position = entry.position;
    checkpoint.forget = (entry.flags & kCheckpointForget) != 0;
    if (cursor.good()) {
      checkpoints.push_back(std::move(checkpoint));
    }
    return cursor.good();
  });
  return checkpoints;
}

std::vector<Event> events_of(const FrameView& frame) {
  std::vector<Event> events;
  for_each_entry(frame, EntryKind::event, [&](ByteView body) {
    Cursor cursor(body);
    const auto entry = cursor.take<EventEntry>();
    Event event;
    event.number = frame.header.first_event + events.size();
    event.after = {entry.after_lsn};
    event.kind = static_cast<EventKind>(entry.kind);
    event.observed_unix_ns = entry.observed_unix_ns;
    event.records = entry.records;
    event.bytes = entry.bytes;
    event.first_lost = {entry.first_lost};
    event.last_lost = {entry.last_lost};
    event.text = cursor.take_text(entry.text_bytes);
    if (cursor.good()) {
      events.push_back(std::move(event));
    }
    return cursor.good();
  });
  return events;
}

}  // namespace kifa::store
