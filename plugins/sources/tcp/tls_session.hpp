#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "plugins/sources/tcp/tls_context.hpp"

namespace kifa::plugins::tcp_source {

// TLS over one connection, on our side of it; never waits.
//
// Threads: confined.
// Errors:  after `failed` the connection is of no more use.
class TlsSession final {
 public:
  // needs_input, needs_output: what the socket must be ready for before it goes on.
  enum class Outcome : std::uint8_t { ok, needs_input, needs_output, ended, failed };

  // Null: out of memory. `fd` stays the caller's and lives longer.
  static std::unique_ptr<TlsSession> open(const TlsContext& context, int fd);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  // Both sides prove themselves; ok: bytes may pass.
  Outcome handshake();
  // Why it failed, for a person: "it does not speak TLS".
  [[nodiscard]] std::string failure() const;
  // Of the certificate that the peer has shown and that was accepted: "CN=till-7,O=Shop"; empty:
  // none was asked for. At most kNameBytesMax.
  [[nodiscard]] std::string peer_certificate() const;
  static constexpr std::size_t kNameBytesMax = 256;

  struct Moved {
    Outcome outcome = Outcome::ok;
    std::size_t bytes = 0;
  };
  Moved receive(std::span<std::uint8_t> into);
  Moved send(sdk::Bytes bytes);
  // Bytes that are here already: the socket will not tell of them.
  [[nodiscard]] bool has_pending() const;

 private:
  TlsSession(TlsContext::Session session, int fd);
  Outcome outcome_of(int result);

  TlsContext::Session session_;
  int fd_;
  unsigned long error_ = 0;  // of OpenSSL, where it failed
};

}  // namespace kifa::plugins::tcp_source
