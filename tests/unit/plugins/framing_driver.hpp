#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/plugins/harness.hpp"

namespace kifa::plugins::testing {

// One stream through a framing, with the host's part of the contract: bytes that were not used come
// again in the next view, contiguous, and the view is a copy of its own so that a sanitizer sees
// every step beside it.
class FramingDriver final {
 public:
  struct Record {
    std::string payload;
    std::uint32_t flags = 0;
    bool operator==(const Record&) const = default;
  };

  FramingDriver(Instance& framing, Host& host, std::uint32_t stream_flags = 0)
      : framing_(framing), host_(host), is_datagram_((stream_flags & KIFA_STREAM_DATAGRAM) != 0) {
    kifa_stream stream{};
    stream.struct_size = sizeof stream;
    stream.stream = 1;
    stream.flags = stream_flags;
    if (calls().open(framing_.raw(), &stream, &state_, &framing_.error.raw) != KIFA_OK) {
      throw std::runtime_error(framing_.error.message());
    }
  }
  FramingDriver(const FramingDriver&) = delete;
  FramingDriver& operator=(const FramingDriver&) = delete;
  ~FramingDriver() { calls().close(framing_.raw(), state_); }

  void feed(std::string_view chunk) {
    const std::size_t fresh = carry_.size();
    carry_ += chunk;
    call(fresh, is_datagram_ ? KIFA_FEED_END : 0);
  }
  void tick() {
    wake_at.reset();
    call(carry_.size(), KIFA_FEED_TICK);
  }
  void end() { call(carry_.size(), KIFA_FEED_END); }
  // The head of the unfinished record was used up by the host.
  void drop_head() {
    carry_.clear();
    in_tail_ = true;
  }

  // Feeds `all` in random pieces, then the end.
  void feed_split(std::string_view all, std::mt19937_64& random, std::size_t piece_max) {
    while (!all.empty()) {
      const std::size_t piece = std::min<std::size_t>(all.size(), random() % (piece_max + 1));
      feed(all.substr(0, piece));
      all.remove_prefix(piece);
    }
    end();
  }

  std::vector<Record> records;
  std::vector<std::uint32_t> skips;  // reasons
  std::optional<std::int64_t> wake_at;
  [[nodiscard]] std::size_t held() const { return carry_.size(); }

 private:
  [[nodiscard]] const kifa_framing& calls() const { return framing_.calls<kifa_framing>(); }
  static FramingDriver& self(const kifa_framing_out* out) {
    return *static_cast<FramingDriver*>(out->ctx);
  }

  void advance(std::size_t used) {
    if (used < used_ || used > view_bytes_) {
      throw_later_ = true;
    }
    used_ = used;
  }

  void call(std::size_t fresh, std::uint32_t flags) {
    const std::vector<std::uint8_t> view(carry_.begin(), carry_.end());
    view_bytes_ = view.size();
    used_ = 0;
    kifa_framing_out out{};
    out.struct_size = sizeof out;
    out.ctx = this;
    out.now_mono_ns = host_.mono_ns;
    out.record = [](const kifa_framing_out* to, kifa_bytes payload, std::size_t used,
                    std::uint32_t record_flags) noexcept {
      self(to).records.push_back({text(payload), record_flags});
      self(to).in_tail_ = false;
      self(to).advance(used);
    };
    out.skip = [](const kifa_framing_out* to, std::size_t used, std::uint32_t reason) noexcept {
      self(to).skips.push_back(reason);
      self(to).advance(used);
    };
    out.reply = [](const kifa_framing_out*, kifa_bytes) noexcept {};
    out.wake_at = [](const kifa_framing_out* to, std::int64_t at) noexcept {
      self(to).wake_at = at;
    };
    flags |= in_tail_ ? static_cast<std::uint32_t>(KIFA_FEED_TAIL) : 0U;
    const kifa_status status =
        calls().feed(framing_.raw(), state_, &out, {view.data(), view.size()}, fresh, flags,
                     &framing_.error.raw);
    if (status != KIFA_OK || throw_later_) {
      throw std::runtime_error("feed: wrong use of the view, or " + framing_.error.message());
    }
    carry_.erase(0, used_);
  }

  Instance& framing_;
  Host& host_;
  const bool is_datagram_;
  kifa_framing_state* state_ = nullptr;
  std::string carry_;
  bool in_tail_ = false;
  std::size_t view_bytes_ = 0;
  std::size_t used_ = 0;
  bool throw_later_ = false;
};

}  // namespace kifa::plugins::testing
