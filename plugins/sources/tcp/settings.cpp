#include "plugins/sources/tcp/settings.hpp"

namespace kifa::plugins::tcp_source {

sdk::Status read_settings(const sdk::Settings& settings, TcpSettings& read) {
  if (sdk::Status status = parse_addresses(settings.list("address"), read.acceptor.addresses);
      status.failed()) {
    return status;
  }
  if (settings.has("allow")) {
    if (sdk::Status status = parse_networks(settings.list("allow"), read.acceptor.allow);
        status.failed()) {
      return status;
    }
  }
  read.acceptor.keep_alive_ns = settings.duration_ns("keep_alive");
  read.limits = {.idle_timeout_ns = settings.duration_ns("idle_timeout"),
                 .reply_timeout_ns = settings.duration_ns("reply_timeout")};
  read.connections_max = static_cast<std::size_t>(settings.integer("max_connections"));
  if (settings.has("listen_address_file")) {
    read.address_file = settings.text("listen_address_file");
  }
  return {};
}

}  // namespace kifa::plugins::tcp_source
