#include "plugins/sources/shared/output.hpp"

#include <cerrno>

namespace kifa::plugins {

Output::Sent Output::send_some(int fd, sdk::Bytes bytes) const {
  Sent sent;
  while (sent.bytes < bytes.size()) {
    const sdk::Bytes left = bytes.subspan(sent.bytes);
    const ssize_t taken = call_(fd, left.data(), left.size());
    if (taken > 0) {
      sent.bytes += static_cast<std::size_t>(taken);
    } else if (taken == 0 || errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      sent.gone = true;
      break;
    }
  }
  return sent;
}

Output::Outcome Output::send(int fd, sdk::Bytes bytes) {
  if (unsent() == 0) {
    const Sent sent = send_some(fd, bytes);
    if (sent.gone) {
      return Outcome::gone;
    }
    bytes = bytes.subspan(sent.bytes);
  }
  if (bytes.empty() && unsent() == 0) {
    return Outcome::sent;
  }
  if (unsent() + bytes.size() > kUnsentBytesMax) {
    return Outcome::too_slow;
  }
  waiting_.append(sdk::text_of(bytes));
  return Outcome::waits;
}

Output::Outcome Output::flush(int fd) {
  const Sent sent = send_some(fd, sdk::bytes_of(waiting_).subspan(sent_));
  sent_ += sent.bytes;
  if (sent.gone) {
    return Outcome::gone;
  }
  if (unsent() != 0) {
    // Now and then, so that not every flush moves what is left.
    if (sent_ >= kUnsentBytesHigh) {
      waiting_.erase(0, sent_);
      sent_ = 0;
    }
    return Outcome::waits;
  }
  waiting_ = {};
  sent_ = 0;
  return Outcome::sent;
}

}  // namespace kifa::plugins
