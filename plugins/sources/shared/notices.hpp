#pragma once

#include <kifa/sdk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kifa::plugins {

// Tells what goes wrong again and again: each reason the first time at once, then once a minute,
// with the number of times that went unsaid. A peer can be refused a thousand times a second.
//
// `Reason` is an enumeration that ends with `count`.
//
// Threads: confined.
template <class Reason>
class RareNotices final {
 public:
  explicit RareNotices(sdk::Host host) : host_(host) {}

  void tell(Reason reason, std::string_view sentence) {
    Said& said = said_[static_cast<std::size_t>(reason)];
    const std::int64_t now = host_.now_mono_ns();
    if (said.once && now < said.next_ns) {
      ++said.unsaid;
      return;
    }
    std::string text(sentence);
    if (said.unsaid != 0) {
      text += " (and " + std::to_string(said.unsaid) + " times more before)";
    }
    said = {.once = true, .next_ns = now + kPauseNs};
    host_.warn(text);
  }

 private:
  static constexpr std::int64_t kPauseNs = 60'000'000'000;

  struct Said {
    bool once = false;
    std::int64_t next_ns = 0;
    std::uint64_t unsaid = 0;
  };

  sdk::Host host_;
  std::array<Said, static_cast<std::size_t>(Reason::count)> said_{};
};

}  // namespace kifa::plugins
