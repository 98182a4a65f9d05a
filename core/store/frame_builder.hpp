#pragma once

#include <cstdint>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/format.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/records.hpp"

namespace kifa::store {

// Where a frame goes and what it says about the log before it.
struct FramePlace {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  std::uint64_t epoch = 0;
  Lsn first_lsn;
  std::uint64_t first_event = 0;
  std::uint32_t chain = 0;
  Position durable;
  Lsn durable_lsn;
  std::uint32_t boot_ordinal = 0;
  std::int64_t built_unix_ns = 0;
  std::int64_t built_boot_ns = 0;
  std::uint8_t flags = 0;
};

// Gathers records, checkpoints and events and makes one frame of them: one aligned run of bytes for
// one write.
//
// Room for a segment's two header blocks stands in front of the frame, so that a rotation is one
// write too. sealed() bytes stay valid until clear(); seal() may be called again for another place.
//
// Threads: confined, but seal() may run on another thread than add*() once no more is added.
class FrameBuilder final {
 public:
  explicit FrameBuilder(std::uint32_t block_bytes);

  // Copies records `from` .. `to`-1 of the batch, whose payloads together have `added_bytes`.
  // `wall_minus_boot_ns` is the clocks' offset now.
  void add_records(const BatchView& batch, std::size_t from, std::size_t to,
                   std::size_t added_bytes, std::int64_t wall_minus_boot_ns);
  void add_checkpoint(const Checkpoint& checkpoint);
  // The event follows the records that were added before it.
  void add_event(const Event& event);
  // Takes over a frame that was read, to write it again elsewhere.
  void add_frame(const FrameView& frame);

  [[nodiscard]] bool empty() const { return table_.empty() && entries_.empty(); }
  // Size on disk if sealed now, without padding to the block.
  [[nodiscard]] std::size_t frame_bytes() const;
  [[nodiscard]] std::size_t padded_bytes() const { return round_up(frame_bytes(), block_bytes_); }
  [[nodiscard]] std::uint32_t record_count() const {
    return static_cast<std::uint32_t>(table_.size());
  }
  [[nodiscard]] std::uint32_t event_count() const { return event_count_; }
  [[nodiscard]] std::size_t payload_bytes() const { return payload_bytes_; }
  [[nodiscard]] std::int64_t min_unix_ns() const { return min_unix_ns_; }
  [[nodiscard]] std::int64_t max_unix_ns() const { return max_unix_ns_; }
  [[nodiscard]] std::uint64_t gap_count() const { return gap_count_; }
  [[nodiscard]] std::uint64_t lost_records() const { return lost_records_; }

  // Computes the checksums and finishes the frame for `place`; returns its header checksum (the
  // next frame's chain).
  std::uint32_t seal(const FramePlace& place);
  // The sealed frame, padded to whole blocks.
  [[nodiscard]] ByteView sealed() const;
  // The sealed frame with `header` twice in front of it: what a rotation writes at offset 0.
  [[nodiscard]] ByteView sealed_with(const SegmentHeader& header);

  // Bytes of memory held.
  [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }
  // Empties it for the next frame; keeps the memory.
  void clear();

 private:
  std::uint32_t add_group(const BatchView& batch, std::span<const Attribute> attributes,
                          std::int64_t wall_minus_boot_ns);
  void add_entry(EntryKind kind, std::size_t bytes);
  void put(const void* from, std::size_t bytes);
  void reserve(std::size_t frame_bytes);
  void seal_records(const FramePlace& place);
  std::byte* frame_start() const { return buffer_.data() + front_bytes(); }
  std::size_t front_bytes() const { return std::size_t{2} * block_bytes_; }

  std::uint32_t block_bytes_;
  io::AlignedBuffer buffer_;
  std::size_t payload_bytes_ = 0;
  std::vector<TableEntry> table_;
  std::vector<std::byte> entries_;
  struct EventPlace {
    std::size_t entry_at;          // offset of its EventEntry in entries_
    std::uint32_t records_before;  // in this frame
  };
  std::vector<EventPlace> event_places_;
  std::uint32_t event_count_ = 0;
  std::uint32_t group_count_ = 0;
  std::uint64_t gap_count_ = 0;
  std::uint64_t lost_records_ = 0;
  std::int64_t min_unix_ns_ = INT64_MAX;
  std::int64_t max_unix_ns_ = INT64_MIN;
  std::size_t sealed_bytes_ = 0;
};

}  // namespace kifa::store
