#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/plugins/udp_source.hpp"

using kifa::plugins::testing::has_ipv6;
using kifa::plugins::testing::UdpSource;
using kifa::test::Client;
using kifa::test::TemporaryDirectory;

using namespace std::string_literals;

namespace {

using Texts = UdpSource::Texts;

Client sender_to(const std::string& address) { return Client(address, SOCK_DGRAM); }

TEST_CASE("a datagram is a message of its own, with its sender and its time", "[plugins][udp]") {
  UdpSource source;
  source.require_start();
  Client device = sender_to(source.address());
  REQUIRE(device.send_datagram("a sale\nof two lines\n"));
  REQUIRE(device.send_datagram(""));
  REQUIRE(device.send_datagram("nul\0 and \xFF\n"s));
  source.poll_until([&] { return source.out.datagrams.size() == 3; });
  CHECK(source.payloads() == std::vector{"a sale\nof two lines\n"s, ""s, "nul\0 and \xFF\n"s});
  CHECK(source.out.streams.at(1).flags == KIFA_STREAM_DATAGRAM);
  for (const auto& datagram : source.out.datagrams) {
    CHECK(datagram.attrs.size() == 1);
    CHECK(datagram.attrs.at("peer").starts_with("127.0.0.1:"));
    CHECK(datagram.observed_unix_ns == source.host.unix_ns());
  }
  CHECK(source.out.datagrams[2].position == 20);
  CHECK(source.out.gaps.empty());
  CHECK(source.host.metric("datagrams") == 3);
  CHECK_FALSE(source.is_ready());
  CHECK_FALSE(source.out.wake_at_mono_ns);  // silence costs nothing
  CHECK(source.out.faults.empty());
}

TEST_CASE("every address is listened at, written down, and told with its receive buffer",
          "[plugins][udp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  const std::string third = has_ipv6() ? "[::1]:0" : "127.0.0.2:0";
  UdpSource source(Texts{{"address", "127.0.0.1:0,127.0.0.1:0," + third + ",unix:" + path},
                         {"receive_buffer", "64KiB"}});
  source.require_start();
  const std::vector<std::string> addresses = source.addresses();
  REQUIRE(addresses.size() == 4);
  CHECK(addresses[0] != addresses[1]);
  CHECK(addresses[3] == "unix:" + path);
  std::vector<Client> devices;
  for (const std::string& address : addresses) {
    devices.push_back(sender_to(address));
    REQUIRE(devices.back().send_datagram("to " + address));
  }
  source.poll_until([&] { return source.out.datagrams.size() == 4; });
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto found = std::ranges::find(source.out.datagrams, "to " + addresses[i],
                                         &kifa::testing::FakeEmitter::Datagram::bytes);
    REQUIRE(found != source.out.datagrams.end());
    CHECK(found->stream == i + 1);
  }
  const auto has_peer = [&](const std::string& name) {
    return std::ranges::count_if(source.out.datagrams, [&](const auto& datagram) {
      return datagram.attrs.at("peer").starts_with(name);
    });
  };
  CHECK(has_peer(third.starts_with('[') ? "[::1]:" : "127.0.0.1:") >= 1);
  CHECK(has_peer("unix:uid=" + std::to_string(::getuid()) + ",pid=" + std::to_string(::getpid())) ==
        1);
  const auto logs = source.host.logs();
  const auto told = std::ranges::count_if(logs, [](const auto& line) {
    return line.level == KIFA_LOG_INFO && line.message.ends_with("receive buffer of 64 KiB");
  });
  CHECK(told == 3);
  source.stop();
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(source.addresses().empty());
}

TEST_CASE("a datagram of any length comes whole", "[plugins][udp][W17]") {
  UdpSource source;
  source.require_start();
  Client device = sender_to(source.address());
  const std::string longest(65'507, 'x');
  REQUIRE(device.send_datagram(longest.substr(0, 9003)));
  REQUIRE(device.send_datagram(longest));
  source.poll_until([&] { return source.out.datagrams.size() == 2; });
  CHECK(source.payloads() == std::vector{longest.substr(0, 9003), longest});
  CHECK(source.out.gaps.empty());
}

TEST_CASE("a datagram that is cut says how long it was, and what is lost is told once a poll",
          "[plugins][udp][W17]") {
  UdpSource source(Texts{{"datagram_bytes_max", "512"}});
  source.require_start();
  Client device = sender_to(source.address());
  REQUIRE(device.send_datagram(std::string(512, 'a')));
  REQUIRE(device.send_datagram(std::string(513, 'b')));
  REQUIRE(device.send_datagram(std::string(9003, 'c')));
  source.poll_until([&] { return source.out.datagrams.size() == 3; });
  CHECK(source.payloads() ==
        std::vector{std::string(512, 'a'), std::string(512, 'b'), std::string(512, 'c')});
  CHECK(source.out.datagrams[0].attrs.count("datagram_bytes") == 0);
  CHECK(source.out.datagrams[1].attrs.at("datagram_bytes") == "513");
  CHECK(source.out.datagrams[2].attrs.at("datagram_bytes") == "9003");
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_TRUNCATED);
  CHECK(source.out.gaps[0].bytes == 1 + 9003 - 512);
  CHECK(source.out.gaps[0].detail.find("datagram_bytes_max (512 bytes)") != std::string::npos);
  CHECK(source.host.metric("datagrams_truncated") == 2);
  CHECK(source.warnings("raise it") == 1);
}

