// What happens to frames that are not durable when their segment cannot be trusted any more.
#include <fmt/format.h>

#include <algorithm>

#include "core/store/log_writer.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

// Nothing of `segment` that is not acknowledged yet will ever be acknowledged from it, not even
// frames whose own write succeeded: after a failed write or sync the page cache and the disk may
// disagree, and a second sync would lie.
void LogWriter::begin_carry(OpenSegment& segment, const Status& why) {
  segment.poisoned = true;
  if (carry_needed_) {
    return;
  }
  carry_needed_ = true;
  const std::string text = fmt::format(
      "{} is given up after an error, and what was not durable is "
      "written again elsewhere: {}",
      segment_file_name(segment.number), why.message());
  report_(Severity::error, text);
  Event event;
  event.kind = EventKind::write_error;
  event.observed_unix_ns = clock_.now_unix_ns();
  event.text = text;
  gather_event(std::move(event));
}

void LogWriter::adopt_carried(std::vector<CarriedFrame> frames) {
  if (frames.empty()) {
    return;
  }
  for (CarriedFrame& carried : frames) {
    FramePtr frame = new_frame();
    frame->builder = std::move(*carried.builder);
    frame->place.first_lsn = carried.first_lsn;
    frame->place.first_event = carried.first_event;
    LogMark& after = issued_;
    after.next_lsn = {carried.first_lsn.value + frame->builder.record_count()};
    after.next_event = carried.first_event + frame->builder.event_count();
    after.totals.records += frame->builder.record_count();
    after.totals.payload_bytes += frame->builder.payload_bytes();
    after.totals.events += frame->builder.event_count();
    after.totals.gaps += frame->builder.gap_count();
    after.totals.lost_records += frame->builder.lost_records();
    after.totals.min_unix_ns = std::min(after.totals.min_unix_ns, frame->builder.min_unix_ns());
    after.totals.max_unix_ns = std::max(after.totals.max_unix_ns, frame->builder.max_unix_ns());
    frame->after = after;
    carry_.push_back(std::move(frame));
  }
  carry_needed_ = true;
}

bool LogWriter::can_carry() const {
  const auto writing = [](const FramePtr& frame) { return frame->writing; };
  return carry_needed_ && !carrying_ && !sealing_ && !syncing_ &&
         std::ranges::none_of(in_flight_, writing) && pool_.has_spare();
}

void LogWriter::carry_over() {
  carrying_ = true;
  std::deque<FramePtr> frames;
  for (std::deque<FramePtr>* waiting : {&carry_, &unsynced_, &in_flight_}) {
    for (FramePtr& frame : *waiting) {
      if (frame->builder.empty()) {
        free_frame(std::move(frame));  // a watermark: nothing is lost without it
        continue;
      }
      frames.push_back(std::move(frame));
    }
    waiting->clear();
  }
  unsynced_records_ = 0;
  unsynced_bytes_ = 0;
  active_.reset();
  issued_ = durable_;
  issued_epoch_ = durable_epoch_;
  Status status;
  if (!frames.empty()) {
    auto spare = pool_.take();
    status = spare.status();
    auto segment = std::make_shared<OpenSegment>();
    if (status) {
      segment->number = spare->number;
      segment->epoch = random_();
      segment->next_offset = std::uint64_t{2} * options_.block_bytes;
      segment->file = std::move(spare->file);
      segment->direct = spare->direct;
      status = write_carried(segment, frames);
    }
    if (status) {
      issued_ = frames.back()->after;
      issued_epoch_ = segment->epoch;
      active_ = segment;
      content_end_ = issued_.at;
      last_frame_ns_ = clock_.now_mono_ns();
      wrote_something_ = true;
      for (FramePtr& frame : frames) {
        make_durable(std::move(frame));
      }
      publish_durable();
    }
  }
  carrying_ = false;
  carry_needed_ = false;
  if (!status) {
    for (FramePtr& frame : frames) {
      in_flight_.push_back(std::move(frame));
    }
    fail(status);
  }
  changed_.notify_all();
  poke_helper();
}

// Writes the frames behind each other into a fresh segment and names it as part of the log last:
// until its header is durable, the old segments stand as they were.
Status LogWriter::write_carried(const std::shared_ptr<OpenSegment>& segment,
                                std::deque<FramePtr>& frames) {
  const SegmentHeader header = header_for(*segment, durable_, durable_epoch_);
  if (mutant_is(Mutant::recovery_header_first)) {
    KIFA_TRY(write_header(*segment, header));
  }
  std::uint32_t chain = durable_.chain;
  for (const FramePtr& frame : frames) {
    if (mutant_is(Mutant::one_error_ignored) && frame->written) {
      continue;
    }
    if (segment->next_offset + frame->builder.padded_bytes() > options_.segment_bytes) {
      return {Code::internal, "what has to be carried over does not fit into one segment"};
    }
    frame->segment = segment;
    frame->rotation.reset();
    frame->place.segment = segment->number;
    frame->place.offset = segment->next_offset;
    frame->place.epoch = segment->epoch;
    frame->place.chain = chain;
    frame->place.durable = durable_.at;
    frame->place.durable_lsn = {durable_.next_lsn.value - 1};
    frame->place.boot_ordinal = start_.boot_ordinal;
    frame->place.built_unix_ns = clock_.now_unix_ns();
    frame->place.built_boot_ns = clock_.now_boot_ns();
    mutex_.unlock();
    chain = frame->builder.seal(frame->place);
    mutex_.lock();
    segment->next_offset += frame->builder.padded_bytes();
    frame->after.at = {segment->number, segment->next_offset};
    frame->after.chain = chain;
    KIFA_TRY(write_bytes(*segment, frame->builder.sealed(), frame->place.offset, true));
    ++counters_.commits;
  }
  KIFA_TRY(write_header(*segment, header));
  index_.add(header);
  return {};
}

Status LogWriter::write_header(OpenSegment& segment, const SegmentHeader& header) {
  io::AlignedBuffer block(std::size_t{2} * options_.block_bytes, options_.block_bytes);
  std::ranges::fill(block.span(), std::byte{0});
  const ByteView bytes = std::as_bytes(std::span(&header, 1));
  std::ranges::copy(bytes, block.data());
  std::ranges::copy(bytes, block.data() + options_.block_bytes);
  return write_bytes(segment, block.span(), 0, true);
}

}  // namespace kifa::store
