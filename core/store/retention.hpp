#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/manifest.hpp"

// Which tables a store may forget now. Pure functions: nothing here reads a clock or a file.
//
// Always whole tables, always the oldest ones, never one that somebody holds.
//
// What is too old is decided only by a clock that can be believed, because a clock that jumps to
// 2106 makes everything old. The wall clock is believed if
//  - the kernel says that it follows a time server, or the operator vouches for it, or
//  - it is at most a day ahead of the last believed time plus the time that has certainly passed
//    since: within one boot what the boot clock counted, after another boot at least the time since
//    that boot. How long the machine was off is unknown, so a machine without a time server that
//    was off for more than a day waits for somebody to vouch for its clock.
// A clock that is behind is harmless: it makes things younger. When it is more than a day behind
// the last believed time, but not before 2025 (a clock without battery), one of the two is wrong,
// and the earlier one is believed from then on. And even a believed clock costs no more than one
// table a minute.
//
// The times of records come from that clock too. A table whose newest record is dated before 2025
// (a clock without battery) or more than a day ahead has no age of its own: it goes when a table
// after it goes.
namespace kifa::store {

struct RetentionPolicy {
  std::chrono::nanoseconds age_max{0};  // of a table's newest record; 0: no limit
  std::uint64_t bytes_max = 0;          // of all tables together; 0: no limit
  Lsn purge_below = {};                 // tables that end below it; 0: none
  bool trusts_clock = false;            // the operator vouches for the wall clock
};

struct ClockFacts {
  std::int64_t unix_ns = 0;
  std::int64_t boot_ns = 0;
  std::string boot_id = {};
  bool is_synchronised = false;
};

struct RetentionQuestion {
  const Manifest& manifest;
  RetentionPolicy policy;
  ClockFacts now;
  std::optional<Lsn> lowest_held = std::nullopt;  // cursors.hpp; none: nothing is held
  std::string held_by = {};                       // the sentence of lowest_need()
  // Boot clock at this process's last purge for age; none: there was none.
  std::optional<std::int64_t> last_age_purge_boot_ns = std::nullopt;
};

struct RetentionAnswer {
  std::size_t tables = 0;   // that many of the manifest's first tables are to be purged now
  bool is_for_age = false;  // not all of them would go for bytes or LSN alone
  // Why more is not purged though the policy asks for it, as what stands behind "retention waits:
  // "; empty: it does not. Waiting for the next minute is no such reason.
  std::string paused;
};

[[nodiscard]] RetentionAnswer decide_retention(const RetentionQuestion& question);

// Whether the wall clock is believed, as above. Without a last believed time only a time server or
// the operator makes it so.
[[nodiscard]] bool is_plausible(const TrustedClock& trusted, const ClockFacts& now,
                                bool trusts_clock = false);

// What the next manifest is to hold as the last believed time; none: what it holds already. The
// first time of all is taken as it is, until an earlier one contradicts it.
[[nodiscard]] std::optional<TrustedClock> next_trusted_clock(const TrustedClock& trusted,
                                                             const ClockFacts& now,
                                                             bool trusts_clock = false);

// Stands for the id of a boot of which only the ordinal is known.
[[nodiscard]] std::string stand_in_boot_id(std::uint32_t boot_ordinal);

// Where the manifest holds no believed time yet: what the tables (of a manifest that was lost) and
// the frames of the log say of it, taken in one after the other.
//
// Threads: confined.
class FirstClock final {
 public:
  explicit FirstClock(const std::vector<TableInfo>& tables);

  // What the clocks said when something was written, oldest first.
  void take(const ClockFacts& then);
  [[nodiscard]] const TrustedClock& get() const { return clock_; }

 private:
  TrustedClock clock_;
};

}  // namespace kifa::store
