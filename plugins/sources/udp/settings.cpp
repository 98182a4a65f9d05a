#include "plugins/sources/udp/settings.hpp"

#include <net/if.h>

#include <algorithm>

namespace kifa::plugins::udp_source {

namespace {

constexpr std::size_t kInterfacesMax = 16;  // a socket may have 20 memberships

sdk::Status check_interfaces(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > kInterfacesMax) {
    return sdk::Status::invalid("interface: name 1 to " + std::to_string(kInterfacesMax) +
                                " network interfaces, or leave the option out");
  }
  for (const std::string& name : names) {
    if (name.empty() || name.size() >= IFNAMSIZ || name.find('\0') != std::string::npos) {
      return sdk::Status::invalid("interface: `" + name.substr(0, IFNAMSIZ) +
                                  "` is no name of a network interface, which has 1 to " +
                                  std::to_string(IFNAMSIZ - 1) + " bytes: write eth0");
    }
    if (std::ranges::count(names, name) > 1) {
      return sdk::Status::invalid("interface: `" + name + "` is there twice; leave one out");
    }
  }
  return {};
}

sdk::Status check_links(const std::vector<Address>& addresses, std::size_t interface_count) {
  bool is_needed = false;
  for (const Address& address : addresses) {
    is_needed |= address.is_multicast() || address.is_of_one_link();
    if (address.is_of_one_link() && interface_count != 1) {
      return sdk::Status::invalid("interface: " + address.text() +
                                  " means something on one link alone: name its interface, as in "
                                  "interface: [eth0]");
    }
  }
  if (interface_count > 0 && !is_needed) {
    return sdk::Status::invalid(
        "interface: there is no multicast group in `address`; leave the option out, or add one "
        "such as 239.1.2.3:5140");
  }
  return {};
}

}  // namespace

sdk::Status read_settings(const sdk::Settings& settings, UdpSettings& read) {
  std::vector<Address> addresses;
  if (sdk::Status status = parse_addresses(settings.list("address"), addresses); status.failed()) {
    return status;
  }
  std::vector<std::string> interfaces;
  if (settings.has("interface")) {
    interfaces = settings.list("interface");
    if (sdk::Status status = check_interfaces(interfaces); status.failed()) {
      return status;
    }
  }
  if (sdk::Status status = check_links(addresses, interfaces.size()); status.failed()) {
    return status;
  }
  if (settings.has("allow")) {
    if (sdk::Status status = parse_networks(settings.list("allow"), read.allow); status.failed()) {
      return status;
    }
  }
  read.receive_buffer_bytes = settings.size_bytes("receive_buffer");
  read.receivers.clear();
  for (const Address& address : addresses) {
    read.receivers.push_back({.address = address,
                              .interfaces = address.is_multicast() || address.is_of_one_link()
                                                ? interfaces
                                                : std::vector<std::string>(),
                              .receive_buffer_bytes = static_cast<int>(read.receive_buffer_bytes)});
  }
  read.datagram_bytes_max = settings.size_bytes("datagram_bytes_max");
  if (settings.has("listen_address_file")) {
    read.address_file = settings.text("listen_address_file");
  }
  return {};
}

std::string size_text(std::uint64_t bytes) {
  if (bytes % (1U << 20U) == 0) {
    return std::to_string(bytes >> 20U) + " MiB";
  }
  return bytes % (1U << 10U) == 0 ? std::to_string(bytes >> 10U) + " KiB"
                                  : std::to_string(bytes) + " bytes";
}

}  // namespace kifa::plugins::udp_source
