#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/unit/plugins/tcp_source.hpp"

using kifa::plugins::testing::TcpSource;
using kifa::test::Client;
using kifa::test::TemporaryDirectory;

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST_CASE("a connection is a stream with its peer, from its first byte to its end",
          "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client client(source.address());
  REQUIRE(client.send("half a rec"));
  source.poll_until([&] { return source.bytes_of(1) == "half a rec"; });
  REQUIRE(client.send("ord\nand"));
  source.poll_until([&] { return source.bytes_of(1) == "half a record\nand"; });
  CHECK(source.out.streams.at(1).attrs.at("peer").starts_with("127.0.0.1:"));
  CHECK(source.out.streams.at(1).flags == KIFA_STREAM_REPLY);
  CHECK_FALSE(source.out.streams.at(1).ended);
  client.end();
  source.poll_until([&] { return source.ended() == 1; });
  CHECK_FALSE(source.is_ready());  // an end that was seen wakes nobody again
  CHECK_FALSE(client.has_news());  // open until the host has settled everything
  source.release(1);
  CHECK(client.receive().empty());
  CHECK(source.out.faults.empty());
}

TEST_CASE("every byte arrives in order, whatever the pieces and the room", "[plugins][tcp][W10]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  TcpSource source;
  source.require_start();
  std::vector<Client> clients;
  std::vector<std::string> sent(4);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    clients.emplace_back(source.address());
    source.poll_until([&] { return source.out.streams.size() == i + 1; });
  }
  for (int round = 0; round < 500; ++round) {
    const std::size_t who = random() % clients.size();
    std::string piece(random() % (round % 10 == 0 ? 150'000 : 2000), '\0');
    for (char& byte : piece) {
      byte = static_cast<char>(random());
    }
    const std::size_t taken = clients[who].send_until_full(piece);
    sent[who] += piece.substr(0, taken);
    source.out.set_capacity(random() % 3 == 0 ? 0 : random() % 50'000);
    if (random() % 5 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    REQUIRE(source.poll() >= 0);
  }
  for (Client& client : clients) {
    client.close();
  }
  source.poll_until([&] { return source.ended() == clients.size(); });
  for (std::size_t i = 0; i < sent.size(); ++i) {
    CHECK(source.bytes_of(i + 1) == sent[i]);
  }
  CHECK(source.out.faults.empty());
}

TEST_CASE("who floods does not keep others waiting", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client flood(source.address());
  Client till(source.address());
  source.poll_until([&] { return source.out.streams.size() == 2; });
  REQUIRE(flood.send_until_full(std::string(16U << 20U, 'x')) > 128U << 10U);
  REQUIRE(till.send("a sale\n"));
  source.out.set_capacity(TcpSource::kRoom);
  REQUIRE(source.poll(0) >= 0);  // one round
  CHECK(source.bytes_of(2) == "a sale\n");
  CHECK(source.bytes_of(1).size() == 64U << 10U);

  // Room for less than a round: the next one goes on with who had no turn.
  REQUIRE(till.send("another\n"));
  for (int turn = 0; turn < 3; ++turn) {
    source.out.set_capacity(1000);
    REQUIRE(source.poll(0) >= 0);
  }
  CHECK(source.bytes_of(2) == "a sale\nanother\n");
}

TEST_CASE("without room nothing is read, and nobody counts as silent", "[plugins][tcp]") {
  TcpSource source(TcpSource::Texts{{"idle_timeout", "1s"}});
  source.require_start();
  Client client(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  REQUIRE(client.send("waiting\n"));
  source.host.advance_ns(10 * kSecondNs);
  source.out.set_capacity(0);
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1).empty());
  CHECK_FALSE(source.out.wake_at_mono_ns);  // would be due at once, again and again
  for (const kifa_fd& fd : source.descriptors()) {
    CHECK(fd.flags == KIFA_FD_INPUT);
  }
  source.out.set_capacity(TcpSource::kRoom);
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1) == "waiting\n");
  CHECK(source.ended() == 0);
}

