#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/status.hpp>
#include <kifa/testing/test_instance.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::testing {

// One stream through a framing, with the host's part of the contract: bytes that were not used come
// again in the next view, contiguous. Every view is a copy of its own, so that a sanitizer sees any
// step beside it. What the framing does against the contract stands in `faults`.
//
// Threads: confined.
class FramingDriver final {
 public:
  struct Record {
    std::string payload;
    std::uint32_t flags = 0;
    bool operator==(const Record&) const = default;
  };
  struct Skip {
    std::size_t bytes = 0;
    std::uint32_t reason = 0;
    bool operator==(const Skip&) const = default;
  };

  explicit FramingDriver(TestInstance& framing, std::uint32_t stream_flags = 0)
      : framing_(framing) {
    kifa_stream stream{};
    stream.struct_size = sizeof stream;
    stream.stream = 1;
    stream.flags = stream_flags;
    framing_.reset_error();
    if (calls().open(framing_.raw(), &stream, &state_, framing_.error()) != KIFA_OK) {
      throw std::runtime_error("open(): " + framing_.message());
    }
    out_.struct_size = sizeof out_;
    out_.ctx = this;
    out_.record = &record;
    out_.skip = &skip;
    out_.reply = &reply;
    out_.wake_at = &set_wake_at;
  }
  FramingDriver(const FramingDriver&) = delete;
  FramingDriver& operator=(const FramingDriver&) = delete;
  ~FramingDriver() { calls().close(framing_.raw(), state_); }

  kifa_status feed(std::string_view chunk) {
    const std::size_t fresh = carry_.size();
    carry_ += chunk;
    return call(fresh, 0);
  }
  // A chunk that ends the stream, or one message of a DATAGRAM stream.
  kifa_status feed_and_end(std::string_view chunk) {
    const std::size_t fresh = carry_.size();
    carry_ += chunk;
    return call(fresh, KIFA_FEED_END);
  }
  kifa_status end() { return call(carry_.size(), KIFA_FEED_END); }
  // The time that the framing is told from now on.
  void set_now_mono_ns(std::int64_t ns) { out_.now_mono_ns = ns; }
  kifa_status tick(std::int64_t now_mono_ns) {
    out_.now_mono_ns = now_mono_ns;
    wake_at.reset();
    return call(carry_.size(), KIFA_FEED_TICK);
  }
  // As the host does with an oversize record: its head is used up, the view begins inside it.
  void drop_head() {
    carry_.clear();
    is_tail_ = true;
  }
  void durable(const std::vector<kifa_outcome>& outcomes) {
    if (calls().durable == nullptr) {
      throw std::runtime_error("this framing does not answer by itself");
    }
    calls().durable(framing_.raw(), state_, &out_, outcomes.data(),
                    static_cast<std::uint32_t>(outcomes.size()));
  }

  [[nodiscard]] std::size_t held_bytes() const { return carry_.size(); }

  std::vector<Record> records;
  std::vector<Skip> skips;
  std::string replies;  // one behind the other
  std::optional<std::int64_t> wake_at;
  std::vector<std::string> faults;  // sentences

 private:
  static FramingDriver& of(const kifa_framing_out* out) {
    return *static_cast<FramingDriver*>(out->ctx);
  }
  [[nodiscard]] const kifa_framing& calls() const { return framing_.framing(); }

  // Gives how many bytes further `used` went.
  std::size_t advance(std::size_t used) {
    if (used < used_) {
      faults.emplace_back("used fell inside a call");
      return 0;
    }
    if (used > view_bytes_) {
      faults.emplace_back("used lies behind the view");
      return 0;
    }
    const std::size_t step = used - used_;
    used_ = used;
    return step;
  }

  static void record(const kifa_framing_out* out, kifa_bytes payload, std::size_t used,
                     std::uint32_t flags) noexcept {
    FramingDriver& self = of(out);
    self.records.push_back({std::string(sdk::text_of(payload)), flags});
    self.is_tail_ = false;
    self.advance(used);
  }
  static void skip(const kifa_framing_out* out, std::size_t used, std::uint32_t reason) noexcept {
    FramingDriver& self = of(out);
    self.skips.push_back({self.advance(used), reason});
  }
  static void reply(const kifa_framing_out* out, kifa_bytes bytes) noexcept {
    of(out).replies += sdk::text_of(bytes);
  }
  static void set_wake_at(const kifa_framing_out* out, std::int64_t mono_ns) noexcept {
    of(out).wake_at = mono_ns;
  }

  kifa_status call(std::size_t fresh, std::uint32_t flags) {
    const std::vector<std::uint8_t> view(carry_.begin(), carry_.end());
    view_bytes_ = view.size();
    used_ = 0;
    framing_.reset_error();
    const kifa_status status = calls().feed(
        framing_.raw(), state_, &out_, {view.data(), view.size()}, fresh,
        flags | (is_tail_ ? static_cast<std::uint32_t>(KIFA_FEED_TAIL) : 0U), framing_.error());
    carry_.erase(0, used_);
    return status;
  }

  TestInstance& framing_;
  kifa_framing_state* state_ = nullptr;
  kifa_framing_out out_{};
  std::string carry_;
  std::size_t used_ = 0;
  std::size_t view_bytes_ = 0;
  bool is_tail_ = false;
};

}  // namespace kifa::testing
