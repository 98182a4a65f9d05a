#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <kifa/testing/fake_emitter.hpp>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::plugins::testing {

// Some machines, most of them containers, have no IPv6.
inline bool has_ipv6() {
  test::Client probe(AF_INET6, SOCK_DGRAM);
  try {
    probe.connect("[::1]:9");
  } catch (const std::system_error&) {
    WARN("this machine has no IPv6: what needs it is left out");
    return false;
  }
  return true;
}

// A source with real sockets in a host of memory, polled as a host does it: when a descriptor is
// ready.
//
// Threads: confined.
class NetworkSource {
 public:
  using Texts = kifa::testing::TestInstance::Texts;
  static constexpr std::int64_t kFarAway = INT64_MAX;
  static constexpr std::uint64_t kRoom = 4U << 20U;

  NetworkSource(const kifa_plugin& plugin, Texts texts) : instance_(plugin, host) {
    texts.try_emplace("address", "127.0.0.1:0");
    texts.try_emplace("listen_address_file", directory.file("addresses"));
    address_file = texts["listen_address_file"];
    const kifa_status status = instance_.configure(texts);
    INFO(instance_.message());
    REQUIRE(status == KIFA_OK);
  }

  kifa_status start() { return instance_.start(); }
  void require_start() {
    const kifa_status status = start();
    INFO(instance_.message());
    REQUIRE(status == KIFA_OK);
  }
  void stop() { REQUIRE(instance_.stop() == KIFA_OK); }

  // What the file of addresses says.
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::ifstream file(address_file);
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);) {
      found.push_back(line);
    }
    return found;
  }
  [[nodiscard]] std::string address() const { return addresses().at(0); }

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
  // Polls with room for everything, whenever a descriptor is ready, until `condition` holds.
  void poll_until(const std::function<bool()>& condition) {
    while (!condition()) {
      out.set_capacity(kRoom);
      const kifa_status status = poll();
      INFO(message());
      REQUIRE(status >= 0);
      if (status == KIFA_AGAIN && !condition()) {
        REQUIRE(wait_for_descriptors());
      }
    }
  }
  // False: nothing was ready for a minute. `other`: a descriptor of the test to wait for as well.
  bool wait_for_descriptors(int other = -1) {
    std::vector<pollfd> fds = {{other, POLLIN, 0}};
    for (const kifa_fd& fd : descriptors()) {
      fds.push_back({fd.fd, fd.events, 0});
    }
    return ::poll(fds.data(), fds.size(), 60'000) > 0;
  }
  // Whether a host would be woken now.
  bool is_ready() {
    std::vector<pollfd> fds;
    for (const kifa_fd& fd : descriptors()) {
      fds.push_back({fd.fd, fd.events, 0});
    }
    return ::poll(fds.data(), fds.size(), 0) > 0;
  }

  kifa_status reply(std::uint64_t stream, const std::string& text) {
    instance_.reset_error();
    return instance_.source().reply(
        instance_.raw(), stream, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
        instance_.error());
  }
  void release(std::uint64_t stream) { instance_.source().release(instance_.raw(), stream); }

  [[nodiscard]] std::string message() const { return instance_.message(); }
  [[nodiscard]] std::size_t warnings(const std::string& words) const {
    std::size_t count = 0;
    for (const auto& line : host.logs()) {
      count += line.level == KIFA_LOG_WARN && line.message.find(words) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::size_t ended() const {
    std::size_t count = 0;
    for (const auto& [number, stream] : out.streams) {
      count += stream.ended ? 1 : 0;
    }
    return count;
  }
  [[nodiscard]] std::string bytes_of(std::uint64_t stream) const {
    const auto found = out.streams.find(stream);
    return found == out.streams.end() ? std::string() : found->second.bytes;
  }

  test::TemporaryDirectory directory;
  std::string address_file;
  kifa::testing::FakeHost host;
  kifa::testing::FakeEmitter out{kRoom};

 private:
  kifa::testing::TestInstance instance_;
};

}  // namespace kifa::plugins::testing
