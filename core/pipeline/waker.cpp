#include "core/pipeline/waker.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

Waker::Waker() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { KIFA_ASSERT(fd_ >= 0); }

Waker::~Waker() { ::close(fd_); }

void Waker::wake() {
  if (state_.exchange(noticed, std::memory_order_acq_rel) == asleep) {
    const std::uint64_t one = 1;
    ssize_t written = 0;
    do {
      written = ::write(fd_, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
    // EAGAIN means that the counter is full: the sleeper is woken anyway.
  }
}

bool Waker::prepare_sleep() {
  int expected = awake;
  if (state_.compare_exchange_strong(expected, asleep, std::memory_order_acq_rel)) {
    return true;
  }
  state_.exchange(awake, std::memory_order_acq_rel);
  return false;
}

// Whoever saw us asleep writes a moment later, perhaps after we are up again: the count is read
// when it is there, whatever the state says, or it would keep us from ever sleeping again.
void Waker::woke(bool readable) {
  state_.exchange(awake, std::memory_order_acq_rel);
  if (readable) {
    std::uint64_t count = 0;
    while (::read(fd_, &count, sizeof(count)) < 0 && errno == EINTR) {
    }
  }
}

bool Waker::take_notice() { return state_.exchange(awake, std::memory_order_acq_rel) == noticed; }

}  // namespace kifa::pipeline
