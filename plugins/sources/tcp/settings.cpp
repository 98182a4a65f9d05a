#include "plugins/sources/tcp/settings.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kifa::plugins::tcp_source {

namespace {

constexpr std::size_t kListMax = 256;  // addresses, and networks

sdk::Status read_addresses(const std::vector<std::string>& texts, std::vector<Address>& addresses) {
  if (texts.empty() || texts.size() > kListMax) {
    return sdk::Status::invalid("address: name 1 to " + std::to_string(kListMax) +
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

sdk::Status read_networks(const std::vector<std::string>& texts, std::vector<Network>& networks) {
  if (texts.empty() || texts.size() > kListMax) {
    return sdk::Status::invalid("allow: name 1 to " + std::to_string(kListMax) +
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

}  // namespace

sdk::Status read_settings(const sdk::Settings& settings, TcpSettings& read) {
  if (sdk::Status status = read_addresses(settings.list("address"), read.acceptor.addresses);
      status.failed()) {
    return status;
  }
  if (settings.has("allow")) {
    if (sdk::Status status = read_networks(settings.list("allow"), read.acceptor.allow);
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
