#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <string>

#include "plugins/sources/tcp/acceptor.hpp"
#include "plugins/sources/tcp/connections.hpp"

namespace kifa::plugins::tcp_source {

inline constexpr double kDayNs = 86'400e9;

inline constexpr auto kOptions = sdk::options(
    sdk::option::list(
        "address",
        "Where to listen: 127.0.0.1:5140, [::1]:5140 or unix:/run/kifa/till.sock; port "
        "0 takes any free one.")
        .required(),
    sdk::option::integer("max_connections",
                         "Open connections at most; who comes then is turned away.")
        .by_default("1024")
        .unit("connections")
        .range(1, 60'000),
    sdk::option::list("allow",
                      "Networks that may connect, such as 10.1.0.0/16 or 2001:db8::/32; without it "
                      "everybody may. Unix sockets go by the permissions of their folder."),
    sdk::option::duration("idle_timeout", "Silence after which a connection is closed; 0s: never.")
        .by_default("0s")
        .range(0, kDayNs),
    sdk::option::duration(
        "keep_alive",
        "Silence after which the kernel asks whether the peer is still there; 0s: "
        "never.")
        .by_default("1m")
        .range(0, kDayNs / 4),
    sdk::option::duration("reply_timeout",
                          "How long a peer may leave answers unread before it is cut off.")
        .by_default("30s")
        .range(1e6, kDayNs),
    sdk::option::path("listen_address_file",
                      "File to write the addresses to once they can be connected to, one a line."));

struct TcpSettings {
  Acceptor::Options acceptor;
  Connections::Limits limits;
  std::size_t connections_max = 0;
  std::string address_file;  // empty: none
};

// What the options say. Addresses and networks are read here, so that a wrong one is told before
// anything is opened.
//
// Errors:  INVALID, one sentence that begins with the option.
sdk::Status read_settings(const sdk::Settings& settings, TcpSettings& read);

}  // namespace kifa::plugins::tcp_source
