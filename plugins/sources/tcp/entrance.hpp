#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/tcp/acceptor.hpp"
#include "plugins/sources/tcp/connections.hpp"
#include "plugins/sources/tcp/handshakes.hpp"
#include "plugins/sources/tcp/notices.hpp"
#include "plugins/sources/tcp/tls_context.hpp"

namespace kifa::plugins::tcp_source {

// The way in: from a listener, through TLS where that is asked for, to a connection with a stream
// of the host. Its listeners and handshakes are among what the input of the connections waits for.
//
// Unix sockets have no TLS: nobody can listen in on them.
//
// When all places are taken, who comes is turned away; but while some of them are of peers that
// have ended, and are held until the store has their records, who comes waits at the door instead.
//
// Threads: confined.
// Errors:  open() as Acceptor::open and TlsContext::open; ready() UNAVAILABLE when a listener is
//          broken.
class Entrance final {
 public:
  struct Options {
    Acceptor::Options acceptor;
    std::size_t connections_max = 0;
    TlsContext::Options tls;
    Handshakes::Limits handshakes;
  };

  Entrance(sdk::Host host, PeerNotices& notices, Connections& connections);

  // Once, before the first open().
  void register_metrics();
  sdk::Status open(const Options& options);
  void close();

  // Whether an event with this number is for ready().
  static bool is_mine(std::uint64_t number);
  sdk::Status ready(std::uint64_t number, sdk::Emitter out);
  // What time brings: listeners that rested, handshakes that take too long.
  void look_at_time();
  // After a connection was released: who waits at the door may have a place now.
  void look_for_place();
  [[nodiscard]] std::int64_t next_time() const;

  // Lets in who is at the door, and closes it.
  void let_in_last(sdk::Emitter out);

  [[nodiscard]] std::vector<Address> addresses() const { return acceptor_.addresses(); }

 private:
  void limit_connections();
  void listen(std::uint32_t events, bool is_new = false);
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] bool is_full_at_last() const;
  void wait_for_place();
  sdk::Status let_in(const Listener& listener, int most, sdk::Emitter out);
  void go_on(std::uint64_t number, sdk::Emitter out);
  void open_stream(Handshakes::Proved proved, sdk::Emitter out);

  sdk::Host host_;
  PeerNotices& notices_;
  Connections& connections_;
  Options options_;
  std::size_t connections_max_ = 0;  // with regard to the limit of descriptors
  sdk::Metric accepted_, refused_;

  Acceptor acceptor_;
  std::unique_ptr<TlsContext> tls_;  // null: without
  Handshakes handshakes_;
  std::int64_t rest_until_ns_ = Connections::kNever;  // listeners are not looked at
  bool waits_for_place_ = false;                      // nor are they then
  std::uint64_t last_stream_ = 0;
};

}  // namespace kifa::plugins::tcp_source
