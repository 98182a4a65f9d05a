#include "plugins/sources/shared/output.hpp"

namespace kifa::plugins {

Output::Outcome Output::send(Outlet& outlet, sdk::Bytes bytes) {
  if (unsent() == 0) {
    const Outlet::Sent sent = outlet.send(bytes);
    if (sent.is_gone) {
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

Output::Outcome Output::flush(Outlet& outlet) {
  const Outlet::Sent sent = outlet.send(sdk::bytes_of(waiting_).subspan(sent_));
  sent_ += sent.bytes;
  if (sent.is_gone) {
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
