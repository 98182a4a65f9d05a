#pragma once

#include <cstdint>

#include "plugins/sources/shared/notices.hpp"

namespace kifa::plugins::tcp_source {

// Why a peer was turned away.
enum class Notice : std::uint8_t { not_allowed, full, no_descriptor, no_room, slow, count };

using Notices = RareNotices<Notice>;

}  // namespace kifa::plugins::tcp_source
