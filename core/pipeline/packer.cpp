#include "core/pipeline/packer.hpp"

#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

Packer::Packer(const SourceParts& parts)
    : parts_(parts), lends_thread_((parts.source->component().flags & KIFA_SOURCE_LIVE) == 0) {}

void Packer::start_batch() {
  KIFA_ASSERT(open_ == nullptr);
  open_ = pool_->take(next_sequence_++, parts_.waker);
  open_since_ = parts_.clock->now_mono_ns();
  kept_attributes_ = nullptr;
}

void Packer::next_batch() {
  seal();
  push(false);  // inside poll: settling must not call back into the source
  start_batch();
}

void Packer::keep_attributes(const AttributesPtr& attributes) {
  open_->keep(attributes);
  kept_attributes_ = attributes.get();
}

void Packer::add_filtered(Stream& stream, std::uint64_t end_position, std::uint32_t flags) {
  if (open_ == nullptr || open_->is_full_for(0, parts_.options.batch)) {
    next_batch();
  }
  touch(stream);
  stream.position = end_position;
  open_->add_filtered(stream, end_position, flags);
}

void Packer::add_rejected(Stream& stream, std::uint64_t end_position) {
  if (open_ == nullptr) {
    start_batch();
  }
  touch(stream);
  stream.position = end_position;
  open_->add_rejected(stream, end_position);
}

void Packer::add_move(Stream& stream, std::uint64_t end_position) {
  if (open_ == nullptr) {
    start_batch();
  }
  touch(stream);
  stream.position = end_position;
  open_->add_move(stream, end_position);
}

void Packer::add_gap(const kifa_gap& gap) {
  if (open_ == nullptr) {
    start_batch();
  }
  open_->add_gap(gap);
}

void Packer::add_open(Stream& stream) {
  if (open_ == nullptr) {
    start_batch();
  }
  poll_has_keys_ = true;
  touch(stream);
}

void Packer::add_checkpoint(const kifa_checkpoint& checkpoint) {
  if (open_ == nullptr) {
    start_batch();
  }
  open_->add_checkpoint(checkpoint);
}

void Packer::add_forget(std::string_view key) {
  poll_has_keys_ = true;
  forgets_.emplace_back(key);
}

void Packer::begin_poll() {
  polling_ = true;
  poll_has_keys_ = false;
}

void Packer::end_poll() {
  polling_ = false;
  for (const std::string& key : forgets_) {
    kifa_checkpoint checkpoint{};
    checkpoint.struct_size = sizeof(checkpoint);
    checkpoint.flags = KIFA_CHECKPOINT_FORGET;
    checkpoint.key = to_abi(key);
    add_checkpoint(checkpoint);
  }
  forgets_.clear();
}

bool Packer::must_end_poll() const {
  const BatchLimits& limits = parts_.options.batch;
  return polling_ && poll_has_keys_ && open_ != nullptr &&
         open_->is_full_for(static_cast<std::size_t>(limits.bytes_max / 4), limits);
}

void Packer::seal() {
  if (open_ == nullptr) {
    return;
  }
  for (Stream* stream : open_->touched()) {
    if (!stream->is_resumable() || stream->forgotten) {
      continue;
    }
    kifa_checkpoint checkpoint{};
    checkpoint.struct_size = sizeof(checkpoint);
    checkpoint.key = to_abi(stream->key);
    checkpoint.position = stream->position;
    checkpoint.state = {reinterpret_cast<const std::uint8_t*>(stream->state.data()),
                        stream->state.size()};
    open_->add_checkpoint(checkpoint);
  }
  open_->seal(parts_.origin);
  waiting_bytes_ += open_->bytes();
  SourceCounters::add(parts_.counters->records_emitted, open_->record_count());
  outstanding_.push_back(std::move(open_));
  open_ = nullptr;
}

void Packer::push(bool may_write) {
  while (submitted_ < outstanding_.size()) {
    const BatchPtr batch = outstanding_[submitted_];
    const std::size_t bytes = batch->bytes();  // the sink may settle it at once
    if (batch->is_empty_for_sink()) {
      batch->settle(0, KIFA_OK);  // only filtered records: there is nothing to keep
    } else if (!parts_.sink->submit(batch, may_write && lends_thread_, parts_.waker)) {
      return;
    }
    waiting_bytes_ -= bytes;
    ++submitted_;
  }
}

BatchPtr Packer::pop_settled() {
  if (submitted_ == 0 || !outstanding_.front()->settled()) {
    return nullptr;
  }
  BatchPtr batch = std::move(outstanding_.front());
  outstanding_.pop_front();
  --submitted_;
  return batch;
}

std::uint64_t Packer::room() {
  const std::uint64_t max = parts_.options.intake_bytes_max;
  const std::uint64_t used = used_bytes();
  const std::uint64_t free = used < max ? max - used : 0;
  starved_ = free < (starved_ ? max / kIntakeFreeShare : 1);
  return starved_ ? 0 : free;
}

bool Packer::is_behind() {
  if (has_waiting()) {
    return true;
  }
  return submitted_ != 0 && !outstanding_.back()->settled() &&
         !outstanding_.back()->is_empty_for_sink() &&
         parts_.sink->still_waits(*outstanding_.back(), parts_.waker);
}

void Packer::abandon() {
  outstanding_.clear();
  submitted_ = 0;
  waiting_bytes_ = 0;
  open_ = nullptr;
}

}  // namespace kifa::pipeline
