// How appends become frames: checking, copying, waiting for room.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/store/log_writer.hpp"

namespace kifa::store {

namespace {

constexpr std::size_t kGatheredFramesMax = 2;      // closed frames that wait for a slot
constexpr std::size_t kInlineFrameBytes = 64_KiB;  // larger ones are left to the helper thread
constexpr std::size_t kFreeFramesMax = 4;
constexpr std::size_t kCopiedUnderLockBytes = 64_KiB;  // more is copied while others may commit
constexpr std::int64_t kClockJumpNs = 1'000'000'000;
constexpr std::size_t kEventTextBytesMax = 4096;

std::size_t group_bytes(const BatchView& batch, std::span<const Attribute> attributes) {
  std::size_t bytes =
      sizeof(EntryHeader) + sizeof(GroupEntry) + batch.pipeline.size() + batch.source.size() + 8;
  for (const Attribute& attribute : attributes) {
    bytes += 2 * sizeof(std::uint32_t) + attribute.key.size() + attribute.value.size();
  }
  return bytes;
}

std::size_t checkpoint_bytes(const Checkpoint& checkpoint) {
  return sizeof(EntryHeader) + sizeof(CheckpointEntry) + checkpoint.origin.size() +
         checkpoint.key.size() + checkpoint.state.size() + 8;
}

std::size_t event_bytes(const Event& event) {
  return sizeof(EntryHeader) + sizeof(EventEntry) + event.text.size() + 8;
}

std::size_t side_bytes(const BatchView& batch) {
  std::size_t bytes = 0;
  for (const Checkpoint& checkpoint : batch.checkpoints) {
    bytes += checkpoint_bytes(checkpoint);
  }
  for (const Event& event : batch.events) {
    bytes += event_bytes(event);
  }
  return bytes;
}

// Counts what records add to a frame, one after the other.
class RecordSizer final {
 public:
  explicit RecordSizer(const BatchView& batch) : batch_(batch) {}
  std::size_t next(const RecordView& record) {
    std::size_t bytes = record.payload.size() + sizeof(TableEntry);
    if (first_ || record.attributes.data() != known_ || record.attributes.size() != count_) {
      first_ = false;
      known_ = record.attributes.data();
      count_ = record.attributes.size();
      bytes += group_bytes(batch_, record.attributes);
    }
    return bytes;
  }

