#include "plugins/sources/tcp/settings.hpp"

#include <cstddef>
#include <string>

namespace kifa::plugins::tcp_source {

namespace {

sdk::Status read_tls(const sdk::Settings& settings, TlsContext::Options& read) {
  const auto path_of = [&](const char* name) {
    return settings.has(name) ? std::string(settings.text(name)) : std::string();
  };
  read = {.certificate = path_of("tls_certificate"),
          .key = path_of("tls_key"),
          .client_ca = path_of("tls_client_ca")};
  if (read.certificate.empty() != read.key.empty()) {
    return sdk::Status::invalid(read.key.empty()
                                    ? "tls_key: tls_certificate needs it: name the file with the "
                                      "private key of the certificate"
                                    : "tls_certificate: tls_key needs it: name the file with the "
                                      "certificate of the key");
  }
  if (read.certificate.empty() && !read.client_ca.empty()) {
    return sdk::Status::invalid(
        "tls_client_ca: without tls_certificate and tls_key there is no TLS; name them too");
  }
  return {};
}

}  // namespace

sdk::Status read_settings(const sdk::Settings& settings, TcpSettings& read) {
  if (sdk::Status status =
          parse_addresses(settings.list("address"), read.entrance.acceptor.addresses);
      status.failed()) {
    return status;
  }
  if (settings.has("allow")) {
    if (sdk::Status status = parse_networks(settings.list("allow"), read.entrance.acceptor.allow);
        status.failed()) {
      return status;
    }
  }
  read.entrance.acceptor.keep_alive_ns = settings.duration_ns("keep_alive");
  read.limits = {.idle_timeout_ns = settings.duration_ns("idle_timeout"),
                 .reply_timeout_ns = settings.duration_ns("reply_timeout")};
  read.entrance.handshakes = {
      .timeout_ns = settings.duration_ns("handshake_timeout"),
      .count_max = static_cast<std::size_t>(settings.integer("max_handshakes"))};
  if (sdk::Status status = read_tls(settings, read.entrance.tls); status.failed()) {
    return status;
  }
  read.entrance.connections_max = static_cast<std::size_t>(settings.integer("max_connections"));
  if (settings.has("listen_address_file")) {
    read.address_file = settings.text("listen_address_file");
  }
  return {};
}

}  // namespace kifa::plugins::tcp_source
