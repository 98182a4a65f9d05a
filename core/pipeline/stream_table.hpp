#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "core/pipeline/attributes.hpp"
#include "core/pipeline/stream_framer.hpp"

namespace kifa::pipeline {

inline constexpr std::int64_t kNoTime = StreamFramer::kNoTime;

// One open stream of a source, from its open() until everything of it is settled.
struct Stream {
  std::uint64_t number = 0;
  std::uint32_t flags = 0;
  std::string key;
  std::string state;
  // Behind the last record, filtered record or skip; never beyond bytes that framing still holds.
  std::uint64_t position = 0;
  AttributesPtr attributes;
  std::unique_ptr<StreamFramer> framer;  // null: whole records
  std::uint64_t held_bytes = 0;          // of the framer, as counted in the source's budget

  bool input_ended = false;
  bool given_up = false;         // by the host
  bool forgotten = false;        // its key is retired
  std::uint64_t touched_in = 0;  // sequence of the last batch that has something of it
  std::uint32_t unsettled = 0;   // such batches that are not settled
  std::uint64_t told_in = 0;     // sequence of the last batch with an outcome of it
  std::uint64_t told_position = 0;

  std::deque<std::string> replies;
  std::int64_t idle_at = kNoTime;
  std::int64_t timer_at = kNoTime;  // its entry in the timers

  [[nodiscard]] bool is_resumable() const { return (flags & KIFA_STREAM_RESUMABLE) != 0; }
  [[nodiscard]] bool takes_replies() const { return (flags & KIFA_STREAM_REPLY) != 0; }
  [[nodiscard]] bool gives_offsets() const { return (flags & KIFA_STREAM_OFFSETS) != 0; }
  [[nodiscard]] bool is_datagram() const { return (flags & KIFA_STREAM_DATAGRAM) != 0; }
};

// The streams of one source and their timers.
//
// Threads: confined.
class StreamTable final {
 public:
  Stream* find(std::uint64_t number) {
    if (last_ != nullptr && last_->number == number) [[likely]] {
      return last_;
    }
    return find_slowly(number);
  }
  Stream* find_key(std::string_view key);
  Stream& add(std::uint64_t number);
  void erase(std::uint64_t number);
  void clear();
  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  void for_each(const std::function<void(Stream&)>& visit);

  // Sets the stream's timer to the earlier of what its framing and its silence ask for.
  void schedule(Stream& stream);
  // When the first timer is due, kNoTime: never.
  [[nodiscard]] std::int64_t next_timer();
  // A stream whose timer is due at `now`, with the timer taken off; null: none.
  Stream* take_due(std::int64_t now);

 private:
  struct Timer {
    std::int64_t at;
    std::uint64_t number;
    bool operator>(const Timer& other) const { return at > other.at; }
  };
  Stream* find_slowly(std::uint64_t number);
  // Timers that were replaced stay in the queue and are recognised by their time.
  void drop_stale();

  std::map<std::uint64_t, std::unique_ptr<Stream>> streams_;
  Stream* last_ = nullptr;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
};

}  // namespace kifa::pipeline
