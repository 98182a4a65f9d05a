#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "plugins/sources/shared/network.hpp"
#include "plugins/sources/udp/receiver.hpp"

namespace kifa::plugins::udp_source {

inline constexpr double kReceiveBufferMax = 1U << 29U;  // what the kernel can double

inline constexpr auto kOptions = sdk::options(
    sdk::option::list("address",
                      "Where to listen: 127.0.0.1:5140, [::1]:5140 or unix:/run/kifa/till.sock; a "
                      "multicast group such as 239.1.2.3:5140 is joined; port 0 takes any free "
                      "one.")
        .required(),
    sdk::option::list("interface",
                      "Network interfaces on which multicast groups are joined, such as eth0; "
                      "without it the one that the routes name."),
    sdk::option::list("allow",
                      "Networks that may send, such as 10.1.0.0/16 or 2001:db8::/32; without it "
                      "everybody may. Unix sockets go by the permissions of their folder."),
    sdk::option::size("receive_buffer",
                      "Datagrams that may wait in the kernel for each address; what comes when it "
                      "is full is lost, and recorded as a gap.")
        .by_default("8MiB")
        .range(4096, kReceiveBufferMax),
    sdk::option::size("datagram_bytes_max",
                      "A longer datagram is cut here, which only unix sockets can need.")
        .by_default("64KiB")
        .range(512, 1U << 20U),
    sdk::option::path("listen_address_file",
                      "File to write the addresses to once they can be sent to, one a line."));

struct UdpSettings {
  std::vector<Receiver::Options> receivers;
  std::vector<Network> allow;
  std::uint64_t receive_buffer_bytes = 0;
  std::size_t datagram_bytes_max = 0;
  std::string address_file;  // empty: none
};

// What the options say. Addresses, networks and names of interfaces are read here, so that a wrong
// one is told before anything is opened.
//
// Errors:  INVALID, one sentence that begins with the option.
sdk::Status read_settings(const sdk::Settings& settings, UdpSettings& read);

// A size as people write it: 8 MiB, 208 KiB, 1000 bytes.
std::string size_text(std::uint64_t bytes);

}  // namespace kifa::plugins::udp_source
