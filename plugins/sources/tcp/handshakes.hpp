#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "plugins/sources/tcp/acceptor.hpp"
#include "plugins/sources/tcp/channel.hpp"
#include "plugins/sources/tcp/epoll.hpp"
#include "plugins/sources/tcp/notices.hpp"
#include "plugins/sources/tcp/tls_context.hpp"

namespace kifa::plugins::tcp_source {

// Peers that have connected and not yet proved themselves. Each has a number of its own, whose
// events its epoll tells.
//
// Nobody waits for a slow one: a handshake goes on when its peer has said something, and ends after
// `timeout_ns`. When there are as many as there may be, the oldest one makes way: who floods us
// with silent connections turns away silent ones, and not the till that needs a moment.
//
// Threads: confined.
// Errors:  a handshake that fails costs its own connection, and is told as a notice.
class Handshakes final {
 public:
  struct Limits {
    std::int64_t timeout_ns = 0;
    std::size_t count_max = 0;
  };
  // Events with this bit are of handshakes.
  static constexpr std::uint64_t kBit = std::uint64_t{1} << 62U;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  Handshakes(sdk::Host host, PeerNotices& notices, Epoll& epoll)
      : host_(host), notices_(notices), epoll_(epoll) {}

  void open(Limits limits) { limits_ = limits; }
  void close() { all_.clear(); }

  // How many of them, this one or an older one, were given up for it: 0 or 1.
  std::size_t begin(const TlsContext& context, Acceptor::Peer peer);

  enum class Outcome : std::uint8_t { done, waits, failed, unknown };
  struct Proved {
    Channel channel;
    std::string peer;
    std::string certificate;  // of the peer; empty: none
  };
  // After an event of `number`. done: it is no longer here but in `proved`.
  Outcome advance(std::uint64_t number, Proved& proved);

  // Gives up those that took too long; returns how many.
  std::size_t end_overdue();
  // When end_overdue() has something to do.
  [[nodiscard]] std::int64_t next_time() const;
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  struct Pending {
    Channel channel;
    std::string peer;
    std::int64_t until_ns = 0;
  };
  using All = std::map<std::uint64_t, Pending>;  // numbers rise: the oldest first

  void give_up(All::iterator which, const std::string& why);

  sdk::Host host_;
  PeerNotices& notices_;
  Epoll& epoll_;
  Limits limits_;
  All all_;
  std::uint64_t last_ = 0;
};

}  // namespace kifa::plugins::tcp_source
