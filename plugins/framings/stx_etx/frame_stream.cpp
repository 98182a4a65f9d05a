#include "plugins/framings/stx_etx/frame_stream.hpp"

#include <algorithm>
#include <utility>

namespace kifa::plugins {

FrameStream::FrameStream(const FrameOptions& options, std::shared_ptr<Answers> answers,
                         bool may_reply)
    : options_(options), answers_(std::move(answers)), may_reply_(may_reply) {}

void FrameStream::Cut::skip(std::size_t to, std::uint32_t reason) {
  if (to > used) {
    out.skip(to, reason);
    used = to;
  }
}

void FrameStream::feed(sdk::View view, sdk::FramingOut out) {
  Cut cut{.bytes = view.bytes, .out = out, .used = 0};
  for (std::size_t at = view.fresh; at < view.bytes.size();) {
    at = step(cut, at);
  }
  skip_outside(cut, state_ == State::outside ? view.bytes.size() : begin_);
  if (view.end) {
    finish(cut);
  }
  // The next view begins behind what is used.
  begin_ -= std::min(begin_, cut.used);
  last_start_ -= std::min(last_start_, cut.used);
  end_ -= std::min(end_, cut.used);
}

void FrameStream::durable(sdk::FramingOut out, std::span<const kifa_outcome> outcomes) {
  answers_->settled(out, outcomes, may_reply_);
}

std::size_t FrameStream::step(Cut& cut, std::size_t at) {
  const std::uint8_t byte = cut.bytes[at];
  switch (state_) {
    case State::outside:
      if (byte == (format().stuffing == Stuffing::doubled ? kDle : format().start)) {
        open(at);
        state_ = format().stuffing == Stuffing::doubled ? State::outside_dle : State::inside;
      }
      return at + 1;
    case State::outside_dle:
      if (byte == format().start) {
        state_ = State::inside;
      } else if (byte == kDle) {
        open(at);
      } else {
        state_ = State::outside;
      }
      return at + 1;
    case State::inside:
      return step_inside(cut, at);
    case State::inside_dle:
      return step_behind_dle(cut, at);
    case State::check:
      return at + 1 == end_ + format().check_bytes() ? judge(cut, at + 1) : at + 1;
  }
  return at + 1;
}

std::size_t FrameStream::step_inside(Cut& cut, std::size_t at) {
  const std::uint8_t byte = cut.bytes[at];
  if (byte == kDle && format().stuffing != Stuffing::none) {
    state_ = State::inside_dle;
  } else if (format().stuffing != Stuffing::doubled) {
    if (format().is_end(byte)) {
      return close(cut, at);
    }
    if (byte == format().start) {
      last_start_ = at;
      if (format().stuffing == Stuffing::escape || format().check_bytes() == 0) {
        begin_at_last_start(cut);
      }
    }
  }
  return limited(cut, at + 1);
}

std::size_t FrameStream::step_behind_dle(Cut& cut, std::size_t at) {
  const std::uint8_t byte = cut.bytes[at];
  state_ = State::inside;
  if (format().stuffing == Stuffing::doubled && byte != kDle) {
    if (format().is_end(byte)) {
      return close(cut, at);
    }
    if (byte != format().start) {
      bad(cut, at, options_.counters.bad_stuffing);
      return at;
    }
    last_start_ = at - 1;
    begin_at_last_start(cut);
  }
  return limited(cut, at + 1);
}

void FrameStream::begin_at_last_start(Cut& cut) {
  skip_outside(cut, begin_);
  cut.skip(last_start_, KIFA_GAP_MALFORMED);
  options_.counters.cut.add();
  begin_ = last_start_;
}

std::size_t FrameStream::limited(Cut& cut, std::size_t to) {
  // At least the end and the check are still to come.
  std::size_t needed = format().mark_bytes() + format().check_bytes();
  if (state_ == State::inside_dle) {
    needed = (format().stuffing == Stuffing::doubled ? 1 : 2) + format().check_bytes();
  }
  if (to - begin_ + needed <= options_.frame_max) {
    return to;
  }
  if (last_start_ > begin_) {
    begin_at_last_start(cut);
  } else {
    bad(cut, to, options_.counters.too_long);
  }
  return to;
}

std::size_t FrameStream::close(Cut& cut, std::size_t at) {
  end_ = at + 1;
  state_ = State::check;
  return format().check_bytes() == 0 ? judge(cut, end_) : end_;
}

sdk::Bytes FrameStream::body(const Cut& cut, std::size_t end) const {
  const std::size_t from = std::min(begin_ + format().mark_bytes(), end);
  return cut.bytes.subspan(from, end - from);
}

bool FrameStream::is_whole(const Cut& cut, std::size_t to) {
  const sdk::Bytes inside = body(cut, end_ - format().mark_bytes());
  payload_ = format().payload_of(inside, scratch_);
  return format().is_whole(payload_, cut.bytes[end_ - 1], cut.bytes.subspan(end_, to - end_));
}

std::size_t FrameStream::judge(Cut& cut, std::size_t to) {
  const std::size_t first_start = begin_;
  bool is_good = is_whole(cut, to);
  if (!is_good && last_start_ > begin_) {
    begin_ = last_start_;
    is_good = is_whole(cut, to);
    begin_ = first_start;
    if (is_good) {
      begin_at_last_start(cut);
    }
  }
  if (!is_good) {
    bad(cut, end_, options_.counters.bad_check);
    return end_;
  }
  skip_outside(cut, begin_);
  state_ = State::outside;
  record(cut, to);
  return to;
}

void FrameStream::bad(Cut& cut, std::size_t to, const sdk::Metric& reason) {
  skip_outside(cut, begin_);
  cut.skip(to, KIFA_GAP_MALFORMED);
  reason.add();
  if (may_reply_) {
    cut.out.reply(options_.answering.nak);
  }
  state_ = State::outside;
}

void FrameStream::record(Cut& cut, std::size_t to) {
  const Answers::Resend resend = answers_->compare(payload_);
  if (resend != Answers::Resend::no) {
    options_.counters.resent.add();
  }
  if (resend == Answers::Resend::same && options_.drops_resends) {
    cut.skip(to, KIFA_GAP_DELIMITER);
    answers_->dropped(cut.out, may_reply_);
    return;
  }
  const sdk::Bytes kept = options_.keep_frame ? cut.bytes.subspan(begin_, to - begin_) : payload_;
  answers_->recorded(payload_, resend);
  cut.out.record(
      kept, to,
      resend == Answers::Resend::no ? 0U : static_cast<std::uint32_t>(KIFA_RECORD_RESENT));
  cut.used = to;
}

void FrameStream::skip_outside(Cut& cut, std::size_t to) const {
  while (cut.used < to) {
    const bool is_ignored = options_.is_ignored[cut.bytes[cut.used]];
    std::size_t run = cut.used + 1;
    while (run < to && options_.is_ignored[cut.bytes[run]] == is_ignored) {
      ++run;
    }
    cut.skip(run, is_ignored ? KIFA_GAP_DELIMITER : KIFA_GAP_MALFORMED);
  }
}

void FrameStream::finish(Cut& cut) {
  const std::size_t size = cut.bytes.size();
  if (state_ == State::outside_dle) {
    cut.skip(size, KIFA_GAP_MALFORMED);
  } else if (state_ != State::outside) {
    const std::size_t end = state_ == State::check ? end_ - format().mark_bytes() : size;
    const sdk::Bytes payload = format().payload_of(body(cut, end), scratch_);
    answers_->recorded_silently();
    cut.out.record(options_.keep_frame ? cut.bytes.subspan(begin_) : payload, size,
                   KIFA_RECORD_PARTIAL);
    cut.used = size;
  }
  state_ = State::outside;
}

}  // namespace kifa::plugins
