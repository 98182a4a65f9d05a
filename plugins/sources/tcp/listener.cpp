#include "plugins/sources/tcp/listener.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace kifa::plugins::tcp_source {

namespace {

// Connections that the kernel completes while we are busy; it may cut this to its own limit.
constexpr int kBacklog = 1024;

}  // namespace

sdk::Status Listener::open(const Address& address, std::unique_ptr<Listener>& opened) {
  std::unique_ptr<BoundSocket> socket;
  if (sdk::Status created = BoundSocket::create(address, SOCK_STREAM, socket); created.failed()) {
    return created;
  }
  // After a restart the port is free at once, whatever old connections linger.
  if (!address.is_unix() && !socket->set_number(SOL_SOCKET, SO_REUSEADDR, 1)) {
    return socket->failure(errno);
  }
  if (sdk::Status bound = socket->bind(); bound.failed()) {
    return bound;
  }
  if (::listen(socket->fd(), kBacklog) != 0) {
    return socket->failure(errno);
  }
  opened.reset(new Listener(std::move(socket)));
  return {};
}

Listener::Listener(std::unique_ptr<BoundSocket> socket) : socket_(std::move(socket)) {}

}  // namespace kifa::plugins::tcp_source
