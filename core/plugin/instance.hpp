#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/limits.hpp"
#include "core/base/status.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::plugin {

inline constexpr std::uint32_t kBatchRecordsMaxDefault = 4096;
inline constexpr std::uint32_t kMetricsMax = 64;          // of one instance
inline constexpr std::size_t kLogMessageBytesMax = 4096;  // the rest is cut off
inline constexpr std::uint32_t kNoMetric = 0xFFFF'FFFFU;  // metric_register gave none

// What one instance may ask of the host. Called on any thread, also while a call into the component
// runs; what they throw is swallowed. Empty functions are allowed.
struct HostCallbacks {
  std::function<void(std::int32_t level, std::string_view message)> log;
  std::int32_t log_level = KIFA_LOG_INFO;  // lower levels do not reach `log`
  const Clock* clock = nullptr;            // null: the system's
  std::function<void()> wake;
  std::function<void(const kifa_receipt*, std::uint32_t)> settle;
  std::uint32_t record_bytes_max = static_cast<std::uint32_t>(limits::kRecordBytesMaxDefault);
  std::uint32_t batch_records_max = kBatchRecordsMaxDefault;
};

// One instance of a component together with the kifa_host that it sees; destroyed with this object,
// in whatever state it is.
//
// Threads: create, configure, start, stop and the destructor on the control thread; metrics() from
//          any thread. What raw() is used for follows the thread tags of <kifa/plugin.h>.
// Errors:  a failure of the component is its own sentence behind "<instance name> (<type>)".
class Instance final {
 public:
  static Result<std::unique_ptr<Instance>> create(const Component& component,
                                                  std::string instance_name,
                                                  HostCallbacks callbacks);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  Status configure(std::span<const kifa_setting> settings);
  Status start();
  Status stop(std::int64_t deadline_mono_ns);

  [[nodiscard]] kifa_instance* raw() const;
  [[nodiscard]] const kifa_component& component() const;
  [[nodiscard]] const std::string& name() const;
  // The component's table; null when it is of another kind.
  [[nodiscard]] const kifa_source* source() const;
  [[nodiscard]] const kifa_framing* framing() const;
  [[nodiscard]] const kifa_sink* sink() const;
  [[nodiscard]] const kifa_formatter* formatter() const;

  struct Metric {
    std::string name, unit, help;
    std::int32_t kind = KIFA_METRIC_COUNTER;
    double value = 0;
  };
  [[nodiscard]] std::vector<Metric> metrics() const;

 private:
  struct Impl;
  explicit Instance(std::unique_ptr<Impl> impl);
  [[nodiscard]] const void* operations(std::uint32_t kind) const;

  std::unique_ptr<Impl> impl_;
};

// A component's status as ours: OK for everything that is not a failure; otherwise the code's
// counterpart and "<context>: <the component's sentence>", with the system's words when it named an
// errno and did not say them itself.
Status status_from(kifa_status status, const kifa_error& error, std::string_view context);

// An error for a component to fill.
[[nodiscard]] kifa_error empty_error();

}  // namespace kifa::plugin
