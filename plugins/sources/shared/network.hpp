#pragma once

#include <kifa/sdk.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/sources/shared/address.hpp"

namespace kifa::plugins {

// A block of IP addresses: 10.1.0.0/16, 2001:db8::/32, or one address, 10.1.2.3.
//
// Threads: a value; no sharing.
class Network final {
 public:
  // False for the other family, and for unix sockets.
  [[nodiscard]] bool contains(const Address& address) const;

 private:
  friend sdk::Status parse_network(std::string_view text, Network& network);

  int family_ = 0;
  unsigned prefix_bits_ = 0;
  std::array<std::uint8_t, 16> bytes_{};  // 4 of them for IPv4
};

// Errors:  INVALID, one sentence that shows the text and the remedy; also for an address with bits
//          behind its prefix (10.1.2.3/16), which means two things.
sdk::Status parse_network(std::string_view text, Network& network);
// The option `allow`: 1 to 256 networks.
sdk::Status parse_networks(const std::vector<std::string>& texts, std::vector<Network>& networks);
// Whether one of them contains the address. Without networks, and for unix sockets, everybody is
// allowed.
bool allows(const std::vector<Network>& networks, const Address& address);

}  // namespace kifa::plugins
