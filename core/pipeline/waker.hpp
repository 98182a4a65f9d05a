#pragma once

#include <atomic>

namespace kifa::pipeline {

// Wakes one thread that sleeps in ppoll, and costs nothing while that thread is busy.
//
// The sleeper calls prepare_sleep(); when it says true it sleeps with fd() among its descriptors
// and calls woke() afterwards; when it says false somebody called wake() since, and it looks again
// first. A wake() is never lost; one too many is possible.
//
// Threads: wake() from any thread; the others on the sleeper's.
// Errors:  without descriptors left at construction the process ends: nothing could run.
class Waker final {
 public:
  Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker();

  void wake();
  [[nodiscard]] bool prepare_sleep();
  // `readable`: poll said so of fd().
  void woke(bool readable);
  [[nodiscard]] int fd() const { return fd_; }
  // True once after a wake(): for tests and loops without sleep.
  [[nodiscard]] bool take_notice();

 private:
  enum State : int { awake, asleep, noticed };
  const int fd_;
  std::atomic<int> state_{awake};
};

}  // namespace kifa::pipeline
