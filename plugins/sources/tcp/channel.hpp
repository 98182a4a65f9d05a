#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "plugins/sources/shared/descriptor.hpp"
#include "plugins/sources/shared/output.hpp"
#include "plugins/sources/tcp/tls_session.hpp"

namespace kifa::plugins::tcp_source {

// The bytes of one connection, with TLS or without; never waits.
//
// Threads: confined.
// Errors:  a peer that is gone has ended; what came before counts the same.
class Channel final : public Outlet {
 public:
  Channel() = default;
  explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  void set_tls(std::unique_ptr<TlsSession> session) { tls_ = std::move(session); }
  [[nodiscard]] TlsSession* tls() { return tls_.get(); }

  struct Received {
    std::size_t bytes = 0;
    bool has_ended = false;  // behind the bytes
    bool has_more = false;   // perhaps
  };
  Received receive(std::span<std::uint8_t> into);
  // Bytes that are here already: the socket will not tell of them.
  [[nodiscard]] bool has_pending() const { return tls_ != nullptr && tls_->has_pending(); }

  // As much as the peer takes now.
  Sent send(sdk::Bytes bytes) override;

 private:
  Received receive_tls(std::span<std::uint8_t> into);
  Sent send_tls(sdk::Bytes bytes);

  Descriptor socket_;
  std::unique_ptr<TlsSession> tls_;  // uses the socket: goes first
};

}  // namespace kifa::plugins::tcp_source
