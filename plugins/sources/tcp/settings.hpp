#pragma once

#include <kifa/sdk.hpp>

#include <string>

#include "plugins/sources/tcp/connections.hpp"
#include "plugins/sources/tcp/entrance.hpp"

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
    sdk::option::path("tls_certificate",
                      "File with a certificate and those that vouch for it, in PEM form: with it "
                      "all connections but those of unix sockets are encrypted."),
    sdk::option::path("tls_key", "File with the private key of the certificate, in PEM form."),
    sdk::option::path("tls_client_ca",
                      "File with certificates in PEM form: who connects must show a certificate "
                      "that one of them vouches for."),
    sdk::option::duration("handshake_timeout", "How long a handshake of TLS may take.")
        .by_default("10s")
        .range(1e8, 3600e9),
    sdk::option::integer(
        "max_handshakes",
        "Handshakes of TLS at once at most; the oldest one makes way for the next.")
        .by_default("128")
        .unit("connections")
        .range(1, 60'000),
    sdk::option::path("listen_address_file",
                      "File to write the addresses to once they can be connected to, one a line."));

struct TcpSettings {
  Entrance::Options entrance;
  Connections::Limits limits;
  std::string address_file;  // empty: none
};

// What the options say. Addresses and networks are read here, so that a wrong one is told before
// anything is opened.
//
// Errors:  INVALID, one sentence that begins with the option.
sdk::Status read_settings(const sdk::Settings& settings, TcpSettings& read);

}  // namespace kifa::plugins::tcp_source
