#include "plugins/sources/tcp/handshakes.hpp"

#include <memory>
#include <utility>

namespace kifa::plugins::tcp_source {

std::size_t Handshakes::begin(const TlsContext& context, Acceptor::Peer peer) {
  std::size_t given_up = 0;
  if (all_.size() >= limits_.count_max) {
    give_up(all_.begin(), "others wait, and max_handshakes are under way");
    ++given_up;
  }
  const std::uint64_t number = kBit | ++last_;
  Channel channel(std::move(peer.socket));
  channel.set_tls(TlsSession::open(context, channel.fd()));
  if (channel.tls() == nullptr || !epoll_.add(channel.fd(), EPOLLIN, number)) {
    notices_.tell(Notice::no_room, peer.name + " is turned away: there is no room for TLS");
    return given_up + 1;
  }
  all_.emplace(number, Pending{.channel = std::move(channel),
                               .peer = std::move(peer.name),
                               .until_ns = host_.now_mono_ns() + limits_.timeout_ns});
  return given_up;
}

Handshakes::Outcome Handshakes::advance(std::uint64_t number, Proved& proved) {
  const auto found = all_.find(number);
  if (found == all_.end()) {
    return Outcome::unknown;
  }
  Pending& pending = found->second;
  TlsSession& tls = *pending.channel.tls();
  switch (tls.handshake()) {
    case TlsSession::Outcome::needs_input:
      epoll_.change(pending.channel.fd(), EPOLLIN, number);
      return Outcome::waits;
    case TlsSession::Outcome::needs_output:
      epoll_.change(pending.channel.fd(), EPOLLOUT, number);
      return Outcome::waits;
    case TlsSession::Outcome::ok:
      epoll_.remove(pending.channel.fd());
      proved = {.channel = std::move(pending.channel),
                .peer = std::move(pending.peer),
                .certificate = tls.peer_certificate()};
      all_.erase(found);
      return Outcome::done;
    default:
      give_up(found, tls.failure());
      return Outcome::failed;
  }
}

std::size_t Handshakes::end_overdue() {
  std::size_t given_up = 0;
  const std::int64_t now_ns = host_.now_mono_ns();
  while (!all_.empty() && all_.begin()->second.until_ns <= now_ns) {
    give_up(all_.begin(), "its handshake took longer than handshake_timeout");
    ++given_up;
  }
  return given_up;
}

std::int64_t Handshakes::next_time() const {
  return all_.empty() ? kNever : all_.begin()->second.until_ns;
}

void Handshakes::give_up(All::iterator which, const std::string& why) {
  notices_.tell(Notice::not_proved, which->second.peer + " is turned away: TLS: " + why);
  all_.erase(which);
}

}  // namespace kifa::plugins::tcp_source
