#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/network_till.hpp"

using namespace std::string_literals;

// Many devices, rude ones and strangers: none of them costs the others anything.
namespace kifa::test {
namespace {

std::uint64_t resident_peak_kib(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  return std::stoull(status.substr(status.find("VmHWM:") + 6));
}

TEST_CASE("a line without an end costs no memory", "[tcp][W32]") {
  const Till till("", ", oversize: truncate");
  Process daemon(till.launch());
  Client device(till.address_of(daemon));
  const std::string piece(1U << 20U, 'x');
  for (int i = 0; i < (kSmall ? 20 : 200); ++i) {
    REQUIRE(device.send(piece));
  }
  REQUIRE(device.send("\nafter\n"));
  till.wait_for_durable(daemon, 2);
  if (!kSmall) {  // sanitizers keep shadow memory
    CHECK(resident_peak_kib(daemon.pid()) < 64U << 10U);
  }
  Till::stop(daemon);
  const std::vector<std::string> stored = payloads(till.data());
  CHECK(stored.at(0) == piece);
  CHECK(stored.at(1) == "after");
}

std::size_t thread_count(pid_t pid) {
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid) + "/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

// The devices of this test need a descriptor each too.
void allow_descriptors(rlim_t count) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(count, limit.rlim_max));
  REQUIRE(limit.rlim_cur >= count);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST_CASE("a thousand connections at once are all served, with no thread of their own",
          "[tcp][W34]") {
  const std::size_t count = kSmall ? 50 : 1'000;
  allow_descriptors(count + 100);
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::vector<Client> clients;
  clients.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    clients.emplace_back(address);
  }
  REQUIRE(clients.front().send("first\n"));
  till.wait_for_durable(daemon, 1);
  const std::size_t threads = thread_count(daemon.pid());
  CHECK(threads < 20);
  for (std::size_t round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(clients[i].send("device " + std::to_string(i) + " round " + std::to_string(round) +
                              "\n"));
    }
  }
  till.wait_for_durable(daemon, 1 + 5 * count);
  CHECK(thread_count(daemon.pid()) == threads);
  Till::stop(daemon);
  // Of each device all rounds, in their order.
  std::vector<std::size_t> next(count);
  const std::vector<std::string> stored = payloads(till.data());
  REQUIRE(stored.size() == 1 + 5 * count);
  for (std::size_t i = 1; i < stored.size(); ++i) {
    std::istringstream words(stored[i]);
    std::string word;
    std::size_t device = 0;
    std::size_t round = 0;
    words >> word >> device >> word >> round;
    REQUIRE(device < count);
    REQUIRE(round == next[device]++);
  }
}

std::size_t descriptor_count(pid_t pid) {
  const std::filesystem::directory_iterator open("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

TEST_CASE("ten thousand connections that drop leave nothing behind", "[tcp][W33]") {
  const int count = kSmall ? 300 : 10'000;
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client stays(address);
  REQUIRE(stays.send("first\n"));
  till.wait_for_durable(daemon, 1);
  const std::size_t before = descriptor_count(daemon.pid());
  for (int i = 0; i < count; ++i) {
    Client device(address);
    if (i % 4 == 1) {
      REQUIRE(device.send("x\n"));
    } else if (i % 4 == 2) {
      device.reset();
    } else if (i % 4 == 3) {
      device.end();
    }
  }
  till.wait_for_durable(daemon, 1 + static_cast<std::uint64_t>(count) / 4);
  REQUIRE(stays.send("last\n"));
  till.wait_for_durable(daemon, 2 + static_cast<std::uint64_t>(count) / 4);
  // Nothing but what the store opens and closes in the meantime.
  CHECK(daemon.wait_until([&] { return descriptor_count(daemon.pid()) <= before + 4; }));
  Till::stop(daemon);
}

TEST_CASE("a device that is half open or never reads stops nobody", "[tcp][W34]") {
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::vector<Client> idle;
  for (int i = 0; i < 20; ++i) {
    idle.emplace_back(address);
    REQUIRE(idle.back().send("begun and never"));  // and then nothing, for ever
  }
  Client device(address);
  REQUIRE(device.send("a sale\n"));
  till.wait_for_durable(daemon, 1);
  CHECK(payloads(till.data()) == std::vector{"a sale"s});
  Till::stop(daemon);
  CHECK(payloads(till.data()).size() == 21);
}

TEST_CASE("a device that is silent for idle_timeout is closed, and what it began is kept",
          "[tcp][W34]") {
  const Till till(", idle_timeout: 200ms");
  Process daemon(till.launch());
  Client device(till.address_of(daemon));
  REQUIRE(device.send("whole\nbegun"));
  CHECK(device.receive().empty());  // waits for the end
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"whole"s, "begun"s});
}

TEST_CASE("who is not in `allow` reaches nothing and is told in the log", "[tcp][W35]") {
  const Till till(", allow: [127.0.0.1/32, \"::1\"]");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client stranger(AF_INET);
  stranger.come_from("127.0.0.2");
  stranger.connect(address);
  stranger.send("forged\n");
  CHECK(stranger.receive().empty());
  Client friendly(address);
  REQUIRE(friendly.send("a sale\n"));
  till.wait_for_durable(daemon, 1);
  const Ending ended = Till::stop(daemon);
  CHECK(ended.err.find("till/net: 127.0.0.2:") != std::string::npos);
  CHECK(ended.err.find("`allow` does not name its address") != std::string::npos);
  CHECK(payloads(till.data()) == std::vector{"a sale"s});
}

TEST_CASE("one connection too many is turned away, and a place that is free again is used",
          "[tcp][W34]") {
  const Till till(", max_connections: 2");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client first(address);
  Client second(address);
  REQUIRE(first.send("1\n"));
  REQUIRE(second.send("2\n"));
  till.wait_for_durable(daemon, 2);
  Client third(address);
  CHECK(third.receive().empty());
  first.end();
  CHECK(first.receive().empty());
  Client fourth(address);
  REQUIRE(fourth.send("4\n"));
  till.wait_for_durable(daemon, 3);
  const Ending ended = Till::stop(daemon);
  CHECK(ended.err.find("raise max_connections") != std::string::npos);
}

TEST_CASE("with few file descriptors the store keeps those that it needs", "[tcp][W33]") {
  const Till till;
  Launch launch = till.launch();
  launch.arguments.insert(launch.arguments.begin(), {"/usr/bin/prlimit", "--nofile=80:80"});
  Process daemon(launch);
  const std::string address = till.address_of(daemon);
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) {
    clients.emplace_back(address);
  }
  // 80 less the 64 that are the store's.
  for (std::size_t i = 16; i < clients.size(); ++i) {
    CHECK(clients[i].receive().empty());
  }
  for (std::size_t i = 0; i < 16; ++i) {
    REQUIRE(clients[i].send("a sale\n"));
  }
  till.wait_for_durable(daemon, 16);
  const Ending ended = Till::stop(daemon);
  CHECK(ended.err.find("at most 16 connections instead of max_connections 1024") !=
        std::string::npos);
}

}  // namespace
}  // namespace kifa::test
