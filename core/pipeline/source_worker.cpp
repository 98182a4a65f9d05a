#include "core/pipeline/source_worker.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

namespace {

// Sleeps until a descriptor is ready or the time has come; true: one of the plugin's is ready.
bool sleep_on(std::vector<pollfd>& fds, std::int64_t until, const Clock& clock) {
  timespec timeout{};
  const timespec* limit = nullptr;
  if (until != kNoTime) {
    const std::int64_t left = std::max<std::int64_t>(until - clock.now_mono_ns(), 0);
    timeout = {left / 1'000'000'000, left % 1'000'000'000};
    limit = &timeout;
  }
  const int ready = ::ppoll(fds.data(), fds.size(), limit, nullptr);
  if (ready < 0) {
    // EINTR: look again. Anything else would be a broken table of our own.
    KIFA_ASSERT(errno == EINTR || errno == ENOMEM);
    return false;
  }
  return std::any_of(fds.begin() + 1, fds.end(), [](const pollfd& fd) { return fd.revents != 0; });
}

}  // namespace

void run_source(SourceEngine& engine, const Clock& clock) {
  Waker& waker = *engine.parts().waker;
  std::vector<pollfd> fds;
  bool ready = false;
  while (!engine.finished()) {
    const Wait wait = engine.turn(ready);
    ready = false;
    if (wait.again || !waker.prepare_sleep()) {
      continue;
    }
    fds.clear();
    fds.push_back({waker.fd(), POLLIN, 0});
    engine.descriptors(wait, fds);
    ready = sleep_on(fds, wait.until, clock);
    waker.woke(fds.front().revents != 0);
  }
}

}  // namespace kifa::pipeline
