#include "core/pipeline/stream_table.hpp"

#include <algorithm>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

Stream* StreamTable::find_slowly(std::uint64_t number) {
  const auto found = streams_.find(number);
  if (found == streams_.end()) {
    return nullptr;
  }
  last_ = found->second.get();
  return last_;
}

Stream* StreamTable::find_key(std::string_view key) {
  const auto found = std::ranges::find_if(streams_, [&](const auto& entry) {
    return entry.second->is_resumable() && entry.second->key == key;
  });
  return found == streams_.end() ? nullptr : found->second.get();
}

Stream& StreamTable::add(std::uint64_t number) {
  const auto [at, fresh] = streams_.emplace(number, std::make_unique<Stream>());
  KIFA_ASSERT(fresh);
  at->second->number = number;
  return *at->second;
}

void StreamTable::erase(std::uint64_t number) {
  last_ = nullptr;
  streams_.erase(number);
}

void StreamTable::clear() {
  last_ = nullptr;
  streams_.clear();
  timers_ = {};
}

void StreamTable::for_each(const std::function<void(Stream&)>& visit) {
  for (const auto& [number, stream] : streams_) {
    visit(*stream);
  }
}

void StreamTable::schedule(Stream& stream) {
  const std::int64_t at = std::min(stream.framer->wake_at(), stream.idle_at);
  // A timer that fires too early is only looked at; one that is too late would be wrong.
  if (at < stream.timer_at) {
    stream.timer_at = at;
    timers_.push({at, stream.number});
  }
}

void StreamTable::drop_stale() {
  while (!timers_.empty()) {
    const Timer& first = timers_.top();
    const auto found = streams_.find(first.number);
    if (found != streams_.end() && found->second->timer_at == first.at) {
      return;
    }
    timers_.pop();
  }
}

std::int64_t StreamTable::next_timer() {
  drop_stale();
  return timers_.empty() ? kNoTime : timers_.top().at;
}

Stream* StreamTable::take_due(std::int64_t now) {
  drop_stale();
  if (timers_.empty() || timers_.top().at > now) {
    return nullptr;
  }
  Stream& stream = *streams_.at(timers_.top().number);
  timers_.pop();
  stream.timer_at = kNoTime;
  return &stream;
}

}  // namespace kifa::pipeline
