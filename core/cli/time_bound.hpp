#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/status.hpp"

namespace kifa::cli {

// Where a time stands that names no zone.
enum class Zone : std::uint8_t { utc, local };

// Which end of a range a time is. What is written coarsely begins at its beginning and ends at its
// end: from 2026-01-29 to 2026-01-29 is that whole day.
enum class RangeEnd : std::uint8_t { first, last };

struct TimeContext {
  std::int64_t now_unix_ns = 0;
  Zone zone = Zone::utc;
};

// The end of a range of times, in nanoseconds since 1970, as people write it:
//
//   1h, 30m, 2d, 1h30m          so long ago (units as in the configuration)
//   now
//   2026-01-29                  a day
//   2026-01-29 12:00            a minute; a T instead of the space is as good
//   2026-01-29 12:00:00.123     a second or any part of it
//   2026-01-29T12:00:00+01:00   with its zone: Z, UTC or an offset
//   @1769688000.5               seconds since 1970
//
// A local time that a change of the clock repeats is the earlier one at the first end of a range
// and the later one at the last end; a range is never narrower than what was meant.
//
// Errors:  `invalid` with the reason: what is no time, a day that there is not, a local time that a
//          change of the clock leaves out, what lies outside the years 1678 to 2261.
// Threads: any; local times are read in the zone of the process (TZ).
[[nodiscard]] Result<std::int64_t> parse_time_bound(std::string_view text, RangeEnd end,
                                                    const TimeContext& context);

}  // namespace kifa::cli