TEST_CASE("every datagram arrives once and in order, whatever the room", "[plugins][udp]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  UdpSource source;
  source.require_start();
  Client device = sender_to(source.address());
  std::vector<std::string> sent;
  for (int round = 0; round < 300; ++round) {
    for (std::size_t left = random() % 8; left > 0; --left) {
      sent.push_back(std::to_string(sent.size()) +
                     std::string(random() % (random() % 10 == 0 ? 60'000 : 300), '.'));
      REQUIRE(device.send_datagram(sent.back()));
    }
    source.out.set_capacity(random() % 3 == 0 ? 0 : random() % 100'000);
    if (random() % 4 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    const kifa_status status = source.poll();
    INFO(source.message());
    REQUIRE(status >= 0);
  }
  source.poll_until_dry();
  CHECK(source.payloads() == sent);
  CHECK(source.out.gaps.empty());
  CHECK(source.out.faults.empty());
}

TEST_CASE("a sender that floods one address does not keep the others waiting", "[plugins][udp]") {
  UdpSource source(Texts{{"address", "127.0.0.1:0,127.0.0.1:0"}});
  source.require_start();
  Client flood = sender_to(source.addresses().at(0));
  Client till = sender_to(source.addresses().at(1));
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(flood.send_datagram("x"));
  }
  REQUIRE(till.send_datagram("a sale"));
  for (int turn = 0; turn < 2; ++turn) {
    source.out.set_capacity(UdpSource::kRoom);
    CHECK(source.poll(0) == KIFA_OK);  // one turn
  }
  CHECK(source.bytes_of(2) == "a sale");
  CHECK(source.bytes_of(1).size() == 64);
  source.poll_until_dry();
  CHECK(source.bytes_of(1).size() == 1000);
}

TEST_CASE("without room nothing is received, and the descriptors are not waited for",
          "[plugins][udp]") {
  UdpSource source;
  source.require_start();
  Client device = sender_to(source.address());
  REQUIRE(device.send_datagram("waits"));
  source.out.set_capacity(0);
  REQUIRE(source.poll() >= 0);
  CHECK(source.out.datagrams.empty());
  for (const kifa_fd& fd : source.descriptors()) {
    CHECK(fd.flags == KIFA_FD_INPUT);
  }
  source.poll_until_dry();
  CHECK(source.payloads() == std::vector{"waits"s});
}

TEST_CASE("who is not in `allow` is dropped, counted and told once", "[plugins][udp][W35]") {
  UdpSource source(Texts{{"allow", "127.0.0.1,10.0.0.0/8"}});
  source.require_start();
  Client stranger(AF_INET, SOCK_DGRAM);
  stranger.come_from("127.0.0.2");
  stranger.connect(source.address());
  REQUIRE(stranger.send_datagram("forged"));
  REQUIRE(stranger.send_datagram("forged again"));
  Client till(AF_INET, SOCK_DGRAM);
  till.come_from("127.0.0.1");
  till.connect(source.address());
  REQUIRE(till.send_datagram("a sale"));
  source.poll_until([&] { return !source.out.datagrams.empty(); });
  CHECK(source.payloads() == std::vector{"a sale"s});
  CHECK(source.host.metric("datagrams_refused") == 2);
  CHECK(source.warnings("127.0.0.2") == 1);
  CHECK(source.warnings("`allow`") == 1);
}

TEST_CASE("an interface or address that is not there may come later", "[plugins][udp]") {
  UdpSource interface(Texts{{"address", "239.255.77.1:0"}, {"interface", "till7"}});
  CHECK(interface.start() == KIFA_UNAVAILABLE);
  CHECK(interface.message().find("no network interface `till7`") != std::string::npos);
  UdpSource address(Texts{{"address", "192.0.2.1:5140"}});
  CHECK(address.start() == KIFA_UNAVAILABLE);
  CHECK(address.message().find("does not have the address") != std::string::npos);
}

TEST_CASE("an address has one owner, a stale socket none", "[plugins][udp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  for (const std::string& address : {"127.0.0.1:0"s, "unix:" + path}) {
    INFO(address);
    UdpSource first(Texts{{"address", address}});
    first.require_start();
    UdpSource second(Texts{{"address", first.address()}});
    CHECK(second.start() == KIFA_LOCKED);
    CHECK(second.message().find("another program listens there") != std::string::npos);
    CHECK(second.addresses().empty());
  }
  {
    UdpSource killed(Texts{{"address", "unix:" + path}});
    killed.require_start();
    std::filesystem::rename(path, path + ".kept");
  }
  std::filesystem::rename(path + ".kept", path);
  UdpSource next(Texts{{"address", "unix:" + path}});
  next.require_start();
  REQUIRE(sender_to("unix:" + path).send_datagram("a sale"));
  next.poll_until([&] { return next.out.datagrams.size() == 1; });
}

TEST_CASE("a stream that the host has ended is followed by another", "[plugins][udp]") {
  UdpSource source;
  source.require_start();
  Client device = sender_to(source.address());
  REQUIRE(source.poll() == KIFA_AGAIN);
  REQUIRE(device.send_datagram("refused by a framing"));
  REQUIRE(device.send_datagram("taken"));
  source.out.fail_next(KIFA_NO_MEMORY);
  source.poll_until([&] { return source.out.datagrams.size() == 1; });
  CHECK(source.bytes_of(2) == "taken");
  CHECK(source.out.datagrams[0].position == 0);
  CHECK(source.out.faults.empty());
}

TEST_CASE("after a stop it can start again, with new stream numbers", "[plugins][udp]") {
  UdpSource source;
  for (std::uint64_t stream = 1; stream <= 2; ++stream) {
    source.require_start();
    REQUIRE(sender_to(source.address()).send_datagram("x"));
    source.poll_until([&] { return source.out.datagrams.size() == stream; });
    CHECK(source.out.datagrams.back().stream == stream);
    source.stop();
  }
  CHECK(source.out.faults.empty());
}

TEST_CASE("descriptors that a sender attaches are not kept", "[plugins][udp]") {
  const TemporaryDirectory directory;
  UdpSource source(Texts{{"address", "unix:" + directory.file("till.sock")}});
  source.require_start();
  Client device = sender_to(source.address());
  const auto open_count = [] {
    const std::filesystem::directory_iterator open("/proc/self/fd");
    return std::distance(begin(open), end(open));
  };
  const auto before = open_count();
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
  char byte = 'x';
  iovec piece{.iov_base = &byte, .iov_len = 1};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const attached = CMSG_FIRSTHDR(&message);
  *attached = {
      .cmsg_len = CMSG_LEN(4 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  const int many[4] = {0, 0, 0, 0};
  std::memcpy(CMSG_DATA(attached), many, sizeof many);
  REQUIRE(::sendmsg(device.fd(), &message, 0) == 1);
  source.poll_until([&] { return source.out.datagrams.size() == 1; });
  CHECK(open_count() == before);
}

TEST_CASE("settings that cannot be meant are told with a remedy", "[plugins][udp][W39]") {
  const struct {
    Texts texts;
    const char* words;
  } cases[] = {
      {{{"address", "localhost:5140"}}, "address: `localhost:5140` begins with no IP address"},
      {{{"address", ""}}, "address: name 1 to 256"},
      {{{"address", "127.0.0.1:5140,127.0.0.1:5140"}}, "is there twice"},
      {{{"address", "127.0.0.1:0"}, {"interface", "eth0"}}, "no multicast group in `address`"},
      {{{"address", "239.1.2.3:0"}, {"interface", ""}}, "interface: name 1 to 16"},
      {{{"address", "239.1.2.3:0"}, {"interface", "lo,lo"}}, "interface: `lo` is there twice"},
      {{{"address", "239.1.2.3:0"}, {"interface", "an-interface-name"}}, "1 to 15 bytes"},
      {{{"address", "[ff02::1]:0"}}, "name its interface"},
      {{{"address", "[fe80::1]:0"}}, "name its interface"},
      {{{"address", "[ff02::1]:0"}, {"interface", "lo,eth0"}}, "name its interface"},
      {{{"address", "127.0.0.1:0"}, {"allow", "10.1.2.3/16"}}, "write 10.1.0.0/16"},
  };
  for (const auto& one : cases) {
    INFO(one.words);
    kifa::testing::FakeHost host;
    kifa::testing::TestInstance instance(*kifa_builtin_udp(), host);
    CHECK(instance.configure(one.texts) == KIFA_INVALID);
    INFO(instance.message());
    CHECK(instance.message().find(one.words) != std::string::npos);
  }
}

}  // namespace
