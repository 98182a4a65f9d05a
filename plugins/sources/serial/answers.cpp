#include "plugins/sources/serial/answers.hpp"

#include <poll.h>

namespace kifa::plugins::serial_source {

namespace {

constexpr int kFinishTries = 100;
constexpr int kFinishTryMs = 5;

}  // namespace

sdk::Status SerialAnswers::send(Port& port, sdk::Bytes bytes) {
  const bool was_waiting = is_waiting();
  switch (output_.send(port, bytes)) {
    case Output::Outcome::waits:
      if (!was_waiting) {
        moved_ns_ = host_.now_mono_ns();
        host_.wake();  // to wait for the device, with a time limit
      }
      return {};
    case Output::Outcome::too_slow:
      notices_.tell(Notice::slow, device_ + " does not take its answers; further ones are dropped");
      return sdk::Status::unavailable("the device does not take its answers");
    case Output::Outcome::gone:
      return sdk::Status::unavailable("the device is gone");
    default:
      return {};
  }
}

bool SerialAnswers::send_waiting(Port& port) {
  const std::size_t before = output_.unsent();
  if (before == 0) {
    return true;
  }
  if (output_.flush(port) == Output::Outcome::gone) {
    return false;
  }
  const std::int64_t now_ns = host_.now_mono_ns();
  if (output_.unsent() < before) {
    moved_ns_ = now_ns;
  } else if (now_ns - moved_ns_ >= timeout_ns_) {
    notices_.tell(Notice::slow,
                  device_ + " took no answer for reply_timeout; what waits for it is dropped");
    port.discard_unsent();
    forget();
  }
  return true;
}

void SerialAnswers::finish(Port& port) {
  for (int i = 0; i < kFinishTries && (is_waiting() || port.unsent() != 0); ++i) {
    if (is_waiting() && output_.flush(port) == Output::Outcome::gone) {
      break;
    }
    ::poll(nullptr, 0, kFinishTryMs);
  }
  if (port.unsent() != 0) {
    port.discard_unsent();
  }
  forget();
}

}  // namespace kifa::plugins::serial_source
