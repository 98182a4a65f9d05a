#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <limits>

#include "plugins/sources/serial/port.hpp"
#include "plugins/sources/shared/notices.hpp"

namespace kifa::plugins::serial_source {

// Keeps one port open: notes when it is unplugged, and looks for its path until it is back.
//
// The waits between two looks double from kFirstTryNs to kLastTryNs, and begin anew when the port
// was there for kSteadyNs: a loose plug is not looked for all the time. They are the source's own,
// and not the host's, which grow to a minute: each second without a reader is a part of a receipt.
//
// Threads: confined.
// Errors:  start(): what Port::open() says, but not that nothing is there; later every failure is
//          tried again, because right after a plug others look at the device, and its rights are
//          not set yet.
class PortKeeper final {
 public:
  static constexpr std::int64_t kFirstTryNs = 100'000'000;
  static constexpr std::int64_t kLastTryNs = 2'000'000'000;
  static constexpr std::int64_t kSteadyNs = 10'000'000'000;
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit PortKeeper(sdk::Host host) : host_(host), notices_(host) {}

  // In configure().
  void declare_metrics();
  sdk::Status start(const PortOptions& options);
  void stop();

  [[nodiscard]] Port& port() { return port_; }
  [[nodiscard]] bool is_open() const { return port_.is_open(); }
  // Tries to open it when it is time; true: it is open.
  bool look();
  // kNever while it is open.
  [[nodiscard]] std::int64_t next_look_ns() const {
    return port_.is_open() ? kNever : next_try_ns_;
  }
  // The device is gone. The descriptor is closed at once: an adapter that comes back while its old
  // name is in use gets another one.
  void lose();
  // How long it was away, once after it is back; 0: it was not.
  [[nodiscard]] std::int64_t absence_ns() const { return absence_ns_; }
  void forget_absence() { absence_ns_ = 0; }

  // Counts what went wrong on the line since the last call; returns how many bytes were lost.
  std::uint64_t count_errors();

 private:
  enum class Notice : std::uint8_t { not_back, overrun, count };

  void plan_next_try();
  void is_there();

  sdk::Host host_;
  Notices<Notice> notices_;
  sdk::Metric connected_, breaks_, parity_errors_, framing_errors_, overruns_;

  PortOptions options_;
  Port port_;
  LineCounts counts_;  // that have been told
  std::int64_t opened_ns_ = 0;
  std::int64_t lost_ns_ = kNever;  // kNever: it has not been there yet
  std::int64_t absence_ns_ = 0;
  std::int64_t next_try_ns_ = kNever;
  std::int64_t wait_ns_ = 0;
};

// "3.2 s"
[[nodiscard]] std::string seconds_text(std::int64_t ns);

}  // namespace kifa::plugins::serial_source
