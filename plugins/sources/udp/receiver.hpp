#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/shared/bound_socket.hpp"

namespace kifa::plugins::udp_source {

// One socket that datagrams come to; never waits.
//
// A multicast group is joined, and the socket hears this group alone, on these interfaces alone. As
// many programs as like may listen to a group; any other address has one owner.
//
// What the kernel drops in front of the socket, nearly always because the receive buffer is full,
// it counts. It tells that number with each datagram (as it was when that one came), and when it is
// asked: drops behind the last datagram are known only by asking. A unix socket drops nothing: its
// senders wait.
//
// Threads: confined.
// Errors:  as BoundSocket; UNAVAILABLE also for an interface that is not there.
class Receiver final {
 public:
  struct Options {
    Address address;
    std::vector<std::string> interfaces;  // empty: the one that the routes name
    int receive_buffer_bytes = 0;
  };

  static sdk::Status open(const Options& options, std::unique_ptr<Receiver>& opened);

  [[nodiscard]] int fd() const { return socket_->fd(); }
  // With the real port where 0 was asked for.
  [[nodiscard]] const Address& address() const { return socket_->address(); }
  // What the kernel grants; 0: it has none (unix sockets).
  [[nodiscard]] std::uint64_t receive_buffer_bytes() const { return receive_buffer_bytes_; }

  // Nothing more comes in. What has been accepted stays and can be received. What still comes is
  // dropped and counted; the sender at a unix socket gets an error.
  void stop_taking() const;

  // The number that came with a datagram; numbers may come late, and go round.
  void note_drops(std::uint32_t count);
  // Asks for the number as it is now.
  void ask_drops();
  // Datagrams that were dropped and not told yet.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  void forget_lost() { lost_ = 0; }

 private:
  explicit Receiver(std::unique_ptr<BoundSocket> socket) : socket_(std::move(socket)) {}
  void enlarge_buffer(int bytes);
  [[nodiscard]] sdk::Status join(const std::vector<unsigned>& interfaces) const;

  std::unique_ptr<BoundSocket> socket_;
  std::uint64_t receive_buffer_bytes_ = 0;
  std::uint32_t drops_ = 0;  // the kernel's number, as far as it is in lost_ or was told
  std::uint64_t lost_ = 0;
};

}  // namespace kifa::plugins::udp_source
