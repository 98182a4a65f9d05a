#include "plugins/sources/shared/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace kifa::plugins {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kShownMax = 100;  // of a text that cannot be read
constexpr std::size_t kAddressesMax = 256;

sdk::Status refused(std::string_view text, std::string_view why) {
  return sdk::Status::invalid("address: `" + std::string(text.substr(0, kShownMax)) + "` " +
                              std::string(why));
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failed != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

sdk::Status parse_unix(std::string_view text, Address& address) {
  const std::string_view path = text.substr(kUnix.size());
  sockaddr_un name{};
  if (!path.starts_with('/')) {
    return refused(text, "needs a path from the root, as in unix:/run/kifa/till.sock");
  }
  if (path.size() >= sizeof name.sun_path) {
    return refused(text, "is too long: the path of a unix socket has at most " +
                             std::to_string(sizeof name.sun_path - 1) + " bytes");
  }
  if (path.find('\0') != std::string_view::npos) {
    return refused(text, "has a NUL byte in its path");
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  std::memcpy(&address.storage, &name, sizeof name);
  return {};
}

bool set_ipv4(const std::string& host, std::uint16_t port, Address& address) {
  sockaddr_in name{};
  if (::inet_pton(AF_INET, host.c_str(), &name.sin_addr) != 1) {
    return false;
  }
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return true;
}

bool set_ipv6(const std::string& host, std::uint16_t port, Address& address) {
  sockaddr_in6 name{};
  if (::inet_pton(AF_INET6, host.c_str(), &name.sin6_addr) != 1) {
    return false;
  }
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(port);
  std::memcpy(&address.storage, &name, sizeof name);
  address.size = sizeof name;
  return true;
}

template <class Name>
Name as(const sockaddr_storage& storage) {
  Name name{};
  std::memcpy(&name, &storage, sizeof name);
  return name;
}

}  // namespace

sdk::Status parse_address(std::string_view text, Address& address) {
  address = {};
  if (text.starts_with(kUnix)) {
    return parse_unix(text, address);
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos) {
    return refused(text,
                   "is no address with a port: write 127.0.0.1:5140, [::1]:5140 or "
                   "unix:/run/kifa/till.sock");
  }
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  if (!port) {
    return refused(text, "needs a port from 0 to 65535 behind its last colon");
  }
  const std::string_view host = text.substr(0, colon);
  if (host.empty() || host == "*") {
    return refused(text,
                   "names no address: write 0.0.0.0 for every IPv4 address of this machine, "
                   "[::] for every IPv6 address");
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    if (set_ipv6(std::string(host.substr(1, host.size() - 2)), *port, address)) {
      return {};
    }
    return refused(text, "has no IPv6 address between its brackets");
  }
  if (set_ipv4(std::string(host), *port, address)) {
    return {};
  }
  if (set_ipv6(std::string(host), *port, address)) {
    address = {};
    return refused(text, "needs brackets around its IPv6 address, as in [::1]:5140");
  }
  return refused(text, "begins with no IP address; names are not looked up: write 127.0.0.1:5140");
}

sdk::Status parse_addresses(const std::vector<std::string>& texts,
                            std::vector<Address>& addresses) {
  if (texts.empty() || texts.size() > kAddressesMax) {
    return sdk::Status::invalid("address: name 1 to " + std::to_string(kAddressesMax) +
                                " addresses, for example 127.0.0.1:5140");
  }
  addresses.clear();
  for (const std::string& text : texts) {
    if (sdk::Status read = parse_address(text, addresses.emplace_back()); read.failed()) {
      return read;
    }
    if (std::ranges::count(texts, text) > 1 && !text.ends_with(":0")) {
      return sdk::Status::invalid("address: `" + text + "` is there twice; leave one out");
    }
  }
  return {};
}

sdk::Status local_address(int fd, Address& address) {
  address = {};
  address.size = sizeof address.storage;
  if (::getsockname(fd, address.raw(), &address.size) != 0) {
    return sdk::Status::from_errno(errno, "cannot ask for the address of a socket");
  }
  return {};
}

bool Address::is_multicast() const {
  if (family() == AF_INET) {
    return IN_MULTICAST(ntohl(as<sockaddr_in>(storage).sin_addr.s_addr));
  }
  return family() == AF_INET6 && as<sockaddr_in6>(storage).sin6_addr.s6_addr[0] == 0xFF;
}

bool Address::is_of_one_link() const {
  if (family() != AF_INET6) {
    return false;
  }
  const in6_addr host = as<sockaddr_in6>(storage).sin6_addr;
  return IN6_IS_ADDR_LINKLOCAL(&host) || IN6_IS_ADDR_MC_LINKLOCAL(&host) ||
         IN6_IS_ADDR_MC_NODELOCAL(&host);
}

void Address::set_link(unsigned interface_index) {
  auto name = as<sockaddr_in6>(storage);
  name.sin6_scope_id = interface_index;
  std::memcpy(&storage, &name, sizeof name);
}

std::string Address::path() const {
  const auto name = as<sockaddr_un>(storage);
  return {name.sun_path, ::strnlen(name.sun_path, sizeof name.sun_path)};
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (family() == AF_INET) {
    const auto name = as<sockaddr_in>(storage);
    ::inet_ntop(AF_INET, &name.sin_addr, host.data(), host.size());
    return std::string(host.data()) + ":" + std::to_string(ntohs(name.sin_port));
  }
  if (family() == AF_INET6) {
    const auto name = as<sockaddr_in6>(storage);
    ::inet_ntop(AF_INET6, &name.sin6_addr, host.data(), host.size());
    return "[" + std::string(host.data()) + "]:" + std::to_string(ntohs(name.sin6_port));
  }
  return std::string(kUnix) + path();
}

}  // namespace kifa::plugins
