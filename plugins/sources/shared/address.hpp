#pragma once

#include <sys/socket.h>
#include <kifa/sdk.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins {

// Where one end of a connection is, or who a datagram is for: an IPv4 or IPv6 address with its
// port, or a unix socket.
//
// Threads: a value; no sharing.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] bool is_unix() const { return storage.ss_family == AF_UNIX; }
  [[nodiscard]] bool is_multicast() const;
  // Means something on one link alone (IPv6: fe80::, ff02::); set_link() says on which.
  [[nodiscard]] bool is_of_one_link() const;
  void set_link(unsigned interface_index);
  // Of a unix socket.
  [[nodiscard]] std::string path() const;
  // As it is written in a configuration: 127.0.0.1:5140, [::1]:5140, unix:/run/kifa/till.sock.
  [[nodiscard]] std::string text() const;
};

// Reads what text() writes. Names are not looked up: a name may mean another machine tomorrow.
//
// Errors:  INVALID, one sentence that shows the text and what it should look like.
sdk::Status parse_address(std::string_view text, Address& address);
// A list of them: 1 to 256, none twice.
sdk::Status parse_addresses(const std::vector<std::string>& texts, std::vector<Address>& addresses);

// The address that the kernel gave to a socket: with the real port where 0 was asked for.
sdk::Status local_address(int fd, Address& address);

}  // namespace kifa::plugins