 private:
  const BatchView& batch_;
  bool first_ = true;
  const Attribute* known_ = nullptr;
  std::size_t count_ = 0;
};

Status check_attributes(std::span<const Attribute> attributes) {
  std::size_t bytes = 0;
  for (const Attribute& attribute : attributes) {
    bytes += attribute.key.size() + attribute.value.size();
  }
  if (attributes.size() > limits::kAttributesMax || bytes > limits::kAttributeBytesMax) {
    return {Code::invalid, fmt::format("a record has {} attributes of {} bytes; at most {} of {} "
                                       "bytes together are kept",
                                       attributes.size(), bytes, limits::kAttributesMax,
                                       limits::kAttributeBytesMax)};
  }
  return {};
}

}  // namespace

// Checks the batch and says what it adds to a frame, all of it; in one pass over the records.
Result<LogWriter::BatchBytes> LogWriter::measure(const BatchView& batch) const {
  if (batch.pipeline.size() > limits::kNameBytesMax ||
      batch.source.size() > limits::kNameBytesMax) {
    return Status(Code::invalid, fmt::format("pipeline and source names have at most {} bytes",
                                             limits::kNameBytesMax));
  }
  BatchBytes bytes{.frame = side_bytes(batch), .payloads = 0};
  RecordSizer sizer(batch);
  const Attribute* known = nullptr;
  for (const RecordView& record : batch.records) {
    if (record.payload.size() > options_.record_bytes_max) {
      return Status(Code::invalid,
                    fmt::format("a record of {} bytes is longer than record_bytes_max ({})",
                                record.payload.size(), options_.record_bytes_max));
    }
    if (record.attributes.data() != known) {
      known = record.attributes.data();
      KIFA_TRY(check_attributes(record.attributes));
    }
    bytes.frame += sizer.next(record);
    bytes.payloads += record.payload.size();
  }
  for (const Checkpoint& checkpoint : batch.checkpoints) {
    if (checkpoint.key.size() > limits::kCheckpointKeyBytesMax ||
        checkpoint.state.size() > limits::kCheckpointStateBytesMax ||
        checkpoint.origin.size() > 2 * limits::kNameBytesMax + 1) {
      return Status(
          Code::invalid,
          fmt::format("the checkpoint `{}` of {} exceeds its limits (key {}, state {} bytes)",
                      checkpoint.key, checkpoint.origin, limits::kCheckpointKeyBytesMax,
                      limits::kCheckpointStateBytesMax));
    }
  }
  if (side_bytes(batch) > frame_bytes_max_ / 2) {
    return Status(Code::invalid,
                  fmt::format("one batch has {} bytes of checkpoints and events; at most "
                              "{} fit into a segment of {} bytes",
                              side_bytes(batch), frame_bytes_max_ / 2, options_.segment_bytes));
  }
  return bytes;
}

std::size_t LogWriter::gathered_bytes() const {
  std::size_t bytes = 0;
  for (const FramePtr& frame : gathered_) {
    bytes += frame->builder.frame_bytes();
  }
  return bytes;
}

// Waits until little enough is gathered to take more in, and until nobody else is about it: what
// one thread appends stays in its order.
Status LogWriter::wait_for_room() {
  for (;;) {
    KIFA_TRY(usable());
    if (is_blocked()) {
      return {Code::no_space, "the store takes no more input until there is space"};
    }
    if (!gathering_ && gathered_.size() <= kGatheredFramesMax &&
        (gathered_.size() <= 1 || gathered_bytes() < 2 * frame_target_bytes_)) {
      return {};
    }
    if (!threads_) {
      if (do_some_work()) {
        continue;
      }
      return {Code::no_space, "the store takes no more input until there is space"};
    }
    // The helpers write. Who appends had better gather the next frame meanwhile.
    static_cast<void>(ask_for_spare());  // with threads it never makes one here
    if (!failure_.is_ok()) {
      wake_settled();
      continue;
    }
    poke_helper();
    changed_.wait(mutex_);
  }
}

LogWriter::FramePtr LogWriter::new_frame() {
  if (free_.empty()) {
    return std::make_unique<Frame>(options_.block_bytes);
  }
  FramePtr frame = std::move(free_.back());
  free_.pop_back();
  return frame;
}

void LogWriter::free_frame(FramePtr frame) {
  if (free_.size() >= kFreeFramesMax) {
    return;
  }
  frame->builder.clear();
  frame->pending.clear();
  frame->checkpoints.clear();
  frame->gate.reset();
  frame->closed = false;
  frame->segment.reset();
  frame->rotation.reset();
  frame->place = {};
  frame->writing = false;
  frame->written = false;
  frame->durable_write = false;
  frame->retry = false;
  free_.push_back(std::move(frame));
}

// The frame that records are gathered into now.
LogWriter::Frame& LogWriter::open_frame() {
  if (gathered_.empty() || gathered_.back()->closed) {
    if (gathered_.empty()) {
      gathering_since_ns_ = clock_.now_mono_ns();
    }
    gathered_.push_back(new_frame());
  }
  return *gathered_.back();
}

// Nothing more goes into the frame that is gathered when `more` would make it too large.
void LogWriter::close_frame_before(std::size_t more, std::size_t limit) {
  if (!gathered_.empty() && !gathered_.back()->closed && !gathered_.back()->builder.empty() &&
      gathered_.back()->builder.frame_bytes() + more > limit) {
    gathered_.back()->closed = true;
  }
}

void LogWriter::gather_event(Event event) {
  event.text.resize(std::min(event.text.size(), kEventTextBytesMax));
  open_frame().builder.add_event(event);
}

void LogWriter::gather_clock_jump(std::int64_t now_unix_ns, std::int64_t wall_minus_boot_ns) {
  const std::int64_t moved = wall_minus_boot_ns_ ? wall_minus_boot_ns - *wall_minus_boot_ns_ : 0;
  wall_minus_boot_ns_ = wall_minus_boot_ns;
  if (std::abs(moved) <= kClockJumpNs) {
    return;
  }
  Event event;
  event.kind = EventKind::clock_jump;
  event.observed_unix_ns = now_unix_ns;
  event.text = fmt::format("the wall clock moved by {:+.3f} s against the boot clock",
                           static_cast<double>(moved) / 1e9);
  gather_event(std::move(event));
}

void LogWriter::gather_checkpoints(std::span<const Checkpoint> checkpoints) {
  Frame& frame = open_frame();
  for (const Checkpoint& checkpoint : checkpoints) {
    if (!checkpoints_.has_room_for(checkpoint)) {
      if (!checkpoint_limit_told_) {
        checkpoint_limit_told_ = true;
        report_(Severity::warning,
                fmt::format("the position of {} `{}` is not kept: the store has {} streams, the "
                            "most that it keeps positions of",
                            checkpoint.origin, checkpoint.key, checkpoints_.size()));
      }
      continue;
    }
    frame.builder.add_checkpoint(checkpoint);
    frame.checkpoints.push_back(checkpoint);
  }
}

// Copies the records without the lock: what is gathered already can be committed meanwhile. The
// frame belongs to this thread until it is back.
void LogWriter::gather_unlocked(const BatchView& batch, std::size_t payload_bytes,
                                std::int64_t wall_minus_boot_ns) {
  open_frame();
  FramePtr frame = std::move(gathered_.back());
  gathered_.pop_back();
  gathering_ = true;
  mutex_.unlock();
  frame->builder.add_records(batch, 0, batch.records.size(), payload_bytes, wall_minus_boot_ns);
  mutex_.lock();
  gathering_ = false;
  if (!gathered_.empty()) {
    gathered_.back()->closed = true;  // an event came meanwhile
  }
  gathered_.push_back(std::move(frame));
  changed_.notify_all();
}

// A batch goes whole into one frame if it fits into any; otherwise it is cut, and its checkpoints
// and events come with the last piece, behind all records that they speak of.
void LogWriter::gather_pieces(const BatchView& batch, const BatchBytes& bytes,
                              std::int64_t wall_minus_boot_ns) {
  close_frame_before(bytes.frame, frame_target_bytes_);
  if (bytes.frame + sizeof(FrameHeader) + 64 <= frame_bytes_max_) {
    if (threads_ && bytes.frame > kCopiedUnderLockBytes) {
      gather_unlocked(batch, bytes.payloads, wall_minus_boot_ns);
    } else {
      open_frame().builder.add_records(batch, 0, batch.records.size(), bytes.payloads,
                                       wall_minus_boot_ns);
    }
    return;
  }
  std::size_t from = 0;
  std::size_t piece_bytes = 0;
  std::size_t payload_bytes = 0;
  RecordSizer sizer(batch);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const std::size_t more = sizer.next(batch.records[i]);
    if (piece_bytes > 0 && piece_bytes + more > frame_target_bytes_) {
      open_frame().builder.add_records(batch, from, i, payload_bytes, wall_minus_boot_ns);
      open_frame().closed = true;
      from = i;
      piece_bytes = group_bytes(batch, batch.records[i].attributes);
      payload_bytes = 0;
    }
    piece_bytes += more;
    payload_bytes += batch.records[i].payload.size();
  }
  open_frame().builder.add_records(batch, from, batch.records.size(), payload_bytes,
                                   wall_minus_boot_ns);
  close_frame_before(side_bytes(batch), frame_bytes_max_);
}

