#include "plugins/sources/udp/receiver.hpp"

#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kifa::plugins::udp_source {

namespace {

sdk::Status find_interfaces(const std::vector<std::string>& names, std::vector<unsigned>& indexes) {
  for (const std::string& name : names) {
    indexes.push_back(::if_nametoindex(name.c_str()));
    if (indexes.back() == 0) {
      return sdk::Status::unavailable("interface: this machine has no network interface `" + name +
                                      "`; `ip link` shows those that it has");
    }
  }
  return {};
}

}  // namespace

sdk::Status Receiver::open(const Options& options, std::unique_ptr<Receiver>& opened) {
  std::vector<unsigned> interfaces;
  if (sdk::Status found = find_interfaces(options.interfaces, interfaces); found.failed()) {
    return found;
  }
  Address address = options.address;
  if (address.is_of_one_link() && !interfaces.empty()) {
    address.set_link(interfaces.front());
  }
  std::unique_ptr<BoundSocket> socket;
  if (sdk::Status created = BoundSocket::create(address, SOCK_DGRAM, socket); created.failed()) {
    return created;
  }
  if (address.is_multicast() && !socket->set_number(SOL_SOCKET, SO_REUSEADDR, 1)) {
    return socket->failure(errno);
  }
  // Before the first datagram: each tells who sent it, or how many were dropped before it. A kernel
  // that refuses leaves less to be known, and nothing to be done.
  static_cast<void>(
      socket->set_number(SOL_SOCKET, address.is_unix() ? SO_PASSCRED : SO_RXQ_OVFL, 1));
  std::unique_ptr<Receiver> receiver(new Receiver(std::move(socket)));
  if (!address.is_unix()) {
    receiver->enlarge_buffer(options.receive_buffer_bytes);
  }
  if (sdk::Status bound = receiver->socket_->bind(); bound.failed()) {
    return bound;
  }
  if (address.is_multicast()) {
    if (sdk::Status joined = receiver->join(interfaces); joined.failed()) {
      return joined;
    }
  }
  opened = std::move(receiver);
  return {};
}

void Receiver::enlarge_buffer(int bytes) {
  // Past the limit net.core.rmem_max, when kifa may; else as far as that allows.
  if (!socket_->set_number(SOL_SOCKET, SO_RCVBUFFORCE, bytes)) {
    static_cast<void>(socket_->set_number(SOL_SOCKET, SO_RCVBUF, bytes));
  }
  int granted = 0;
  socklen_t size = sizeof granted;
  if (::getsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &granted, &size) == 0 && granted > 0) {
    // The kernel doubles what it is asked for, for its own bookkeeping (socket(7)).
    receive_buffer_bytes_ = static_cast<std::uint64_t>(granted) / 2;
  }
}

sdk::Status Receiver::join(const std::vector<unsigned>& interfaces) const {
  const int level = address().family() == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  // Otherwise the socket would hear of an interface because another program listens there.
  static_cast<void>(
      socket_->set_number(level, level == IPPROTO_IP ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL, 0));
  group_req request{};
  std::memcpy(&request.gr_group, address().raw(), address().size);
  for (std::size_t i = 0; i < std::max<std::size_t>(interfaces.size(), 1); ++i) {
    request.gr_interface = interfaces.empty() ? 0 : interfaces[i];
    if (::setsockopt(fd(), level, MCAST_JOIN_GROUP, &request, sizeof request) == 0) {
      continue;
    }
    const std::string what = "cannot join the multicast group " + address().text();
    if (errno == ENODEV && interfaces.empty()) {
      return sdk::Status::unavailable(
          what + ": no route says on which interface; name it with `interface`");
    }
    return {KIFA_UNAVAILABLE, sdk::Status::from_errno(errno, what).message(), errno};
  }
  return {};
}

void Receiver::stop_taking() const {
  if (address().is_unix()) {
    ::shutdown(fd(), SHUT_RD);
    return;
  }
  // A filter that lets nothing pass. What it drops is counted like any other drop.
  sock_filter nothing{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog program{.len = 1, .filter = &nothing};
  // Without it a sender that never pauses is read until the time for the stop is over.
  static_cast<void>(::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
}

void Receiver::note_drops(std::uint32_t count) {
  // A datagram that waited tells an older number than we have asked for meanwhile.
  const auto more = static_cast<std::int32_t>(count - drops_);
  if (more > 0) {
    lost_ += static_cast<std::uint64_t>(more);
    drops_ = count;
  }
}

void Receiver::ask_drops() {
  std::array<std::uint32_t, SK_MEMINFO_VARS> facts{};
  socklen_t size = sizeof facts;
  if (!address().is_unix() &&
      ::getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, facts.data(), &size) == 0 &&
      size > SK_MEMINFO_DROPS * sizeof facts[0]) {
    note_drops(facts[SK_MEMINFO_DROPS]);
  }
}

}  // namespace kifa::plugins::udp_source
