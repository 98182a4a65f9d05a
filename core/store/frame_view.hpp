#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/format.hpp"
#include "core/store/records.hpp"

namespace kifa::store {

// A frame in memory whose header and body checksums hold. Views into the giver's bytes.
struct FrameView {
  FrameHeader header;
  ByteView payloads;  // without padding
  ByteView table;     // TableEntry x record_count
  ByteView entries;
};

enum class FrameCheck : std::uint8_t {
  intact,           // every checksum holds
  records_damaged,  // header, table and entries hold, some records do not: the others can be
                    // salvaged
  body_damaged,     // only the header holds
};

struct CheckedFrame {
  FrameCheck check = FrameCheck::body_damaged;
  FrameView view;                              // not for body_damaged
  std::vector<std::uint32_t> damaged_records;  // indexes; for records_damaged
};

// Checks the frame of `header` in `bytes`, which holds its frame_bytes padded to whole blocks.
[[nodiscard]] CheckedFrame check_frame(const FrameHeader& header, ByteView bytes);

// The groups of one frame, decoded once for all its records. Reused from frame to frame.
class FrameGroups final {
 public:
  // False when an entry does not hold together (which the checksum should have told).
  [[nodiscard]] bool decode(const FrameView& frame);
  // Fills in what the group knows about the record; false: no such group.
  [[nodiscard]] bool apply(std::uint32_t group, RecordView& record) const;

 private:
  struct Group {
    std::int64_t wall_minus_boot_ns;
    std::string_view pipeline, source;
    std::size_t first_attribute, attribute_count;
  };
  std::vector<Group> groups_;
  std::vector<Attribute> attributes_;
};

// Calls `visit` for every entry of `kind`; false: the entries do not hold together.
bool for_each_entry(const FrameView& frame, EntryKind kind,
                    const std::function<bool(ByteView body)>& visit);
[[nodiscard]] std::vector<Checkpoint> checkpoints_of(const FrameView& frame);
[[nodiscard]] std::vector<Event> events_of(const FrameView& frame);

[[nodiscard]] std::uint32_t record_crc(const RecordSeal& seal, ByteView payload);

}  // namespace kifa::store
