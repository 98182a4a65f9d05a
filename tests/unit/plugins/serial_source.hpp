#pragma once

#include <poll.h>
#include <kifa/testing/fake_emitter.hpp>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/pseudo_terminal.hpp"

extern "C" const kifa_plugin* kifa_builtin_serial() noexcept;

namespace kifa::plugins::testing {

// The source at a pseudo-terminal, in a host of memory that polls it as a host does: when a
// descriptor is ready or the time that it asked for has come.
//
// Threads: confined.
class SerialSource final {
 public:
  using Texts = kifa::testing::TestInstance::Texts;
  static constexpr std::int64_t kFarAway = INT64_MAX;
  static constexpr std::uint64_t kRoom = 4U << 20U;

  explicit SerialSource(const std::string& device, Texts texts = {}) {
    texts.try_emplace("device", device);
    const kifa_status configured = instance_.configure(texts);
    INFO(instance_.message());
    REQUIRE(configured == KIFA_OK);
  }

  kifa_status start() { return instance_.start(); }
  void require_start() {
    const kifa_status status = start();
    INFO(instance_.message());
    REQUIRE(status == KIFA_OK);
  }
  void stop() { REQUIRE(instance_.stop() == KIFA_OK); }

  kifa_status poll(std::int64_t deadline = kFarAway) {
    instance_.reset_error();
    out.wake_at_mono_ns.reset();
    return instance_.source().poll(instance_.raw(), out.raw(), deadline, instance_.error());
  }
  std::vector<kifa_fd> descriptors() {
    std::vector<kifa_fd> fds(8);
    fds.resize(instance_.source().descriptors(instance_.raw(), fds.data(), 8));
    return fds;
  }
  // Whether a host with room, or without, would be woken within `patience_ms`.
  bool is_ready(int patience_ms = 0, bool has_room = true) {
    std::vector<pollfd> fds;
    for (const kifa_fd& fd : descriptors()) {
      if (has_room || (fd.flags & KIFA_FD_INPUT) == 0) {
        fds.push_back({fd.fd, fd.events, 0});
      }
    }
    return ::poll(fds.data(), fds.size(), patience_ms) > 0;
  }
  // Polls with room for everything, whenever a descriptor is ready, until `condition` holds.
  void poll_until(const std::function<bool()>& condition) {
    while (!condition()) {
      out.set_capacity(kRoom);
      const kifa_status status = poll();
      INFO(message());
      REQUIRE(status >= 0);
      if (status == KIFA_AGAIN && !condition()) {
        REQUIRE(is_ready(60'000));
      }
    }
  }
  // Moves the clock to the time that was asked for, and polls.
  kifa_status poll_in_time() {
    REQUIRE(out.wake_at_mono_ns.has_value());
    host.advance_ns(*out.wake_at_mono_ns - host.mono_ns());
    return poll();
  }

  kifa_status reply(std::uint64_t stream, const std::string& text) {
    instance_.reset_error();
    return instance_.source().reply(
        instance_.raw(), stream, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
        instance_.error());
  }

  [[nodiscard]] std::string message() const { return instance_.message(); }
  [[nodiscard]] std::size_t told(std::int32_t level, const std::string& words) const {
    std::size_t count = 0;
    for (const auto& line : host.logs()) {
      count += line.level == level && line.message.find(words) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::string bytes_of(std::uint64_t stream) const {
    const auto found = out.streams.find(stream);
    return found == out.streams.end() ? std::string() : found->second.bytes;
  }

  kifa::testing::FakeHost host;
  kifa::testing::FakeEmitter out{kRoom};

 private:
  kifa::testing::TestInstance instance_{*kifa_builtin_serial(), host};
};

}  // namespace kifa::plugins::testing
