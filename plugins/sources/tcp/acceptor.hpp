#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/sources/shared/descriptor.hpp"
#include "plugins/sources/tcp/address.hpp"
#include "plugins/sources/tcp/listener.hpp"
#include "plugins/sources/tcp/network.hpp"
#include "plugins/sources/tcp/notices.hpp"

namespace kifa::plugins::tcp_source {

// Who comes in: takes connections from the listeners and turns away whom `allow` does not name, who
// is one too many, and whom the process has no descriptor for. Whoever is turned away finds the
// connection closed at once, never a silent one.
//
// One descriptor is kept in reserve: when no other is left it is given up for the moment that it
// takes to accept a connection and close it. Without, it would stay in the queue and wake us for
// ever.
//
// Threads: confined.
// Errors:  open() as Listener::open; accept() gives outcomes.
class Acceptor final {
 public:
  struct Options {
    std::vector<Address> addresses;
    std::vector<Network> allow;  // empty: everybody
    std::int64_t keep_alive_ns = 0;
  };
  struct Peer {
    Descriptor socket;
    std::string name;  // 10.0.0.7:49152, unix:uid=1000,pid=4711
  };
  // starved: nothing can be accepted for now, try later. failed: the listener itself is broken.
  enum class Outcome : std::uint8_t { accepted, nobody, turned_away, starved, failed };

  explicit Acceptor(sdk::Host host) : notices_(host) {}

  // All addresses or none.
  sdk::Status open(const Options& options);
  void close();

  // Takes one connection; `is_full`: only to turn it away.
  Outcome accept(const Listener& listener, bool is_full, Peer& peer);

  [[nodiscard]] const std::vector<std::unique_ptr<Listener>>& listeners() const {
    return listeners_;
  }
  [[nodiscard]] Notices& notices() { return notices_; }

 private:
  Outcome without_connection(const Listener& listener, int error);
  Outcome turn_away(const Listener& listener);
  void keep_reserve();
  [[nodiscard]] bool is_allowed(const Address& from) const;
  void prepare(int fd, const Address& from) const;

  Notices notices_;
  Options options_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  Descriptor reserve_;
};

// Makes room for `needed` descriptors in this process, as far as its hard limit allows; returns how
// many it may have now.
std::size_t raise_descriptor_limit(std::size_t needed);

}  // namespace kifa::plugins::tcp_source
