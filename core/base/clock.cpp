#include "core/base/clock.hpp"

#include <sys/timex.h>

#include <ctime>

#include <fstream>

namespace kifa {

namespace {

std::int64_t read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

std::int64_t SystemClock::now_unix_ns() const { return read_clock(CLOCK_REALTIME); }
std::int64_t SystemClock::now_mono_ns() const { return read_clock(CLOCK_MONOTONIC); }
std::int64_t SystemClock::now_boot_ns() const { return read_clock(CLOCK_BOOTTIME); }

std::string SystemClock::boot_id() const {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  // Without /proc (a chroot) every boot looks the same: clock jumps are then judged within one
  // process only.
  return id.size() == 36 ? id : std::string("00000000-0000-0000-0000-000000000000");
}

bool SystemClock::is_synchronised() const {
  timex state{};  // modes 0: only asks
  const int answer = ::adjtimex(&state);
  return answer != -1 && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

}  // namespace kifa
