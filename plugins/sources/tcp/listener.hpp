#pragma once

#include <kifa/sdk.hpp>

#include <memory>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/shared/bound_socket.hpp"

namespace kifa::plugins::tcp_source {

// A socket that peers connect to; never waits.
//
// Threads: confined.
// Errors:  as BoundSocket.
class Listener final {
 public:
  static sdk::Status open(const Address& address, std::unique_ptr<Listener>& opened);

  [[nodiscard]] int fd() const { return socket_->fd(); }
  // With the real port where 0 was asked for.
  [[nodiscard]] const Address& address() const { return socket_->address(); }

 private:
  explicit Listener(std::unique_ptr<BoundSocket> socket);

  std::unique_ptr<BoundSocket> socket_;
};

}  // namespace kifa::plugins::tcp_source
