#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/pipeline/batch.hpp"
#include "core/pipeline/source_parts.hpp"
#include "core/pipeline/stream_table.hpp"

namespace kifa::pipeline {

// Packs what one source emits into batches and brings them to the required sink in order. Batches
// that the sink's queue does not take wait here: the source's intake.
//
// Each batch carries the checkpoints of the resumable streams that it touches, with the position
// behind their last record in it, so that data and position are one atom. A FORGET waits for the
// end of its poll, so that it is never committed before what the same poll opened.
//
// Threads: confined to the source's thread.
// Limits:  room() is what the source may still hand over; a batch has at most BatchLimits, but for
//          one larger record.
class Packer final {
 public:
  explicit Packer(const SourceParts& parts);

  void add_record(Stream& stream, const AttributesPtr& attributes, Bytes payload,
                  std::int64_t observed_unix_ns, std::uint32_t flags, std::uint64_t end_position) {
    if (open_ == nullptr || open_->is_full_for(payload.size(), parts_.options.batch)) [[unlikely]] {
      next_batch();
    }
    touch(stream);
    if (attributes.get() != kept_attributes_) [[unlikely]] {
      keep_attributes(attributes);
    }
    stream.position = end_position;
    open_->add_record(stream, *attributes, payload, observed_unix_ns, flags, end_position);
  }
  void add_filtered(Stream& stream, std::uint64_t end_position, std::uint32_t flags);
  void add_rejected(Stream& stream, std::uint64_t end_position);
  // The stream moved on without a record.
  void add_move(Stream& stream, std::uint64_t end_position);
  void add_gap(const kifa_gap& gap);
  // A resumable stream was opened, or got a new state: that is a checkpoint.
  void add_open(Stream& stream);
  void add_checkpoint(const kifa_checkpoint& checkpoint);
  void add_forget(std::string_view key);

  void begin_poll();
  void end_poll();
  // True when a chunk must wait for the next poll, so that the opens and FORGETs of this one stay
  // in one batch.
  [[nodiscard]] bool must_end_poll() const;

  // Seals the open batch, if there is anything in it.
  void seal();
  // Offers sealed batches to the sink; `may_write`: the sink may be called on this thread, unless
  // the source has to be read whatever the disk does.
  void push(bool may_write);
  // The first batch in order whose outcome is known; null: none.
  BatchPtr pop_settled();

  // Bytes that the source may hand over; 0 until a fair part of the intake is free again.
  [[nodiscard]] std::uint64_t room();
  [[nodiscard]] bool has_open() const { return open_ != nullptr; }
  // When the open batch got its first content.
  [[nodiscard]] std::int64_t open_since() const { return open_since_; }
  [[nodiscard]] bool has_outstanding() const { return !outstanding_.empty(); }
  [[nodiscard]] bool has_waiting() const { return submitted_ < outstanding_.size(); }
  // True while a batch of this source waits in intake or queue; then more can be gathered.
  [[nodiscard]] bool is_behind();
  [[nodiscard]] bool is_fat() const { return pool_->is_fat(); }
  void trim() { pool_->trim(); }
  // Forgets everything that is not settled: the streams are gone.
  void abandon();

 private:
  void next_batch();
  void start_batch();
  void keep_attributes(const AttributesPtr& attributes);
  void touch(Stream& stream) {
    if (stream.touched_in != open_->sequence()) [[unlikely]] {
      stream.touched_in = open_->sequence();
      ++stream.unsettled;
      open_->touch(stream);
    }
  }
  [[nodiscard]] std::uint64_t used_bytes() const {
    return waiting_bytes_ + (open_ != nullptr ? open_->bytes() : 0);
  }

  const SourceParts& parts_;
  const bool lends_thread_;
  std::shared_ptr<BatchPool> pool_ = std::make_shared<BatchPool>();
  std::uint64_t next_sequence_ = 1;

  BatchPtr open_;
  std::int64_t open_since_ = 0;
  const AttributeSet* kept_attributes_ = nullptr;  // the last one that the open batch keeps

  // Sealed and not settled, in order; the first submitted_ of them are the sink's.
  std::deque<BatchPtr> outstanding_;
  std::size_t submitted_ = 0;
  std::uint64_t waiting_bytes_ = 0;
  bool starved_ = false;

  bool polling_ = false;
  bool poll_has_keys_ = false;  // the running poll opened or forgot something
  std::vector<std::string> forgets_;
};

}  // namespace kifa::pipeline
