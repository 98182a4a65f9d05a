#include "plugins/sources/udp/senders.hpp"

#include <netinet/in.h>

#include <cstring>
#include <string_view>

namespace kifa::plugins::udp_source {

namespace {

std::string name_of(const Datagram& datagram) {
  if (datagram.owner) {
    return "unix:uid=" + std::to_string(datagram.owner->uid) +
           ",pid=" + std::to_string(datagram.owner->pid);
  }
  const int family = datagram.from.family();
  return family == AF_INET || family == AF_INET6 ? datagram.from.text() : "unix:";
}

std::string_view bytes_of(const void* data, std::size_t size) {
  return {static_cast<const char*>(data), size};
}

}  // namespace

const Senders::Sender& Senders::find(const Datagram& datagram) {
  if (datagram.owner) {
    key_ = bytes_of(&*datagram.owner, sizeof *datagram.owner);
  } else {
    key_ = bytes_of(datagram.from.raw(), datagram.from.size);
  }
  if (last_ != nullptr && key_ == last_key_) {
    return *last_;
  }
  auto found = known_.find(key_);
  if (found == known_.end()) {
    if (known_.size() >= kSendersMax) {
      known_.clear();
    }
    const bool is_allowed = datagram.owner || allows(allow_, datagram.from);
    found = known_.emplace(key_, Sender{name_of(datagram), is_allowed}).first;
  }
  last_ = &found->second;
  last_key_ = key_;
  return *last_;
}

void Senders::clear() {
  last_ = nullptr;
  known_.clear();
}

}  // namespace kifa::plugins::udp_source
