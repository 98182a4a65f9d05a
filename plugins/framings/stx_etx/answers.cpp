#include "plugins/framings/stx_etx/answers.hpp"

#include <string_view>

namespace kifa::plugins {

bool Answers::has_same_sequence(sdk::Bytes payload) const {
  const std::size_t needed = options_.sequence_offset + options_.sequence_bytes;
  if (payload.size() < needed || last_.size() < needed) {
    return false;
  }
  return sdk::text_of(payload).substr(options_.sequence_offset, options_.sequence_bytes) ==
         std::string_view(last_).substr(options_.sequence_offset, options_.sequence_bytes);
}

Answers::Resend Answers::compare(sdk::Bytes payload) const {
  if (!has_last_) {
    return Resend::no;
  }
  const bool is_same = sdk::text_of(payload) == last_;
  if (options_.sequence_bytes == 0) {
    return is_same && options_.replies && !last_is_answered_ ? Resend::same : Resend::no;
  }
  if (!has_same_sequence(payload)) {
    return Resend::no;
  }
  return is_same ? Resend::same : Resend::changed;
}

void Answers::recorded(sdk::Bytes payload, Resend resend) {
  if (resend == Resend::same && !last_is_answered_) {
    recorded_silently();
    return;
  }
  waiting_.push_back({++count_, true});
  if (options_.replies || options_.sequence_bytes != 0) {
    last_.assign(sdk::text_of(payload));
    has_last_ = true;
  }
  last_is_answered_ = false;
}

void Answers::dropped(sdk::FramingOut out, bool may_reply) const {
  if (may_reply && last_is_answered_) {
    out.reply(options_.ack);  // the first answer was lost on the line
  }
}

void Answers::settled(sdk::FramingOut out, std::span<const kifa_outcome> outcomes, bool may_reply) {
  for (const kifa_outcome& outcome : outcomes) {
    if (waiting_.empty()) {
      return;  // a record that the host made of bytes nobody framed
    }
    const Waiting settled = waiting_.front();
    waiting_.pop_front();
    if (!settled.wants_answer) {
      continue;
    }
    const bool is_last = settled.number == count_;
    if (outcome.status < 0) {
      has_last_ = has_last_ && !is_last;  // it was not kept: sent again, it is new
    } else if (is_last) {
      last_is_answered_ = true;
    }
    if (may_reply) {
      out.reply(outcome.status < 0 ? options_.nak : options_.ack);
    }
  }
}

}  // namespace kifa::plugins
