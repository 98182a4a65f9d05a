#pragma once

#include <cstdint>

#include "plugins/sources/shared/notices.hpp"

namespace kifa::plugins::tcp_source {

// Why a peer was turned away: a peer can ask a thousand times a second.
enum class Notice : std::uint8_t {
  not_allowed,
  full,
  no_descriptor,
  no_room,
  not_proved,
  slow,
  count
};

using PeerNotices = Notices<Notice>;

}  // namespace kifa::plugins::tcp_source
