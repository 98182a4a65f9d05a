#include "plugins/sources/serial/port_keeper.hpp"

#include <algorithm>

namespace kifa::plugins::serial_source {

std::string seconds_text(std::int64_t ns) {
  const std::int64_t tenths = ns / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

void PortKeeper::declare_metrics() {
  connected_ = host_.gauge("connected", "", "1 while the port is open, 0 while it is away.");
  breaks_ = host_.counter("breaks", "", "Breaks on the line.");
  parity_errors_ = host_.counter("parity_errors", "bytes", "Bytes with a wrong parity bit.");
  framing_errors_ = host_.counter("framing_errors", "bytes", "Bytes without their stop bit.");
  overruns_ = host_.counter("overruns", "bytes", "Bytes that hardware or driver lost.");
}

sdk::Status PortKeeper::start(const PortOptions& options) {
  options_ = options;
  wait_ns_ = 0;
  lost_ns_ = kNever;
  absence_ns_ = 0;
  sdk::Status opened = port_.open(options_);
  if (opened.code() == KIFA_UNAVAILABLE) {
    host_.warn(opened.message() + "; looking for it until it is there");
    plan_next_try();
    return {};
  }
  if (!opened.failed()) {
    is_there();
  }
  return opened;
}

void PortKeeper::stop() {
  port_.close();
  connected_.set(0);
}

void PortKeeper::is_there() {
  counts_ = port_.counts();
  opened_ns_ = host_.now_mono_ns();
  connected_.set(1);
  std::string text = options_.device;
  if (lost_ns_ == kNever) {
    text += " is open";
  } else {
    absence_ns_ = std::max<std::int64_t>(opened_ns_ - lost_ns_, 1);
    text += " is back after " + seconds_text(absence_ns_);
  }
  text += " with " + text_of(options_.line);
  host_.info(port_.missing().empty() ? text : text + "; its driver has " + port_.missing());
  if (!port_.differences().empty()) {
    host_.warn(options_.device + ": its driver gives " + port_.differences() +
               "; what comes may be misread");
  }
}

void PortKeeper::plan_next_try() {
  wait_ns_ = wait_ns_ == 0 ? kFirstTryNs : std::min(2 * wait_ns_, kLastTryNs);
  next_try_ns_ = host_.now_mono_ns() + wait_ns_;
}

bool PortKeeper::look() {
  if (port_.is_open()) {
    return true;
  }
  if (host_.now_mono_ns() < next_try_ns_) {
    return false;
  }
  if (sdk::Status opened = port_.open(options_); opened.failed()) {
    if (opened.code() != KIFA_UNAVAILABLE) {
      notices_.tell(Notice::not_back, opened.message() + "; trying again");
    }
    plan_next_try();
    return false;
  }
  is_there();
  return true;
}

void PortKeeper::lose() {
  port_.close();
  connected_.set(0);
  lost_ns_ = host_.now_mono_ns();
  if (lost_ns_ - opened_ns_ >= kSteadyNs) {
    wait_ns_ = 0;
  }
  plan_next_try();
  host_.warn(options_.device + " is gone; looking for it until it is back");
}

std::uint64_t PortKeeper::count_errors() {
  const LineCounts now = port_.counts();
  const LineCounts fresh = now.since(counts_);
  counts_ = now;
  const auto add = [](const sdk::Metric& metric, std::uint64_t count) {
    if (count != 0) {
      metric.add(static_cast<double>(count));
    }
  };
  add(breaks_, fresh.breaks);
  add(parity_errors_, fresh.parity_errors);
  add(framing_errors_, fresh.framing_errors);
  add(overruns_, fresh.overruns);
  if (fresh.overruns != 0) {
    notices_.tell(Notice::overrun,
                  options_.device +
                      ": its hardware or driver lost bytes; the machine is too busy, "
                      "or the rate too high without flow control");
  }
  return fresh.overruns;
}

}  // namespace kifa::plugins::serial_source
