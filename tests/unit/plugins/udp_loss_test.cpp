#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugins/sources/udp/receiver.hpp"
#include "plugins/sources/udp/senders.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/unit/plugins/udp_source.hpp"

using kifa::plugins::Address;
using kifa::plugins::parse_address;
using kifa::plugins::testing::UdpSource;
using kifa::plugins::udp_source::Receiver;
using kifa::plugins::udp_source::Senders;
using kifa::test::Client;
using kifa::test::TemporaryDirectory;

// What is sent is what was received and what is told as lost, exactly.
namespace {

using Texts = UdpSource::Texts;

constexpr const char* kSmallBuffer = "4KiB";  // some ten datagrams
constexpr std::uint64_t kMany = 500;

void send_numbered(Client& device, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string text = std::to_string(first + i);
    text.resize(130, ' ');
    REQUIRE(device.send_datagram(text));
  }
}

TEST_CASE("what the kernel drops behind the last datagram is told without another one",
          "[plugins][udp][W16]") {
  UdpSource source(Texts{{"receive_buffer", kSmallBuffer}});
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  send_numbered(device, 0, kMany);
  source.poll_until_dry();
  const std::size_t received = source.out.datagrams.size();
  REQUIRE(received > 0);
  REQUIRE(received < kMany);
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_OVERFLOW);
  CHECK(source.out.gaps[0].records == kMany - received);
  CHECK(source.out.gaps[0].stream == 1);
  CHECK(source.out.gaps[0].detail == "datagrams that the kernel dropped at " + source.address());
  CHECK(source.host.metric("datagrams_lost") == static_cast<double>(kMany - received));
  CHECK(source.warnings("raise receive_buffer") == 1);
  source.poll_until_dry();
  CHECK(source.out.gaps.size() == 1);  // told once
}

TEST_CASE("a loss is told with the datagrams that came behind it", "[plugins][udp][W16]") {
  UdpSource source(Texts{{"receive_buffer", kSmallBuffer}});
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  send_numbered(device, 0, kMany);
  // Some are taken out, so that there is room for the one that knows of the loss.
  for (int i = 0; i < 5; ++i) {
    source.out.set_capacity(130);
    REQUIRE(source.poll() == KIFA_OK);
  }
  CHECK(source.out.gaps.empty());
  send_numbered(device, kMany, 1);
  // No poll finds the socket empty, so nobody asks.
  while (source.out.datagrams.back().bytes.find(std::to_string(kMany)) != 0) {
    REQUIRE(source.out.gaps.empty());
    source.out.set_capacity(130);
    REQUIRE(source.poll() == KIFA_OK);
  }
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].records == kMany + 1 - source.out.datagrams.size());
}

TEST_CASE("received and lost are what was sent, whatever the pace", "[plugins][udp][W16]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  UdpSource source(Texts{{"receive_buffer", kSmallBuffer}});
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  std::uint64_t sent = 0;
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t count = random() % 40;
    send_numbered(device, sent, count);
    sent += count;
    source.out.set_capacity(random() % 3 == 0 ? 0 : random() % 3000);
    if (random() % 8 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    REQUIRE(source.poll() >= 0);
  }
  source.poll_until_dry();
  CHECK(source.lost_records() > 0);
  CHECK(source.out.datagrams.size() + source.lost_records() == sent);
  // In order, each once: numbers only rise.
  std::uint64_t next = 0;
  for (const auto& datagram : source.out.datagrams) {
    const std::uint64_t number = std::stoull(datagram.bytes);
    REQUIRE(number >= next);
    next = number + 1;
  }
  CHECK(source.out.faults.empty());
}

