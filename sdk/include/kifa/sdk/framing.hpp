#pragma once

#include <kifa/sdk/host.hpp>
#include <kifa/sdk/status.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// What feed() sees: every byte that was not used yet, contiguous, kept by the host.
struct View {
  Bytes bytes;        // bytes[fresh] is the first new one
  std::size_t fresh;  // search from here, not from the start
  bool tick;          // a timer that was asked for; no new bytes
  bool end;           // no more will come: give what is left as a KIFA_RECORD_PARTIAL record
  bool tail;          // the head of this oversize record was used up: the view begins inside it
};

// Where a framing puts what it found. `used` counts bytes of the view from its start, so far in
// this call, and never falls; bytes behind the last `used` come again in the next view.
class FramingOut final {
 public:
  explicit FramingOut(const kifa_framing_out* out) : out_(out) {}

  void record(Bytes payload, std::size_t used, std::uint32_t flags = 0) const {
    out_->record(out_, to_abi(payload), used, flags);
  }
  // Bytes of no record: counted under `reason` (KIFA_GAP_*; KIFA_GAP_DELIMITER is not a loss).
  void skip(std::size_t used, std::uint32_t reason) const { out_->skip(out_, used, reason); }
  // Answers the device; sent right after poll.
  void reply(Bytes bytes) const { out_->reply(out_, to_abi(bytes)); }
  void reply(std::string_view text) const { reply(bytes_of(text)); }
  // Asks for a feed() with `tick` once the stream ran dry at or after that time.
  void wake_at(std::int64_t mono_ns) const { out_->wake_at(out_, mono_ns); }
  [[nodiscard]] std::int64_t now_mono_ns() const { return out_->now_mono_ns; }

  [[nodiscard]] const kifa_framing_out* raw() const { return out_; }

 private:
  const kifa_framing_out* out_;
};

// Cuts a stream of bytes into records, and may answer the device. One instance per source: the
// options. What belongs to one stream stands in the nested class `Stream`, which the framing must
// have:
//
//   class Stream {
//    public:
//     Stream(MyFraming& framing, const kifa_stream& stream);  // may throw Failure
//     Status feed(View view, FramingOut out);                 // once per chunk, tick or end
//     void durable(FramingOut out, std::span<const kifa_outcome> outcomes);  // only if it answers
//   };
//
// The host enforces record_bytes_max, keeps the bytes and budgets them: a framing only looks for
// borders. feed() is called directly, not virtually.
//
// Threads: those of Component on the control thread; Stream serialised, on any host thread.
class Framing : public Component {
 public:
  using Component::Component;
};

namespace detail {
template <class T>
concept FramingWithStream = std::derived_from<T, Framing> &&
                            std::constructible_from<typename T::Stream, T&, const kifa_stream&> &&
                            requires(typename T::Stream stream, View view, FramingOut out) {
                              { stream.feed(view, out) } -> std::same_as<Status>;
                            };
template <class S>
concept HearsDurable = requires(S stream, FramingOut out, std::span<const kifa_outcome> outcomes) {
  stream.durable(out, outcomes);
};
}  // namespace detail

}  // namespace v1
}  // namespace kifa::sdk
