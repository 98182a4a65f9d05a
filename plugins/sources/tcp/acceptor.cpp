#include "plugins/sources/tcp/acceptor.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// A peer that answers none of these in a row is gone.
constexpr int kProbeCount = 6;
constexpr int kProbeSecondsMax = 10;

void set_number(int fd, int level, int name, int value) {
  // A socket works without; there is nothing to be done about a kernel that refuses.
  static_cast<void>(::setsockopt(fd, level, name, &value, sizeof value));
}

std::string name_of(const Address& from, int fd) {
  if (!from.is_unix()) {
    return from.text();
  }
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
    return "unix:";
  }
  return "unix:uid=" + std::to_string(who.uid) + ",pid=" + std::to_string(who.pid);
}

}  // namespace

sdk::Status Acceptor::open(const Options& options) {
  options_ = options;
  keep_reserve();
  for (const Address& address : options_.addresses) {
    std::unique_ptr<Listener> opened;
    if (sdk::Status status = Listener::open(address, opened); status.failed()) {
      close();
      return status;
    }
    listeners_.push_back(std::move(opened));
  }
  return {};
}

void Acceptor::close() {
  listeners_.clear();
  reserve_.close();
}

std::vector<Address> Acceptor::addresses() const {
  std::vector<Address> all;
  for (const std::unique_ptr<Listener>& listener : listeners_) {
    all.push_back(listener->address());
  }
  return all;
}

void Acceptor::keep_reserve() {
  if (!reserve_.is_open()) {
    reserve_ = Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
}

Acceptor::Outcome Acceptor::accept(const Listener& listener, bool is_full, Peer& peer) {
  Address from;
  from.size = sizeof from.storage;
  Descriptor socket(::accept4(listener.fd(), from.raw(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket.is_open()) {
    return without_connection(listener, errno);
  }
  keep_reserve();
  if (listener.address().is_unix()) {
    from.storage.ss_family = AF_UNIX;  // a client without a name may leave it unset
  }
  std::string name = name_of(from, socket.get());
  if (!allows(options_.allow, from)) {
    notices_.tell(Notice::not_allowed, name + " is turned away: `allow` does not name its address");
    return Outcome::turned_away;
  }
  if (is_full) {
    notices_.tell(Notice::full,
                  name +
                      " is turned away: there are as many connections as there may be; raise "
                      "max_connections, or close silent ones with idle_timeout");
    return Outcome::turned_away;
  }
  prepare(socket.get(), from);
  peer = {std::move(socket), std::move(name)};
  return Outcome::accepted;
}

Acceptor::Outcome Acceptor::without_connection(const Listener& listener, int error) {
  switch (error) {
    case EAGAIN:
      return Outcome::nobody;
    case EMFILE:
    case ENFILE:
      return turn_away(listener);
    case ENOBUFS:
    case ENOMEM:
      return Outcome::starved;
    case EBADF:
    case EFAULT:
    case EINVAL:
    case ENOTSOCK:
      return Outcome::failed;
    default:
      return Outcome::turned_away;  // this connection broke before it began; there may be others
  }
}

// The kernel looks for a free descriptor before it looks for a connection: there may be none.
Acceptor::Outcome Acceptor::turn_away(const Listener& listener) {
  if (!reserve_.is_open()) {
    return Outcome::starved;
  }
  reserve_.close();
  Descriptor socket(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int error = errno;
  const bool was_there = socket.is_open();
  socket.close();
  keep_reserve();
  if (was_there) {
    notices_.tell(Notice::no_descriptor,
                  "a connection is turned away: the process has no file descriptor left; raise its "
                  "limit (ulimit -n, LimitNOFILE) or lower max_connections");
    return Outcome::turned_away;
  }
  return error == EAGAIN ? Outcome::nobody : Outcome::starved;
}

void Acceptor::prepare(int fd, const Address& from) const {
  if (from.is_unix()) {
    return;
  }
  set_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);  // an answer is worth a packet of its own
  if (options_.keep_alive_ns == 0) {
    return;
  }
  const int seconds =
      static_cast<int>(std::max<std::int64_t>(options_.keep_alive_ns / kSecondNs, 1));
  set_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, std::min(seconds, kProbeSecondsMax));
  set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbeCount);
}

std::size_t raise_descriptor_limit(std::size_t needed) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return needed;
  }
  if (limit.rlim_cur < needed && limit.rlim_cur < limit.rlim_max) {
    const rlimit raised{std::min<rlim_t>(needed, limit.rlim_max), limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
      limit = raised;
    }
  }
  return limit.rlim_cur;
}

}  // namespace kifa::plugins::tcp_source
