#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <memory>

#include "core/base/clock.hpp"
#include "core/base/limits.hpp"
#include "core/base/status.hpp"
#include "core/pipeline/buffer.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {

enum class Oversize : std::uint8_t { split, truncate, reject };

struct FramerOptions {
  std::uint64_t record_bytes_max = limits::kRecordBytesMaxDefault;
  Oversize oversize = Oversize::split;
};

// What a StreamFramer finds. `end_position` is the offset in the stream behind the thing told.
class FramerEvents {
 public:
  FramerEvents() = default;
  FramerEvents(const FramerEvents&) = delete;
  FramerEvents& operator=(const FramerEvents&) = delete;
  virtual ~FramerEvents() = default;

  virtual void framed_record(Bytes payload, std::uint64_t end_position, std::uint32_t flags) = 0;
  // Bytes of no record; `reason` is KIFA_GAP_*.
  virtual void framed_skip(std::uint64_t end_position, std::uint64_t bytes,
                           std::uint32_t reason) = 0;
  // `oversize: reject`: a whole record of `bytes` was dropped.
  virtual void framed_reject(std::uint64_t end_position, std::uint64_t bytes) = 0;
  // `oversize: truncate`: the record just told has lost `bytes`.
  virtual void framed_truncation(std::uint64_t bytes) = 0;
  virtual void framed_reply(Bytes bytes) = 0;
};

// Feeds one stream's bytes to a framing and enforces the limits of a record.
//
// Keeps the bytes that the framing has not used yet, so that every call sees them contiguous: while
// nothing is unfinished the framing works directly on the source's chunk (no copy), else new bytes
// are appended until the unfinished record is complete. The records told do not depend on where the
// chunks were cut, as long as a record's payload begins where the record begins and at most
// kFramingOverheadMax bytes of it are not payload; a framing whose records begin otherwise skips
// the head of an oversize record (as KIFA_GAP_DELIMITER) when it sees it.
//
// Oversize (payload > record_bytes_max): split: pieces of record_bytes_max bytes, all but the last
// flagged SPLIT; truncate: the first record_bytes_max bytes, flagged TRUNCATED, told when the
// record's end is seen; reject: told as framed_reject() then.
//
// Threads: confined.
// Errors:  a failure of the framing, or a framing that claims bytes that it was not given; the
//          stream is to be ended then, with end().
// Limits:  holds at most record_bytes_max twice, kFramingOverheadMax and kCarryStep bytes.
class StreamFramer final {
 public:
  static Result<std::unique_ptr<StreamFramer>> open(plugin::Instance& framing,
                                                    const FramerOptions& options,
                                                    const Clock& clock, const kifa_stream& stream);
  StreamFramer(const StreamFramer&) = delete;
  StreamFramer& operator=(const StreamFramer&) = delete;
  ~StreamFramer();

  // `position` is the offset of the chunk's first byte. A jump ends the unfinished record as
  // PARTIAL. On a DATAGRAM stream every chunk is a message with its own end.
  Status feed(Bytes chunk, std::uint64_t position, FramerEvents& events);
  // The timer that the framing asked for.
  Status tick(FramerEvents& events);
  // No more will come: what is unfinished becomes a PARTIAL record.
  Status end(FramerEvents& events);
  // As end(), without asking the framing: it failed, or has had enough.
  void give_up(FramerEvents& events);
  // What is unfinished is forgotten: it can be read again.
  void discard();
  // Tells the framing what became of its records.
  void durable(const kifa_outcome* outcomes, std::uint32_t count, FramerEvents& events);
  [[nodiscard]] bool wants_outcomes() const;

  [[nodiscard]] std::uint64_t held_bytes() const { return carry_.size() + head_.size(); }
  [[nodiscard]] bool unfinished() const { return !carry_.empty() || tail_; }
  // When tick() is wanted; kNoTime: never.
  [[nodiscard]] std::int64_t wake_at() const { return wake_at_; }
  void clear_wake() { wake_at_ = kNoTime; }
  // Gives memory of past records back.
  void trim();

  static constexpr std::int64_t kNoTime = INT64_MAX;

 private:
  StreamFramer(plugin::Instance& framing, const FramerOptions& options, const Clock& clock,
               bool datagram);

  Status feed_datagram(Bytes chunk, std::uint64_t position, FramerEvents& events);
  // Feeds from the chunk itself; what is left becomes the carry.
  Status feed_direct(Bytes rest, std::size_t seen, FramerEvents& events);
  // Appends to the carry until it is consumed; then goes on with feed_direct().
  Status feed_carry(Bytes rest, FramerEvents& events);
  // One call of the framing. base_ moves on by what it used.
  Result<std::size_t> call(Bytes view, std::size_t fresh, std::uint32_t flags,
                           FramerEvents& events);
  // Cuts record_bytes_max pieces off an unfinished oversize record; returns how many bytes.
  std::size_t cut_oversize(Bytes unused, FramerEvents& events);
  void found(Bytes payload, std::size_t used, std::uint32_t flags);
  void found_oversize(Bytes payload, std::uint64_t end_position, std::uint32_t flags,
                      FramerEvents& events);
  void split(Bytes payload, std::uint64_t end_position, std::uint32_t flags, FramerEvents& events);
  void skipped(std::size_t used, std::uint32_t reason);
  bool advance(std::size_t used);
  void found_rest(Bytes rest, FramerEvents& events);
  void forget_tail();

  static void on_record(const kifa_framing_out* out, kifa_bytes payload, std::size_t used,
                        std::uint32_t flags) noexcept;
  static void on_skip(const kifa_framing_out* out, std::size_t used, std::uint32_t reason) noexcept;
  static void on_reply(const kifa_framing_out* out, kifa_bytes bytes) noexcept;
  static void on_wake_at(const kifa_framing_out* out, std::int64_t mono_ns) noexcept;

  plugin::Instance& framing_;
  const kifa_framing& calls_;
  const Clock& clock_;
  const std::size_t record_bytes_max_;
  const Oversize oversize_;
  const bool datagram_;
  kifa_framing_state* state_ = nullptr;
  kifa_framing_out out_{};

  Buffer carry_;            // bytes not used yet, all of them seen by the framing
  Buffer head_;             // truncate: the first bytes of an oversize record
  std::uint64_t base_ = 0;  // position of the first byte that is not used yet
  bool tail_ = false;       // inside an oversize record whose head is gone
  std::uint64_t tail_dropped_ = 0;
  std::int64_t wake_at_ = kNoTime;

  // Of the running call.
  FramerEvents* events_ = nullptr;
  Bytes view_;
  std::size_t used_ = 0;
  std::size_t told_ = 0;  // where the last record or skip ended
  bool overrun_ = false;
};

}  // namespace kifa::pipeline
