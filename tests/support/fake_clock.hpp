#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/clock.hpp"
#include "core/base/thread_annotations.hpp"

namespace kifa::test {

// A clock that stands still until the test moves it. Begins at 2026-01-31 18:30:00.123 UTC, an hour
// after boot.
//
// Threads: any.
class FakeClock final : public Clock {
 public:
  FakeClock() = default;

  [[nodiscard]] std::int64_t now_unix_ns() const override {
    const MutexLock lock(mutex_);
    return unix_ns_;
  }
  [[nodiscard]] std::int64_t now_mono_ns() const override {
    const MutexLock lock(mutex_);
    return mono_ns_;
  }
  [[nodiscard]] std::int64_t now_boot_ns() const override {
    const MutexLock lock(mutex_);
    return boot_ns_;
  }
  [[nodiscard]] std::string boot_id() const override {
    const MutexLock lock(mutex_);
    return boot_id_;
  }
  [[nodiscard]] bool is_synchronised() const override {
    const MutexLock lock(mutex_);
    return is_synchronised_;
  }

  // Time passes on all clocks.
  void advance(std::chrono::nanoseconds by) {
    const MutexLock lock(mutex_);
    unix_ns_ += by.count();
    mono_ns_ += by.count();
    boot_ns_ += by.count();
  }
  // Somebody sets the wall clock; the others go on.
  void jump_wall(std::chrono::nanoseconds by) {
    const MutexLock lock(mutex_);
    unix_ns_ += by.count();
  }
  // The machine sleeps: the monotonic clock stands still.
  void suspend(std::chrono::nanoseconds by) {
    const MutexLock lock(mutex_);
    unix_ns_ += by.count();
    boot_ns_ += by.count();
  }
  // A new boot: the clocks since boot begin again.
  void reboot(std::string boot_id) {
    const MutexLock lock(mutex_);
    boot_id_ = std::move(boot_id);
    mono_ns_ = 0;
    boot_ns_ = 0;
  }
  void set_unix_ns(std::int64_t now) {
    const MutexLock lock(mutex_);
    unix_ns_ = now;
  }
  void set_mono_ns(std::int64_t now) {
    const MutexLock lock(mutex_);
    mono_ns_ = now;
  }
  void set_boot_ns(std::int64_t now) {
    const MutexLock lock(mutex_);
    boot_ns_ = now;
  }
  void set_boot_id(std::string boot_id) {
    const MutexLock lock(mutex_);
    boot_id_ = std::move(boot_id);
  }
  void set_synchronised(bool is_synchronised) {
    const MutexLock lock(mutex_);
    is_synchronised_ = is_synchronised;
  }

 private:
  static constexpr std::int64_t kHourNs = 3'600'000'000'000;

  mutable Mutex mutex_;
  std::int64_t unix_ns_ KIFA_GUARDED_BY(mutex_) = 1'769'884'200'123'000'000;
  std::int64_t mono_ns_ KIFA_GUARDED_BY(mutex_) = kHourNs;
  std::int64_t boot_ns_ KIFA_GUARDED_BY(mutex_) = kHourNs;
  std::string boot_id_ KIFA_GUARDED_BY(mutex_) = "b0071d00-0000-4000-8000-000000000001";
  bool is_synchronised_ KIFA_GUARDED_BY(mutex_) = false;
};

}  // namespace kifa::test
