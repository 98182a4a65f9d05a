#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/unit/plugins/udp_source.hpp"

using kifa::plugins::testing::UdpSource;
using kifa::test::Client;

using namespace std::string_literals;

namespace {

using Texts = UdpSource::Texts;

// Sends to a group on one interface.
Client sender_to_group(const std::string& address, const std::string& interface) {
  Client device(Client::family_of(address), SOCK_DGRAM);
  const int index = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (Client::family_of(address) == AF_INET6) {
    ::setsockopt(device.fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
  } else {
    const ip_mreqn there{.imr_multiaddr = {}, .imr_address = {}, .imr_ifindex = index};
    const int not_beyond_this_machine = 0;
    ::setsockopt(device.fd(), IPPROTO_IP, IP_MULTICAST_IF, &there, sizeof there);
    ::setsockopt(device.fd(), IPPROTO_IP, IP_MULTICAST_TTL, &not_beyond_this_machine,
                 sizeof not_beyond_this_machine);
  }
  device.connect(address);
  return device;
}

// `group` and `other` have the same port.
void hear_group(const std::string& group, const std::string& other, const std::string& interface) {
  INFO(group << " on " << interface);
  UdpSource first(Texts{{"address", group + ":0"}, {"interface", interface}});
  first.require_start();
  const std::string address = first.address();
  UdpSource second(Texts{{"address", address}, {"interface", interface}});
  second.require_start();
  // Joined by the machine, and not by these sockets.
  const std::string other_address = other + address.substr(address.rfind(':'));
  UdpSource third(Texts{{"address", other_address}, {"interface", interface}});
  third.require_start();
  REQUIRE(sender_to_group(other_address, interface).send_datagram("for others"));
  REQUIRE(sender_to_group(address, interface).send_datagram("for all"));
  for (UdpSource* source : {&first, &second}) {
    source->poll_until([&] { return !source->out.datagrams.empty(); });
    CHECK(source->payloads() == std::vector{"for all"s});
  }
  third.poll_until([&] { return !third.out.datagrams.empty(); });
  CHECK(third.payloads() == std::vector{"for others"s});
}

TEST_CASE("a multicast group is joined, and any number of programs hear it", "[plugins][udp]") {
  hear_group("239.255.77.1", "239.255.77.2", "lo");
}

// An interface beside the loopback that has IPv4, or IPv6 of its link.
std::string other_interface(int family) {
  ifaddrs* first = nullptr;
  REQUIRE(::getifaddrs(&first) == 0);
  std::string name;
  for (const ifaddrs* one = first; one != nullptr && name.empty(); one = one->ifa_next) {
    constexpr unsigned kWanted = IFF_UP | IFF_MULTICAST;
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != family ||
        (one->ifa_flags & (kWanted | IFF_LOOPBACK)) != kWanted) {
      continue;
    }
    const auto* of_ipv6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
    if (family == AF_INET || IN6_IS_ADDR_LINKLOCAL(&of_ipv6->sin6_addr)) {
      name = one->ifa_name;
    }
  }
  ::freeifaddrs(first);
  return name;
}

TEST_CASE("a group is heard on the interfaces that are named, and on no other", "[plugins][udp]") {
  const std::string interface = other_interface(AF_INET);
  if (interface.empty()) {
    WARN("this machine has one interface: nothing was tested");
    return;
  }
  UdpSource here(Texts{{"address", "239.255.77.1:0"}, {"interface", "lo"}});
  here.require_start();
  const std::string address = here.address();
  UdpSource there(Texts{{"address", address}, {"interface", interface}});
  there.require_start();
  UdpSource both(Texts{{"address", address}, {"interface", "lo," + interface}});
  both.require_start();
  REQUIRE(sender_to_group(address, interface).send_datagram("there"));
  REQUIRE(sender_to_group(address, "lo").send_datagram("here"));
  const auto heard = [](UdpSource& source, std::size_t count) {
    source.poll_until([&] { return source.out.datagrams.size() >= count; });
    source.poll_until_dry();
    return source.payloads();
  };
  CHECK(heard(both, 2) == std::vector{"there"s, "here"s});
  CHECK(heard(there, 1) == std::vector{"there"s});
  CHECK(heard(here, 1) == std::vector{"here"s});
}

TEST_CASE("a multicast group of IPv6 is joined on its interface", "[plugins][udp]") {
  const std::string interface = other_interface(AF_INET6);
  if (interface.empty()) {
    WARN("no interface of this machine has IPv6: nothing was tested");
    return;
  }
  hear_group("[ff01::7701]", "[ff01::7702]", interface);  // never leaves the machine
}

}  // namespace