void LogWriter::gather(const BatchView& batch, const BatchBytes& bytes, DurableCallback callback,
                       std::shared_ptr<Waiter> waiter) {
  const std::int64_t now_unix_ns = clock_.now_unix_ns();
  const std::int64_t wall_minus_boot_ns = now_unix_ns - clock_.now_boot_ns();
  gather_clock_jump(now_unix_ns, wall_minus_boot_ns);
  gather_pieces(batch, bytes, wall_minus_boot_ns);
  gather_checkpoints(batch.checkpoints);
  for (const Event& event : batch.events) {
    gather_event(event);
  }
  Frame& last = open_frame();
  if (waiter) {
    if (!last.gate) {
      last.gate = std::make_shared<Gate>();
    }
    waiter->gate = last.gate;
  }
  last.pending.push_back({.callback = std::move(callback),
                          .waiter = std::move(waiter),
                          .end_index = last.builder.record_count(),
                          .record_count = batch.records.size()});
  ++accepted_appends_;
  if (!failure_.is_ok()) {
    tell_failure(last);  // while this batch was copied
  }
}

Status LogWriter::append(const BatchView& batch, DurableCallback durable) {
  const Result<BatchBytes> bytes = measure(batch);
  KIFA_TRY(bytes.status());
  const MutexLock lock(mutex_);
  KIFA_TRY(wait_for_room());
  gather(batch, *bytes, std::move(durable), nullptr);
  if (!threads_) {
    do_all_work();
  } else if (in_flight_.empty() && gathered_.front()->builder.frame_bytes() <= kInlineFrameBytes &&
             can_lead()) {
    lead();  // handing a small frame to another thread would cost more than it saves
  }
  poke_helper();
  deliver();
  return {};
}

Result<Lsn> LogWriter::append_durable(const BatchView& batch) {
  const Result<BatchBytes> bytes = measure(batch);
  KIFA_TRY(bytes.status());
  const auto waiter = std::make_shared<Waiter>();
  {
    const MutexLock lock(mutex_);
    KIFA_TRY(wait_for_room());
    ++waiter_count_;
    gather(batch, *bytes, {}, waiter);
    while (!waiter->done && do_some_work()) {
    }
    poke_helper();
    deliver();
    if (!waiter->done && !threads_) {
      return Status(Code::unavailable,
                    "the batch was taken and waits for space; whether it is kept is not known yet");
    }
  }
  waiter->gate->wait();
  if (!waiter->receipt.status) {
    return waiter->receipt.status;
  }
  return waiter->receipt.first_lsn;
}

void LogWriter::add_event(Event event) {
  const MutexLock lock(mutex_);
  if (!failure_.is_ok()) {
    return;
  }
  // There may be as many as there are damaged places: more than go into one frame.
  close_frame_before(event_bytes(event), frame_target_bytes_);
  gather_event(std::move(event));
  Frame& frame = open_frame();
  frame.pending.push_back({.callback = {},
                           .waiter = nullptr,
                           .end_index = frame.builder.record_count(),
                           .record_count = 0});
  ++accepted_appends_;
  if (!threads_) {
    do_all_work();
    deliver();
  }
  poke_helper();
}

}  // namespace kifa::store
