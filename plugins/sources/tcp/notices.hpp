#pragma once

#include <cstdint>

#include "plugins/sources/shared/notices.hpp"

namespace kifa::plugins::tcp_source {

// Why a peer was turned away or has to wait: a peer can ask a thousand times a second.
enum class Notice : std::uint8_t {
  not_allowed,
  full,
  waits_for_store,
  no_descriptor,
  no_room,
  not_proved,
  slow,
  count
};

using PeerNotices = Notices<Notice>;

}  // namespace kifa::plugins::tcp_source
