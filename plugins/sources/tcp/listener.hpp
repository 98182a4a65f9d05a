#pragma once

#include <sys/types.h>
#include <kifa/sdk.hpp>

#include <memory>
#include <string>
#include <vector>

#include "plugins/sources/shared/descriptor.hpp"
#include "plugins/sources/tcp/address.hpp"

namespace kifa::plugins::tcp_source {

// A socket that peers connect to; never waits.
//
// A unix socket that nobody serves any more (its owner was killed) is replaced, one that somebody
// serves is not; what is no socket is never removed. The file goes with the object, unless somebody
// has put another in its place.
//
// An IPv6 address takes IPv6 only: what an address means does not depend on the machine.
//
// Threads: confined.
// Errors:  LOCKED somebody else listens there; UNAVAILABLE the address is not on this machine now;
//          INVALID the folder or file of a unix socket is wrong; IO no permission and the rest.
class Listener final {
 public:
  static sdk::Status open(const Address& address, std::unique_ptr<Listener>& opened);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  [[nodiscard]] int fd() const { return socket_.get(); }
  // With the real port where 0 was asked for.
  [[nodiscard]] const Address& address() const { return address_; }

 private:
  Listener(Descriptor socket, const Address& address);

  Descriptor socket_;
  Address address_;
  std::string path_;  // of a unix socket
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// Writes the addresses to `path`, one a line; who sees the file sees all of it.
sdk::Status write_addresses(const std::string& path,
                            const std::vector<std::unique_ptr<Listener>>& listeners);

}  // namespace kifa::plugins::tcp_source
