#include "plugins/sources/tcp/channel.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace kifa::plugins::tcp_source {

Channel::Received Channel::receive(std::span<std::uint8_t> into) {
  if (tls_ != nullptr) {
    return receive_tls(into);
  }
  const ssize_t got = ::recv(fd(), into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return {};
  }
  if (got <= 0) {
    return {.has_ended = true};
  }
  const auto bytes = static_cast<std::size_t>(got);
  return {.bytes = bytes, .has_more = bytes == into.size()};
}

Channel::Received Channel::receive_tls(std::span<std::uint8_t> into) {
  Received received;
  while (received.bytes < into.size()) {
    const TlsSession::Moved moved = tls_->receive(into.subspan(received.bytes));
    received.bytes += moved.bytes;
    if (moved.outcome == TlsSession::Outcome::needs_input) {
      return received;
    }
    if (moved.outcome != TlsSession::Outcome::ok) {
      // Also needs_output: TLS itself has something to say, and the peer has not read for so long
      // that the socket takes nothing. To wait for it would keep its input ready for ever.
      received.has_ended = true;
      return received;
    }
  }
  received.has_more = true;
  return received;
}

Channel::Sent Channel::send(sdk::Bytes bytes) {
  if (tls_ != nullptr) {
    return send_tls(bytes);
  }
  Sent sent;
  while (sent.bytes < bytes.size()) {
    const sdk::Bytes left = bytes.subspan(sent.bytes);
    const ssize_t taken = ::send(fd(), left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken >= 0) {
      sent.bytes += static_cast<std::size_t>(taken);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      sent.is_gone = true;
      break;
    }
  }
  return sent;
}

Channel::Sent Channel::send_tls(sdk::Bytes bytes) {
  Sent sent;
  while (sent.bytes < bytes.size()) {
    const TlsSession::Moved moved = tls_->send(bytes.subspan(sent.bytes));
    sent.bytes += moved.bytes;
    if (moved.outcome != TlsSession::Outcome::ok) {
      sent.is_gone = moved.outcome == TlsSession::Outcome::failed ||
                     moved.outcome == TlsSession::Outcome::ended;
      break;
    }
  }
  return sent;
}

}  // namespace kifa::plugins::tcp_source
