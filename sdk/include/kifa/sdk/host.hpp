#pragma once

#include <kifa/sdk/settings.hpp>
#include <kifa/sdk/status.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// A counter or gauge of one instance. Costs one call through the host's table and one atomic.
//
// Threads: any.
class Metric final {
 public:
  Metric() = default;  // counts nothing
  Metric(const kifa_host* host, std::uint32_t metric) : host_(host), metric_(metric) {}

  // Counters: adds.
  void add(double delta = 1) const {
    if (host_ != nullptr) {
      host_->metric_add(host_, metric_, delta);
    }
  }
  // Gauges: the new value.
  void set(double value) const { add(value); }

 private:
  const kifa_host* host_ = nullptr;
  std::uint32_t metric_ = 0;
};

// What the host offers to one instance; small, copy it. Valid until the instance is destroyed.
//
// Threads: any, but for counter() and gauge(): only on the control thread, before start() returns.
class Host final {
 public:
  explicit Host(const kifa_host* host) : host_(host) {}

  [[nodiscard]] std::string_view version() const { return host_->host_version; }
  [[nodiscard]] std::string_view instance_name() const { return host_->instance_name; }
  [[nodiscard]] std::uint32_t record_bytes_max() const { return host_->record_bytes_max; }
  [[nodiscard]] std::uint32_t batch_records_max() const { return host_->batch_records_max; }

  [[nodiscard]] std::int64_t now_unix_ns() const { return host_->now_unix_ns(host_); }
  [[nodiscard]] std::int64_t now_mono_ns() const { return host_->now_mono_ns(host_); }

  // One sentence; the host adds time and instance. Per-record events are metrics, never log lines;
  // payloads are never logged.
  void debug(std::string_view message) const { log(KIFA_LOG_DEBUG, message); }
  void info(std::string_view message) const { log(KIFA_LOG_INFO, message); }
  void warn(std::string_view message) const { log(KIFA_LOG_WARN, message); }
  void error(std::string_view message) const { log(KIFA_LOG_ERROR, message); }
  void log(std::int32_t level, std::string_view message) const {
    host_->log(host_, level, to_abi(message));
  }
  // False: do not build the message.
  [[nodiscard]] bool logs(std::int32_t level) const { return level >= host_->log_level(host_); }

  // `name` in snake_case, `unit` may be "" ("records", "bytes", "seconds").
  [[nodiscard]] Metric counter(const char* name, const char* unit, const char* help) const {
    return {host_, host_->metric_register(host_, KIFA_METRIC_COUNTER, name, unit, help)};
  }
  [[nodiscard]] Metric gauge(const char* name, const char* unit, const char* help) const {
    return {host_, host_->metric_register(host_, KIFA_METRIC_GAUGE, name, unit, help)};
  }

  // Sources: have poll() called now, from any thread.
  void wake() const { host_->wake(host_); }

  // Sinks: these batches are durable, or failed; every taken batch once, in ticket order.
  void settle(std::span<const kifa_receipt> receipts) const {
    host_->settle(host_, receipts.data(), static_cast<std::uint32_t>(receipts.size()));
  }
  void settle(std::uint64_t ticket, std::uint64_t first_lsn, kifa_status status) const {
    const kifa_receipt receipt{ticket, first_lsn, status, 0};
    host_->settle(host_, &receipt, 1);
  }

  // An optional area of the host, "kifa.ext.<name>/1"; null when this host does not have it.
  template <class Table>
  [[nodiscard]] const Table* extension(const char* id) const {
    return static_cast<const Table*>(host_->extension(host_, id));
  }

  [[nodiscard]] const kifa_host* raw() const { return host_; }

 private:
  const kifa_host* host_;
};

// What every component is: created, configured once, then started and stopped any number of times,
// destroyed in any state.
//
// Threads: all functions on the host's control thread; none overlaps another call of this instance.
class Component {
 public:
  explicit Component(Host host) : host_(host) {}
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
  virtual ~Component() = default;

  // Takes over the settings; no outside effect. A failure names the option.
  virtual Status configure(const Settings& /*settings*/) { return {}; }
  // Opens the outside. UNAVAILABLE: the host backs off and starts again.
  virtual Status start() { return {}; }
  virtual Status stop(std::int64_t /*deadline_mono_ns*/) { return {}; }

  [[nodiscard]] const Host& host() const { return host_; }

 private:
  Host host_;
};

}  // namespace v1
}  // namespace kifa::sdk