TEST_CASE("a stop takes in what the kernel has accepted, and counts what still comes",
          "[plugins][udp][W20]") {
  UdpSource source;
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  REQUIRE(source.poll() == KIFA_AGAIN);
  send_numbered(device, 0, kMany);
  source.out.set_draining();
  source.out.set_capacity(130);
  CHECK(source.poll() == KIFA_OK);
  send_numbered(device, kMany, 20);  // the doors are closed by now
  kifa_status status = KIFA_OK;
  while (status == KIFA_OK) {
    source.out.set_capacity(10'000);
    status = source.poll();
  }
  CHECK(status == KIFA_END);
  CHECK(source.out.datagrams.size() == kMany);
  CHECK(source.lost_records() == 20);
  CHECK(source.out.gaps.back().detail.find("while kifa was stopping") != std::string::npos);
  device.send_datagram("nobody");  // the first one may not know yet
  CHECK_FALSE(device.send_datagram("nobody"));
  source.stop();
}

TEST_CASE("a stop with losses before it tells them too", "[plugins][udp][W20]") {
  UdpSource source(Texts{{"receive_buffer", kSmallBuffer}});
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  send_numbered(device, 0, kMany);
  source.out.set_draining();
  CHECK(source.poll() == KIFA_END);
  CHECK(source.out.datagrams.size() + source.lost_records() == kMany);
  CHECK(source.out.gaps.back().detail.find("the kernel dropped") != std::string::npos);
}

TEST_CASE("at a unix socket nothing is lost: its senders wait, and hear of a stop",
          "[plugins][udp][W16]") {
  const TemporaryDirectory directory;
  UdpSource source(Texts{{"address", "unix:" + directory.file("till.sock")}});
  source.require_start();
  Client device(source.address(), SOCK_DGRAM);
  std::uint64_t sent = 0;
  for (int round = 0; round < 20; ++round) {
    while (::send(device.fd(), "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
      ++sent;
    }
    CHECK(errno == EAGAIN);
    source.poll_until_dry();
    CHECK(source.out.datagrams.size() == sent);
  }
  CHECK(source.out.gaps.empty());
  REQUIRE(device.send_datagram("the last one"));
  source.out.set_draining();
  source.out.set_capacity(0);
  CHECK(source.poll() == KIFA_OK);
  CHECK_FALSE(device.send_datagram("too late"));
  source.out.set_capacity(UdpSource::kRoom);
  CHECK(source.poll() == KIFA_END);
  CHECK(source.out.datagrams.back().bytes == "the last one");
}

// This thread may not do what CAP_NET_ADMIN allows, while it lives.
class NotAdministrator final {
 public:
  NotAdministrator() {
    REQUIRE(::syscall(SYS_capget, &header_, before_) == 0);
    __user_cap_data_struct without[2] = {before_[0], before_[1]};
    without[0].effective &= ~(1U << CAP_NET_ADMIN);
    REQUIRE(::syscall(SYS_capset, &header_, without) == 0);
  }
  NotAdministrator(const NotAdministrator&) = delete;
  NotAdministrator& operator=(const NotAdministrator&) = delete;
  ~NotAdministrator() { ::syscall(SYS_capset, &header_, before_); }

  // Without it.
  [[nodiscard]] bool would_be() const {
    return (before_[0].effective & (1U << CAP_NET_ADMIN)) != 0;
  }

 private:
  __user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct before_[2] = {};
};

TEST_CASE("a receive buffer beyond the limit is told, with what is granted and the remedy",
          "[plugins][udp][W16]") {
  std::uint64_t limit = 0;
  std::ifstream("/proc/sys/net/core/rmem_max") >> limit;
  if (limit == 0 || limit >= 512U << 20U) {
    WARN("this machine shows no limit, or one that is too high to reach: nothing was tested");
    return;
  }
  UdpSource source(Texts{{"receive_buffer", "512MiB"}});
  bool may_more = false;
  {
    const NotAdministrator not_administrator;
    may_more = not_administrator.would_be();
    source.require_start();
  }
  CHECK(source.warnings("instead of the 512 MiB of receive_buffer") == 1);
  CHECK(source.warnings("sysctl -w net.core.rmem_max=536870912") == 1);

  UdpSource modest(Texts{{"receive_buffer", std::to_string(limit)}});
  {
    const NotAdministrator not_administrator;
    modest.require_start();
  }
  CHECK(modest.warnings("") == 0);

  UdpSource administrator(Texts{{"receive_buffer", std::to_string(2 * limit)}});
  administrator.require_start();
  CHECK(administrator.warnings("instead of") == (may_more ? 0 : 1));
}

TEST_CASE("the kernel's count of drops may come late, and goes round", "[plugins][udp][W16]") {
  Receiver::Options options;
  options.receive_buffer_bytes = 1 << 20;
  REQUIRE(parse_address("127.0.0.1:0", options.address).is_ok());
  std::unique_ptr<Receiver> receiver;
  REQUIRE(Receiver::open(options, receiver).is_ok());
  receiver->ask_drops();
  CHECK(receiver->lost() == 0);
  receiver->note_drops(10);
  receiver->note_drops(7);
  CHECK(receiver->lost() == 10);
  receiver->forget_lost();
  receiver->note_drops(10);
  CHECK(receiver->lost() == 0);
  for (const std::uint32_t count : {0x7000'0000U, 0xE000'0000U, 0xFFFF'FFFEU}) {
    receiver->note_drops(count);
  }
  receiver->forget_lost();
  receiver->note_drops(3);
  CHECK(receiver->lost() == 5);
}

TEST_CASE("senders are remembered up to a limit, and each has its own name", "[plugins][udp]") {
  Senders senders;
  Address from;
  REQUIRE(parse_address("10.0.0.7:1", from).is_ok());
  const auto name_of = [&](std::uint16_t port) {
    sockaddr_in name{};
    std::memcpy(&name, &from.storage, sizeof name);
    name.sin_port = htons(port);
    std::memcpy(&from.storage, &name, sizeof name);
    return senders.find({.bytes = {}, .sent_bytes = 0, .from = from, .owner = {}, .drops = {}})
        .name;
  };
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t port = 1; port <= 3 * Senders::kSendersMax; ++port) {
      REQUIRE(name_of(port) == "10.0.0.7:" + std::to_string(port));
      REQUIRE(senders.size() <= Senders::kSendersMax);
    }
  }
}

}  // namespace
