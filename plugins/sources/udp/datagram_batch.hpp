#pragma once

#include <sys/socket.h>
#include <kifa/sdk.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plugins/sources/shared/address.hpp"

namespace kifa::plugins::udp_source {

// One datagram with what the kernel tells of it; good until the batch receives again.
struct Datagram {
  sdk::Bytes bytes;            // what there was room for
  std::uint64_t sent_bytes;    // more than that: the rest is lost
  const Address& from;         // nothing in it when the sender has no address
  std::optional<ucred> owner;  // of the sender, at a unix socket
  // How many datagrams the kernel had dropped at this socket before this one came. None: nothing
  // was dropped, or the kernel does not tell.
  std::optional<std::uint32_t> drops;
};

// What one system call brings: up to kDatagramsMax datagrams, in memory that is used again.
//
// File descriptors that a sender attaches at a unix socket are not taken: there is no room for them
// in what is asked for.
//
// Threads: confined.
// Limits:  kBatchBytesMax of memory, used as far as datagrams are long.
class DatagramBatch final {
 public:
  static constexpr std::size_t kDatagramsMax = 64;
  static constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20U;

  void open(std::size_t datagram_bytes_max);
  void close();

  // Datagrams that one receive() brings at most.
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }

  // Replaces the batch by at most `most` datagrams of the socket; 0: an errno, or nothing is there.
  int receive(int fd, std::size_t most, bool is_unix);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Datagram at(std::size_t index);

 private:
  struct Slot {
    Address from;
    iovec piece{};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(ucred))> control{};
  };

  std::size_t datagram_bytes_max_ = 0;
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> headers_;
  std::size_t size_ = 0;
};

}  // namespace kifa::plugins::udp_source