TEST_CASE("silence of idle_timeout ends a connection, and only that one", "[plugins][tcp][W34]") {
  TcpSource source(TcpSource::Texts{{"idle_timeout", "30s"}});
  source.require_start();
  Client silent(source.address());
  Client busy(source.address());
  source.poll_until([&] { return source.out.streams.size() == 2; });
  REQUIRE(source.out.wake_at_mono_ns.has_value());
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 30 * kSecondNs);
  source.host.advance_ns(29 * kSecondNs);
  REQUIRE(busy.send("still here\n"));
  source.poll_until([&] { return !source.bytes_of(2).empty(); });
  CHECK(source.ended() == 0);
  source.host.advance_ns(kSecondNs);
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.at(1).ended);
  CHECK_FALSE(source.out.streams.at(2).ended);
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 29 * kSecondNs);
  source.release(1);
  CHECK(silent.receive().empty());
}

TEST_CASE("one connection too many is turned away at once and told once", "[plugins][tcp][W34]") {
  TcpSource source(TcpSource::Texts{{"max_connections", "2"}});
  source.require_start();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back(source.address());
  }
  source.poll_until([&] { return source.host.metric("connections_refused") == 3; });
  CHECK(source.out.streams.size() == 2);
  for (std::size_t i = 2; i < clients.size(); ++i) {
    CHECK(clients[i].receive().empty());
  }
  CHECK(source.warnings("raise max_connections") == 1);
  CHECK(source.host.metric("connections") == 2);

  clients[0].end();
  source.poll_until([&] { return source.ended() == 1; });
  source.release(1);
  Client next(source.address());
  source.poll_until([&] { return source.out.streams.size() == 3; });

  // A minute later it is told again, with what went unsaid.
  source.host.advance_ns(61 * kSecondNs);
  Client late(source.address());
  CHECK(source.host.metric("connections_refused") == 3);
  source.poll_until([&] { return source.host.metric("connections_refused") == 4; });
  CHECK(source.warnings("(and 2 times more before)") == 1);
}

TEST_CASE("who comes while ended connections wait for the store waits with them",
          "[plugins][tcp][W34]") {
  TcpSource source(TcpSource::Texts{{"max_connections", "2"}});
  source.require_start();
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(source.address());
    clients.back().end();
  }
  source.poll_until([&] { return source.ended() == 2; });
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(source.address());
    REQUIRE(clients.back().send("a sale\n"));
  }
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.size() == 2);
  CHECK_FALSE(source.is_ready());  // to be woken for a door that stays shut would be a busy loop
  CHECK(source.warnings("devices wait to be let in: 2 of the 2 places are kept") == 1);

  // Each one that the store has settled makes place for one, in the order in which they came.
  for (std::uint64_t place = 1; place <= 2; ++place) {
    source.release(place);
    CHECK(source.is_ready());
    source.poll_until([&] { return source.bytes_of(place + 2) == "a sale\n"; });
  }
  // Now all places are of peers that stay: who is still at the door is turned away.
  source.poll_until([&] { return source.host.metric("connections_refused") == 1; });
  CHECK(source.out.streams.size() == 4);
  CHECK(clients.back().receive().empty());
}

TEST_CASE("who waits at the door when kifa stops is taken in", "[plugins][tcp][W34]") {
  TcpSource source(TcpSource::Texts{{"max_connections", "2"}});
  source.require_start();
  std::vector<Client> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back(source.address());
    clients.back().end();
  }
  source.poll_until([&] { return source.ended() == 2; });
  clients.emplace_back(source.address());
  REQUIRE(clients.back().send("a sale\n"));
  clients.back().end();
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.size() == 2);
  source.out.set_draining();
  source.out.set_capacity(TcpSource::kRoom);
  while (source.poll() != KIFA_END) {
  }
  CHECK(source.bytes_of(3) == "a sale\n");
}

