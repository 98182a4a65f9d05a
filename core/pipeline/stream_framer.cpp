#include "core/pipeline/stream_framer.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

namespace {

StreamFramer& self(const kifa_framing_out* out) { return *static_cast<StreamFramer*>(out->ctx); }

kifa_bytes to_abi(Bytes bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

Result<std::unique_ptr<StreamFramer>> StreamFramer::open(plugin::Instance& framing,
                                                         const FramerOptions& options,
                                                         const Clock& clock,
                                                         const kifa_stream& stream) {
  const bool datagram = (stream.flags & KIFA_STREAM_DATAGRAM) != 0;
  std::unique_ptr<StreamFramer> framer(new StreamFramer(framing, options, clock, datagram));
  framer->base_ = stream.position;
  kifa_error error = plugin::empty_error();
  const kifa_status status = framer->calls_.open(framing.raw(), &stream, &framer->state_, &error);
  if (status < 0) {
    return plugin::status_from(status, error, framing.name());
  }
  return framer;
}

StreamFramer::StreamFramer(plugin::Instance& framing, const FramerOptions& options,
                           const Clock& clock, bool datagram)
    : framing_(framing),
      calls_(*framing.framing()),
      clock_(clock),
      record_bytes_max_(static_cast<std::size_t>(options.record_bytes_max)),
      oversize_(options.oversize),
      datagram_(datagram) {
  KIFA_ASSERT(record_bytes_max_ > 0);
  out_.struct_size = sizeof(out_);
  out_.ctx = this;
  out_.record = &StreamFramer::on_record;
  out_.skip = &StreamFramer::on_skip;
  out_.reply = &StreamFramer::on_reply;
  out_.wake_at = &StreamFramer::on_wake_at;
}

StreamFramer::~StreamFramer() {
  if (state_ != nullptr) {
    calls_.close(framing_.raw(), state_);
  }
}

void StreamFramer::on_record(const kifa_framing_out* out, kifa_bytes payload, std::size_t used,
                             std::uint32_t flags) noexcept {
  self(out).found({payload.data, payload.size}, used, flags);
}

void StreamFramer::on_skip(const kifa_framing_out* out, std::size_t used,
                           std::uint32_t reason) noexcept {
  self(out).skipped(used, reason);
}

void StreamFramer::on_reply(const kifa_framing_out* out, kifa_bytes bytes) noexcept {
  StreamFramer& framer = self(out);
  if (framer.events_ != nullptr) {
    framer.events_->framed_reply({bytes.data, bytes.size});
  }
}

void StreamFramer::on_wake_at(const kifa_framing_out* out, std::int64_t mono_ns) noexcept {
  self(out).wake_at_ = mono_ns;
}

Result<std::size_t> StreamFramer::call(Bytes view, std::size_t fresh, std::uint32_t flags,
                                       FramerEvents& events) {
  events_ = &events;
  view_ = view;
  used_ = 0;
  told_ = 0;
  overrun_ = false;
  if (fresh < view.size()) {
    wake_at_ = kNoTime;  // a timer asked for before these bytes came is void
  }
  out_.now_mono_ns = clock_.now_mono_ns();
  kifa_error error = plugin::empty_error();
  const kifa_status status =
      calls_.feed(framing_.raw(), state_, &out_, to_abi(view), fresh,
                  tail_ ? flags | static_cast<std::uint32_t>(KIFA_FEED_TAIL) : flags, &error);
  events_ = nullptr;
  base_ += used_;
  if (status < 0) {
    return plugin::status_from(status, error, framing_.name());
  }
  if (overrun_) {
    return Status(Code::internal,
                  fmt::format("{}: the framing claims bytes that it was not given, or gives them "
                              "back; report this to the plugin's vendor",
                              framing_.name()));
  }
  return used_;
}

// Notes how far the framing has come; false: it contradicts itself, and what it says now is not
// taken.
bool StreamFramer::advance(std::size_t used) {
  if (events_ == nullptr || used < used_ || used > view_.size()) {
    overrun_ = true;
    return false;
  }
  used_ = used;
  return true;
}

void StreamFramer::found(Bytes payload, std::size_t used, std::uint32_t flags) {
  if (!advance(used)) {
    return;
  }
  if (payload.size() <= record_bytes_max_ && !tail_) [[likely]] {
    told_ = used;
    events_->framed_record(payload, base_ + used, flags);
    return;
  }
  found_oversize(payload, base_ + used, flags, *events_);
  told_ = used;
}

void StreamFramer::found_oversize(Bytes payload, std::uint64_t end_position, std::uint32_t flags,
                                  FramerEvents& events) {
  switch (oversize_) {
    case Oversize::split:
      split(payload, end_position, flags, events);
      break;
    case Oversize::truncate: {
      const std::uint32_t cut = flags | static_cast<std::uint32_t>(KIFA_RECORD_TRUNCATED);
      if (tail_) {
        events.framed_record(head_.bytes(), end_position, cut);
        events.framed_truncation(tail_dropped_ + payload.size());
      } else {
        events.framed_record(payload.first(record_bytes_max_), end_position, cut);
        events.framed_truncation(payload.size() - record_bytes_max_);
      }
      break;
    }
    case Oversize::reject:
      events.framed_reject(end_position, tail_dropped_ + payload.size());
      break;
  }
  forget_tail();
}

// All pieces but the last are continued by the next. A piece ends in the stream where its bytes do;
// when the framing decoded the payload that is not known, and the stream stays at the record.
void StreamFramer::split(Bytes payload, std::uint64_t end_position, std::uint32_t flags,
                         FramerEvents& events) {
  const bool in_view = std::greater_equal<>()(payload.data(), view_.data()) &&
                       std::less<>()(payload.data(), view_.data() + view_.size());
  const std::uint64_t record_position = base_ + told_;
  while (payload.size() > record_bytes_max_) {
    const Bytes piece = payload.first(record_bytes_max_);
    payload = payload.subspan(record_bytes_max_);
    const std::uint64_t piece_position =
        in_view ? base_ + static_cast<std::uint64_t>(payload.data() - view_.data())
                : record_position;
    events.framed_record(piece, std::min(piece_position, end_position), KIFA_RECORD_SPLIT);
  }
  events.framed_record(payload, end_position, flags);
}

void StreamFramer::skipped(std::size_t used, std::uint32_t reason) {
  const std::size_t before = used_;
  if (!advance(used)) {
    return;
  }
  told_ = used;
  events_->framed_skip(base_ + used, used - before, reason);
  if (tail_ && reason != KIFA_GAP_DELIMITER) {
    // The framing gave the oversize record up.
    found_oversize({}, base_ + used, KIFA_RECORD_PARTIAL, *events_);
  }
}

void StreamFramer::forget_tail() {
  tail_ = false;
  tail_dropped_ = 0;
  head_.clear();
}

std::size_t StreamFramer::cut_oversize(Bytes unused, FramerEvents& events) {
  std::size_t cut = 0;
  while (unused.size() - cut > record_bytes_max_ + kFramingOverheadMax) {
    const Bytes piece = unused.subspan(cut, record_bytes_max_);
    cut += piece.size();
    if (oversize_ == Oversize::split) {
      events.framed_record(piece, base_ + cut, KIFA_RECORD_SPLIT);
    } else if (oversize_ == Oversize::truncate && !tail_) {
      head_.append(piece);
    } else {
      tail_dropped_ += piece.size();
    }
    tail_ = true;
  }
  base_ += cut;
  return cut;
}

Status StreamFramer::feed(Bytes chunk, std::uint64_t position, FramerEvents& events) {
  if (datagram_) {
    return feed_datagram(chunk, position, events);
  }
  if (unfinished() && position != base_ + carry_.size()) {
    KIFA_TRY(end(events));
  }
  if (carry_.empty()) {
    base_ = position;
    return feed_direct(chunk, 0, events);
  }
  return feed_carry(chunk, events);
}

Status StreamFramer::feed_datagram(Bytes chunk, std::uint64_t position, FramerEvents& events) {
  base_ = position;
  const Result<std::size_t> used = call(chunk, 0, KIFA_FEED_END, events);
  if (!used) {
    return used.error();
  }
  if (*used < chunk.size()) {
    found_rest(chunk.subspan(*used), events);
  }
  return {};
}

Status StreamFramer::feed_direct(Bytes rest, std::size_t seen, FramerEvents& events) {
  if (seen < rest.size()) {
    const Result<std::size_t> used = call(rest, seen, 0, events);
    if (!used) {
      carry_.append(rest.subspan(std::min(used_, rest.size())));
      return used.error();
    }
    rest = rest.subspan(*used);
  }
  rest = rest.subspan(cut_oversize(rest, events));
  carry_.append(rest);
  return {};
}

Status StreamFramer::feed_carry(Bytes rest, FramerEvents& events) {
  std::size_t step_max = kCarryFirstStep;
  while (!rest.empty()) {
    const std::size_t held = carry_.size();
    const std::size_t step = std::min(rest.size(), step_max);
    step_max = kCarryStep;
    carry_.append(rest.first(step));
    const Result<std::size_t> used = call(carry_.bytes(), held, 0, events);
    if (!used) {
      carry_.consume(std::min(used_, carry_.size()));
      return used.error();
    }
    if (*used >= held) {
      // What the framing has not used stands in the chunk too: go on there, without copying.
      const std::size_t seen = held + step - *used;
      carry_.clear();
      rest = rest.subspan(step - seen);
      return feed_direct(rest, seen, events);
    }
    carry_.consume(*used);
    carry_.consume(cut_oversize(carry_.bytes(), events));
    rest = rest.subspan(step);
  }
  return {};
}

Status StreamFramer::tick(FramerEvents& events) {
  const Result<std::size_t> used = call(carry_.bytes(), carry_.size(), KIFA_FEED_TICK, events);
  carry_.consume(std::min(used_, carry_.size()));
  return used.status();
}

Status StreamFramer::end(FramerEvents& events) {
  const Result<std::size_t> used = call(carry_.bytes(), carry_.size(), KIFA_FEED_END, events);
  carry_.consume(std::min(used_, carry_.size()));
  found_rest(carry_.bytes(), events);
  carry_.clear();
  return used.status();
}

// Bytes that the framing left over at the end, and an oversize record whose end never came.
void StreamFramer::found_rest(Bytes rest, FramerEvents& events) {
  view_ = rest;
  told_ = 0;
  const std::uint64_t end_position = base_ + rest.size();
  if (tail_ || rest.size() > record_bytes_max_) {
    found_oversize(rest, end_position, KIFA_RECORD_PARTIAL, events);
  } else if (!rest.empty()) {
    events.framed_record(rest, end_position, KIFA_RECORD_PARTIAL);
  }
  base_ = end_position;
}

void StreamFramer::give_up(FramerEvents& events) {
  found_rest(carry_.bytes(), events);
  carry_.clear();
}

void StreamFramer::discard() {
  carry_.clear();
  forget_tail();
}

void StreamFramer::trim() {
  if (carry_.empty()) {
    carry_.release();
  }
  if (head_.empty()) {
    head_.release();
  }
}

bool StreamFramer::wants_outcomes() const { return calls_.durable != nullptr; }

void StreamFramer::durable(const kifa_outcome* outcomes, std::uint32_t count,
                           FramerEvents& events) {
  events_ = &events;
  view_ = {};
  used_ = 0;
  out_.now_mono_ns = clock_.now_mono_ns();
  calls_.durable(framing_.raw(), state_, &out_, outcomes, count);
  events_ = nullptr;
}

}  // namespace kifa::pipeline
