#pragma once

#include <cstdint>

#include "core/base/types.hpp"
#include "core/store/format.hpp"

namespace kifa::store {

// The state of the log at one place.
struct LogMark {
  Position at;
  std::uint32_t chain = 0;  // header checksum of the frame before, 0: none
  Lsn next_lsn{1};
  std::uint64_t next_event = 1;
  Totals totals;
  bool operator==(const LogMark&) const = default;
};

}  // namespace kifa::store
