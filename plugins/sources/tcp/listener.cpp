#include "plugins/sources/tcp/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

// Connections that the kernel completes while we are busy; it may cut this to its own limit.
constexpr int kBacklog = 1024;

sdk::Status failed(const Address& address, int error) {
  const std::string where = "cannot listen on " + address.text();
  switch (error) {
    case EADDRINUSE:
      return {KIFA_LOCKED,
              where + ": another program listens there; stop it or choose another address", error};
    case EADDRNOTAVAIL:
      return {KIFA_UNAVAILABLE, where + ": this machine does not have the address", error};
    case EAFNOSUPPORT:
      return {KIFA_UNSUPPORTED, where + ": this machine has no such kind of address", error};
    case ENOENT:
    case ENOTDIR:
      return {KIFA_INVALID, where + ": its folder is not there; make it first", error};
    case EACCES:
    case EPERM:
      return {KIFA_IO,
              where + (address.is_unix()
                           ? ": no permission to make a socket in that folder"
                           : ": no permission; ports below 1024 need CAP_NET_BIND_SERVICE"),
              error};
    default:
      return {KIFA_IO, sdk::Status::from_errno(error, where).message(), error};
  }
}

// Makes way for a socket at the path, if what is there is one that nobody serves.
sdk::Status remove_stale(const Address& address) {
  const std::string path = address.path();
  struct stat before{};
  if (::lstat(path.c_str(), &before) != 0) {
    return errno == ENOENT ? sdk::Status() : failed(address, errno);
  }
  if (!S_ISSOCK(before.st_mode)) {
    return sdk::Status::invalid("cannot listen on " + address.text() +
                                ": something that is no socket is there; remove it or choose "
                                "another path");
  }
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) {
    return failed(address, errno);
  }
  // EAGAIN: its queue is full, so somebody has it open.
  if (::connect(probe.get(), address.raw(), address.size) == 0 || errno == EAGAIN) {
    return failed(address, EADDRINUSE);
  }
  if (errno != ECONNREFUSED && errno != ENOENT) {
    return failed(address, errno);
  }
  struct stat now{};
  if (::lstat(path.c_str(), &now) == 0 &&
      (now.st_dev != before.st_dev || now.st_ino != before.st_ino)) {
    return failed(address, EADDRINUSE);
  }
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? sdk::Status() : failed(address, errno);
}

bool set_flag(int fd, int level, int name) {
  const int on = 1;
  return ::setsockopt(fd, level, name, &on, sizeof on) == 0;
}

}  // namespace

sdk::Status Listener::open(const Address& address, std::unique_ptr<Listener>& opened) {
  Descriptor socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) {
    return failed(address, errno);
  }
  // After a restart the port is free at once, whatever old connections linger.
  if (!address.is_unix() && !set_flag(socket.get(), SOL_SOCKET, SO_REUSEADDR)) {
    return failed(address, errno);
  }
  if (address.family() == AF_INET6 && !set_flag(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY)) {
    return failed(address, errno);
  }
  if (address.is_unix()) {
    if (sdk::Status removed = remove_stale(address); removed.failed()) {
      return removed;
    }
  }
  if (::bind(socket.get(), address.raw(), address.size) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return failed(address, errno);
  }
  Address real;
  if (sdk::Status asked = local_address(socket.get(), real); asked.failed()) {
    return asked;
  }
  opened.reset(new Listener(std::move(socket), real));
  return {};
}

Listener::Listener(Descriptor socket, const Address& address)
    : socket_(std::move(socket)), address_(address) {
  struct stat facts{};
  if (address_.is_unix() && ::lstat(address_.path().c_str(), &facts) == 0) {
    path_ = address_.path();
    device_ = facts.st_dev;
    inode_ = facts.st_ino;
  }
}

Listener::~Listener() {
  struct stat facts{};
  if (!path_.empty() && ::lstat(path_.c_str(), &facts) == 0 && facts.st_dev == device_ &&
      facts.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

sdk::Status write_addresses(const std::string& path,
                            const std::vector<std::unique_ptr<Listener>>& listeners) {
  std::string text;
  for (const std::unique_ptr<Listener>& listener : listeners) {
    text += listener->address().text() + "\n";
  }
  const std::string fresh = path + ".new";
  const std::string what = "cannot write listen_address_file " + path;
  const auto refuse = [&](int error) {
    ::unlink(fresh.c_str());
    return sdk::Status(KIFA_IO, sdk::Status::from_errno(error, what).message(), error);
  };
  Descriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) {
    return refuse(errno);
  }
  std::string_view left = text;
  while (!left.empty()) {
    const ssize_t written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno != EINTR) {
      return refuse(errno);
    }
    left.remove_prefix(static_cast<std::size_t>(written < 0 ? 0 : written));
  }
  file.close();
  return ::rename(fresh.c_str(), path.c_str()) == 0 ? sdk::Status() : refuse(errno);
}

}  // namespace kifa::plugins::tcp_source
