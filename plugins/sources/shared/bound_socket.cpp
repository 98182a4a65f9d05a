#include "plugins/sources/shared/bound_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

namespace kifa::plugins {

namespace {

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

}  // namespace

sdk::Status BoundSocket::create(const Address& address, int type,
                                std::unique_ptr<BoundSocket>& created) {
  Descriptor socket(::socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) {
    return failed(address, errno);
  }
  created.reset(new BoundSocket(std::move(socket), address, type));
  if (address.family() == AF_INET6 && !created->set_number(IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
    return failed(address, errno);
  }
  return {};
}

BoundSocket::BoundSocket(Descriptor socket, const Address& address, int type)
    : socket_(std::move(socket)), address_(address), type_(type) {}

sdk::Status BoundSocket::bind() {
  if (address_.is_unix()) {
    if (sdk::Status removed = remove_stale(); removed.failed()) {
      return removed;
    }
  }
  if (::bind(socket_.get(), address_.raw(), address_.size) != 0) {
    return failure(errno);
  }
  if (sdk::Status asked = local_address(socket_.get(), address_); asked.failed()) {
    return asked;
  }
  own_file();
  return {};
}

sdk::Status BoundSocket::failure(int error) const { return failed(address_, error); }

bool BoundSocket::set_number(int level, int name, int value) {
  return ::setsockopt(socket_.get(), level, name, &value, sizeof value) == 0;
}

// Makes way for a socket at the path, if what is there is one that nobody serves.
sdk::Status BoundSocket::remove_stale() const {
  const std::string path = address_.path();
  struct stat before{};
  if (::lstat(path.c_str(), &before) != 0) {
    return errno == ENOENT ? sdk::Status() : failure(errno);
  }
  if (!S_ISSOCK(before.st_mode)) {
    return sdk::Status::invalid("cannot listen on " + address_.text() +
                                ": something that is no socket is there; remove it or choose "
                                "another path");
  }
  const Descriptor probe(::socket(AF_UNIX, type_ | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) {
    return failure(errno);
  }
  // EAGAIN: its queue is full, so somebody has it open; EPROTOTYPE: with another type.
  if (::connect(probe.get(), address_.raw(), address_.size) == 0 || errno == EAGAIN ||
      errno == EPROTOTYPE) {
    return failure(EADDRINUSE);
  }
  if (errno != ECONNREFUSED && errno != ENOENT) {
    return failure(errno);
  }
  struct stat now{};
  if (::lstat(path.c_str(), &now) == 0 &&
      (now.st_dev != before.st_dev || now.st_ino != before.st_ino)) {
    return failure(EADDRINUSE);
  }
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? sdk::Status() : failure(errno);
}

void BoundSocket::own_file() {
  struct stat facts{};
  if (address_.is_unix() && ::lstat(address_.path().c_str(), &facts) == 0) {
    path_ = address_.path();
    device_ = facts.st_dev;
    inode_ = facts.st_ino;
  }
}

BoundSocket::~BoundSocket() {
  struct stat facts{};
  if (!path_.empty() && ::lstat(path_.c_str(), &facts) == 0 && facts.st_dev == device_ &&
      facts.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace kifa::plugins
