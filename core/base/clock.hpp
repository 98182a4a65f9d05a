#pragma once

#include <cstdint>
#include <string>

namespace kifa {

// The machine's clocks, injected so that tests decide what time it is.
//
// Threads: all functions from any thread.
class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual std::int64_t now_unix_ns() const = 0;  // wall clock, may jump
  [[nodiscard]] virtual std::int64_t now_mono_ns() const = 0;  // CLOCK_MONOTONIC: for deadlines
  [[nodiscard]] virtual std::int64_t now_boot_ns()
      const = 0;  // CLOCK_BOOTTIME: counts while suspended too
  [[nodiscard]] virtual std::string boot_id() const = 0;  // 36 characters, new for every boot
  // Whether the kernel says that the wall clock follows a time server or another reference
  // (adjtimex). Setting the clock by hand ends it.
  [[nodiscard]] virtual bool is_synchronised() const = 0;
};

// The real clocks of this machine.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_unix_ns() const override;
  [[nodiscard]] std::int64_t now_mono_ns() const override;
  [[nodiscard]] std::int64_t now_boot_ns() const override;
  [[nodiscard]] std::string boot_id() const override;
  [[nodiscard]] bool is_synchronised() const override;
};

}  // namespace kifa