TEST_CASE("who is not in `allow` is turned away", "[plugins][tcp][W35]") {
  TcpSource source(TcpSource::Texts{{"allow", "127.0.0.1,10.0.0.0/8"}});
  source.require_start();
  Client stranger(AF_INET);
  stranger.come_from("127.0.0.2");
  stranger.connect(source.address());
  Client friendly(AF_INET);
  friendly.come_from("127.0.0.1");
  friendly.connect(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  CHECK(stranger.receive().empty());
  CHECK(source.warnings("127.0.0.2") == 1);
  CHECK(source.warnings("`allow`") == 1);
  REQUIRE(friendly.send("x"));
  source.poll_until([&] { return source.bytes_of(1) == "x"; });
}

// No descriptor of this process can be opened while it lives.
class NoDescriptorLeft final {
 public:
  NoDescriptorLeft() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int free = ::dup(0);
    REQUIRE(free >= 0);
    ::close(free);
    const rlimit none{static_cast<rlim_t>(free), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;
  ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("without a descriptor left connections are turned away and the listener lives",
          "[plugins][tcp][W33]") {
  TcpSource source;
  source.require_start();
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(AF_INET);
  }
  const std::string address = source.address();
  // UBSan makes a pipe to find out whether an object is there, when it meets the first of its type:
  // without a descriptor nothing new may come.
  REQUIRE(source.poll() == KIFA_AGAIN);
  kifa_status first = KIFA_OK;
  kifa_status second = KIFA_OK;
  {
    const NoDescriptorLeft none;
    for (Client& client : clients) {
      client.connect(address);
    }
    first = source.poll();
    second = source.poll();
  }
  CHECK(first == KIFA_AGAIN);
  CHECK(second == KIFA_AGAIN);
  CHECK(source.host.metric("connections_refused") == 3);
  CHECK(source.out.streams.empty());
  for (Client& client : clients) {
    CHECK(client.receive().empty());
  }
  CHECK(source.warnings("no file descriptor left") == 1);
  Client next(address);
  source.poll_until([&] { return source.out.streams.size() == 1; });
}

TEST_CASE("a stream that the host has ended is read no more, and the others are",
          "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client endless(source.address());
  Client other(source.address());
  source.poll_until([&] { return source.out.streams.size() == 2; });
  REQUIRE(endless.send("without an end"));
  REQUIRE(source.wait_for_descriptors());
  source.out.fail_next(KIFA_NO_MEMORY);
  CHECK(source.poll() == KIFA_AGAIN);
  source.release(1);
  CHECK(endless.receive().empty());
  REQUIRE(other.send("x"));
  source.poll_until([&] { return source.bytes_of(2) == "x"; });
  CHECK(source.ended() == 0);  // no end was given for what the host has ended itself
  CHECK(source.out.faults.empty());
}

TEST_CASE("a stream without room in the host is turned away", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client client(source.address());
  source.out.fail_next(KIFA_NO_MEMORY);
  source.poll_until([&] { return source.host.metric("connections_refused") == 1; });
  CHECK(client.receive().empty());
  CHECK(source.warnings("no room") == 1);
}

TEST_CASE("what has arrived by the time of a stop is taken in, also from the door",
          "[plugins][tcp][W20]") {
  TcpSource source;
  source.require_start();
  Client inside(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  const std::size_t sent = inside.send_until_full(std::string(30'000, 'x'));
  Client at_door(source.address());
  REQUIRE(at_door.send("not let in yet"));
  source.out.set_draining();
  kifa_status status = KIFA_OK;
  while (status == KIFA_OK) {
    source.out.set_capacity(7'000);
    status = source.poll();
  }
  CHECK(status == KIFA_END);
  CHECK(source.bytes_of(1).size() == sent);
  CHECK(source.bytes_of(2) == "not let in yet");
  CHECK_THROWS(Client(source.address()));  // the door is closed
  source.stop();
  CHECK(inside.receive().empty());
}

TEST_CASE("after a stop it can start again, with new stream numbers", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client first(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  source.stop();
  CHECK(source.addresses().empty());
  CHECK(source.descriptors().empty());
  source.require_start();
  Client second(source.address());
  source.poll_until([&] { return source.out.streams.size() == 2; });
  CHECK(source.out.streams.contains(2));
}

TEST_CASE("every address is listened at and written down", "[plugins][tcp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  TcpSource source(TcpSource::Texts{{"address", "127.0.0.1:0,127.0.0.1:0,unix:" + path}});
  source.require_start();
  const std::vector<std::string> addresses = source.addresses();
  REQUIRE(addresses.size() == 3);
  CHECK(addresses[0] != addresses[1]);
  CHECK(addresses[2] == "unix:" + path);
  std::vector<Client> clients;
  for (const std::string& address : addresses) {
    clients.emplace_back(address);
  }
  source.poll_until([&] { return source.out.streams.size() == 3; });
  const auto from_unix = std::ranges::count_if(source.out.streams, [](const auto& entry) {
    return entry.second.attrs.at("peer") ==
           "unix:uid=" + std::to_string(::getuid()) + ",pid=" + std::to_string(::getpid());
  });
  CHECK(from_unix == 1);
  source.stop();
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("devices come over IPv4 and IPv6 at once", "[plugins][tcp]") {
  if (!kifa::plugins::testing::has_ipv6()) {
    return;  // said so
  }
  TcpSource source(
      TcpSource::Texts{{"address", "127.0.0.1:0,[::1]:0"}, {"allow", "::1/128,127.0.0.1/32"}});
  source.require_start();
  Client old(source.addresses().at(0));
  REQUIRE(old.send("four\n"));
  source.poll_until([&] { return source.bytes_of(1) == "four\n"; });
  Client young(source.addresses().at(1));
  REQUIRE(young.send("six\n"));
  source.poll_until([&] { return source.bytes_of(2) == "six\n"; });
  CHECK(source.out.streams.at(1).attrs.at("peer").starts_with("127.0.0.1:"));
  CHECK(source.out.streams.at(2).attrs.at("peer").starts_with("[::1]:"));
}

TEST_CASE("a port that somebody listens at is told as locked", "[plugins][tcp]") {
  TcpSource first;
  first.require_start();
  TcpSource second(TcpSource::Texts{{"address", first.address()}});
  CHECK(second.start() == KIFA_LOCKED);
  CHECK(second.message().find(first.address()) != std::string::npos);
  CHECK(second.message().find("another program listens there") != std::string::npos);
  CHECK(second.addresses().empty());
}

TEST_CASE("an address that this machine does not have may come later", "[plugins][tcp]") {
  TcpSource source(TcpSource::Texts{{"address", "192.0.2.1:5140"}});
  CHECK(source.start() == KIFA_UNAVAILABLE);
  CHECK(source.message().find("does not have the address") != std::string::npos);
}

TEST_CASE("a unix socket that nobody serves is replaced, one that is served is not",
          "[plugins][tcp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  TcpSource second(TcpSource::Texts{{"address", "unix:" + path}});
  {
    TcpSource first(TcpSource::Texts{{"address", "unix:" + path}});
    first.require_start();
    CHECK(second.start() == KIFA_LOCKED);
    std::filesystem::rename(path, path + ".kept");  // what a killed kifa leaves behind
  }
  std::filesystem::rename(path + ".kept", path);
  second.require_start();
  Client client("unix:" + path);
  second.poll_until([&] { return second.out.streams.size() == 1; });

  // Somebody else's socket in its place is not removed.
  std::filesystem::remove(path);
  TcpSource third(TcpSource::Texts{{"address", "unix:" + path}});
  third.require_start();
  second.stop();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("what is no socket is never removed", "[plugins][tcp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  std::ofstream(path) << "receipts";
  TcpSource source(TcpSource::Texts{{"address", "unix:" + path}});
  CHECK(source.start() == KIFA_INVALID);
  CHECK(source.message().find("no socket") != std::string::npos);
  CHECK(std::filesystem::file_size(path) == 8);

  TcpSource nowhere(TcpSource::Texts{{"address", "unix:" + directory.file("missing/till.sock")}});
  CHECK(nowhere.start() == KIFA_INVALID);
  CHECK(nowhere.message().find("make it first") != std::string::npos);

  const std::string file = directory.file("missing/addresses");
  TcpSource unwritable(TcpSource::Texts{{"listen_address_file", file}});
  CHECK(unwritable.start() == KIFA_IO);
  CHECK(unwritable.message().find("listen_address_file") != std::string::npos);
}

}  // namespace
