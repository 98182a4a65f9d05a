#include "plugins/sources/shared/network.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>

namespace kifa::plugins {

namespace {

using IpBytes = std::array<std::uint8_t, 16>;

constexpr std::size_t kShownMax = 100;  // of a text that cannot be read
constexpr std::size_t kNetworksMax = 256;
constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96

sdk::Status refused(std::string_view text, std::string_view why) {
  return sdk::Status::invalid("allow: `" + std::string(text.substr(0, kShownMax)) + "` " +
                              std::string(why));
}

// The bytes of `address` with everything behind its first `bits` cleared.
IpBytes masked(IpBytes bytes, unsigned bits) {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const unsigned kept = std::clamp(bits, i * 8, i * 8 + 8) - i * 8;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xFF00U >> kept));
  }
  return bytes;
}

std::string text_of(int family, const IpBytes& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

}  // namespace

sdk::Status parse_network(std::string_view text, Network& network) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  network = {};
  network.family_ = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (host.find('\0') != std::string::npos ||
      ::inet_pton(network.family_, host.c_str(), network.bytes_.data()) != 1) {
    return refused(text, "is no network: write 10.1.0.0/16, 2001:db8::/32 or one IP address");
  }
  const unsigned most = network.family_ == AF_INET ? 32 : 128;
  network.prefix_bits_ = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), network.prefix_bits_);
    if (failed != std::errc() || end != digits.data() + digits.size() ||
        network.prefix_bits_ > most) {
      return refused(text,
                     "needs a number from 0 to " + std::to_string(most) + " behind its slash");
    }
  }
  const IpBytes kept = masked(network.bytes_, network.prefix_bits_);
  if (kept != network.bytes_) {
    return refused(text, "has bits set behind its prefix: write " + text_of(network.family_, kept) +
                             "/" + std::to_string(network.prefix_bits_) + " for the network or " +
                             host + " for the one address");
  }
  if (network.family_ == AF_INET6 && network.prefix_bits_ >= kMappedBits &&
      IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(network.bytes_.data()))) {
    return refused(text, "is IPv4 written as IPv6: write it as IPv4, as in 10.1.0.0/16");
  }
  return {};
}

sdk::Status parse_networks(const std::vector<std::string>& texts, std::vector<Network>& networks) {
  if (texts.empty() || texts.size() > kNetworksMax) {
    return sdk::Status::invalid("allow: name 1 to " + std::to_string(kNetworksMax) +
                                " networks, or leave the option out to allow everybody");
  }
  networks.clear();
  for (const std::string& text : texts) {
    if (sdk::Status read = parse_network(text, networks.emplace_back()); read.failed()) {
      return read;
    }
  }
  return {};
}

bool allows(const std::vector<Network>& networks, const Address& address) {
  return address.is_unix() || networks.empty() ||
         std::ranges::any_of(networks,
                             [&](const Network& network) { return network.contains(address); });
}

bool Network::contains(const Address& address) const {
  if (address.family() != family_) {
    return false;
  }
  IpBytes bytes{};
  if (family_ == AF_INET) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr, 4);
  } else {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr,
                16);
  }
  return masked(bytes, prefix_bits_) == bytes_;
}

}  // namespace kifa::plugins
