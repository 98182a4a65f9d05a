#pragma once

#include <sys/types.h>
#include <kifa/sdk.hpp>

#include <memory>
#include <string>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/shared/descriptor.hpp"

namespace kifa::plugins {

// A socket with an address of its own; never waits.
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
class BoundSocket final {
 public:
  // `type`: SOCK_STREAM or SOCK_DGRAM. Its options may be set between create() and bind().
  static sdk::Status create(const Address& address, int type,
                            std::unique_ptr<BoundSocket>& created);
  sdk::Status bind();
  BoundSocket(const BoundSocket&) = delete;
  BoundSocket& operator=(const BoundSocket&) = delete;
  ~BoundSocket();

  // The sentence for a call on this socket that failed before anything could be received.
  [[nodiscard]] sdk::Status failure(int error) const;
  // False: the kernel does not take it.
  bool set_number(int level, int name, int value);

  [[nodiscard]] int fd() const { return socket_.get(); }
  // With the real port where 0 was asked for.
  [[nodiscard]] const Address& address() const { return address_; }

 private:
  BoundSocket(Descriptor socket, const Address& address, int type);
  [[nodiscard]] sdk::Status remove_stale() const;
  void own_file();

  Descriptor socket_;
  Address address_;
  int type_;
  std::string path_;  // of a unix socket
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace kifa::plugins
