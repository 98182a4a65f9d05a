#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <limits>
#include <string>

#include "plugins/sources/serial/port.hpp"
#include "plugins/sources/shared/notices.hpp"
#include "plugins/sources/shared/output.hpp"

namespace kifa::plugins::serial_source {

// Answers to the device at a port, which takes them when it likes.
//
// What it has not taken after a time is dropped: half a minute late an ACK would be taken for the
// answer to something else.
//
// Threads: confined.
// Limits:  as Output; an answer beyond it is refused.
class SerialAnswers final {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit SerialAnswers(sdk::Host host) : host_(host), notices_(host) {}

  void configure(std::string device, std::int64_t timeout_ns) {
    device_ = std::move(device);
    timeout_ns_ = timeout_ns;
  }
  // All of it, or nothing; does not wait.
  sdk::Status send(Port& port, sdk::Bytes bytes);
  // Sends what waits. False: the device is gone.
  bool send_waiting(Port& port);
  // Gives what waits half a second to leave, and drops the rest: to close a port waits for a device
  // that takes nothing for as long as its driver likes.
  void finish(Port& port);
  // The device is another one, or gone.
  void forget() { output_ = Output(); }

  [[nodiscard]] bool is_waiting() const { return output_.unsent() != 0; }
  // When send_waiting() has something to drop.
  [[nodiscard]] std::int64_t due_ns() const {
    return is_waiting() ? moved_ns_ + timeout_ns_ : kNever;
  }

 private:
  enum class Notice : std::uint8_t { slow, count };

  sdk::Host host_;
  Notices<Notice> notices_;
  std::string device_;
  std::int64_t timeout_ns_ = 0;
  Output output_;
  std::int64_t moved_ns_ = 0;  // when the device took something of what waits
};

}  // namespace kifa::plugins::serial_source
