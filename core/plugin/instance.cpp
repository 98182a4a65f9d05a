#include "core/plugin/instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/base/assert.hpp"
#include "core/base/thread_annotations.hpp"

namespace kifa::plugin {
namespace {

Code code_from(kifa_status status) {
  switch (status) {
    case KIFA_INVALID:
      return Code::invalid;
    case KIFA_UNSUPPORTED:
      return Code::unsupported;
    case KIFA_UNAVAILABLE:
      return Code::unavailable;
    case KIFA_IO:
      return Code::io;
    case KIFA_NO_SPACE:
      return Code::no_space;
    case KIFA_CORRUPT:
      return Code::corrupt;
    case KIFA_NO_MEMORY:
      return Code::no_memory;
    case KIFA_LOCKED:
      return Code::locked;
    default:
      return Code::internal;
  }
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

Status status_from(kifa_status status, const kifa_error& error, std::string_view context) {
  if (status >= 0) {
    return {};
  }
  const std::size_t size = strnlen(error.message, sizeof error.message);
  std::string message(error.message, size);
  if (message.empty()) {
    message = fmt::format("failed with status {} and gave no reason", status);
  }
  if (error.sys_errno != 0) {
    const std::string words = std::generic_category().message(error.sys_errno);
    if (message.find(words) == std::string::npos) {
      message += ": " + words;
    }
  }
  return {code_from(status), fmt::format("{}: {}", context, message)};
}

kifa_error empty_error() {
  kifa_error error{};
  error.struct_size = sizeof error;
  return error;
}

// The host's side of one instance.
//
// Threads: the callbacks are constant after construction. Metrics: a slot's description is written
// once, under the mutex, before metric_count_ is raised with release order; readers see it with
// acquire order. Values are atomics with relaxed order: each stands for itself.
struct Instance::Impl {
  struct MetricSlot {
    std::string name, unit, help;
    std::int32_t kind = KIFA_METRIC_COUNTER;
    std::atomic<double> value = 0;
  };

  Impl(const Component& part, std::string name, HostCallbacks given)
      : component(part),
        instance_name(std::move(name)),
        callbacks(std::move(given)),
        clock(callbacks.clock != nullptr ? *callbacks.clock : system_clock()),
        subject(fmt::format("{} ({})", instance_name, part.component->type)) {
    host.struct_size = sizeof host;
    host.abi_major = KIFA_ABI_MAJOR;
    host.abi_minor = KIFA_ABI_MINOR;
    host.ctx = this;
    host.host_version = KIFA_VERSION;
    host.instance_name = instance_name.c_str();
    host.record_bytes_max = callbacks.record_bytes_max;
    host.batch_records_max = callbacks.batch_records_max;
    host.log = &Impl::log;
    host.log_level = &Impl::log_level;
    host.metric_register = &Impl::metric_register;
    host.metric_add = &Impl::metric_add;
    host.now_unix_ns = &Impl::now_unix_ns;
    host.now_mono_ns = &Impl::now_mono_ns;
    host.extension = &Impl::extension;
    host.wake = &Impl::wake;
    host.settle = &Impl::settle;
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (raw != nullptr) {
      component.component->lifecycle->destroy(raw);
    }
  }

  static Impl& of(const kifa_host* host) { return *static_cast<Impl*>(host->ctx); }

  static void log(const kifa_host* host, std::int32_t level, kifa_str message) noexcept {
    const Impl& self = of(host);
    if (level < self.callbacks.log_level || !self.callbacks.log || message.data == nullptr) {
      return;
    }
    try {
      self.callbacks.log(level, {message.data, std::min(message.size, kLogMessageBytesMax)});
    } catch (...) {  // NOLINT: a log line that cannot be written must not stop a component
    }
  }
  static std::int32_t log_level(const kifa_host* host) noexcept {
    return of(host).callbacks.log_level;
  }

  static std::uint32_t metric_register(const kifa_host* host, std::int32_t kind, const char* name,
                                       const char* unit, const char* help) noexcept {
    Impl& self = of(host);
    try {
      return self.register_metric(kind, text_or_empty(name), text_or_empty(unit),
                                  text_or_empty(help));
    } catch (...) {
      return kNoMetric;
    }
  }
  std::uint32_t register_metric(std::int32_t kind, std::string name, std::string unit,
                                std::string help) {
    const MutexLock lock(metrics_mutex);
    const std::uint32_t count = metric_count.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (metrics[i].name == name) {
        return metrics[i].kind == kind ? i : kNoMetric;
      }
    }
    if (count == kMetricsMax) {
      return kNoMetric;
    }
    MetricSlot& slot = metrics[count];
    slot.name = std::move(name);
    slot.unit = std::move(unit);
    slot.help = std::move(help);
    slot.kind = kind;
    metric_count.store(count + 1, std::memory_order_release);
    return count;
  }
  static void metric_add(const kifa_host* host, std::uint32_t metric, double value) noexcept {
    Impl& self = of(host);
    if (metric >= self.metric_count.load(std::memory_order_acquire)) {
      return;
    }
    MetricSlot& slot = self.metrics[metric];
    if (slot.kind == KIFA_METRIC_GAUGE) {
      slot.value.store(value, std::memory_order_relaxed);
    } else {
      slot.value.fetch_add(value, std::memory_order_relaxed);
    }
  }

  static std::int64_t now_unix_ns(const kifa_host* host) noexcept {
    return of(host).clock.now_unix_ns();
  }
  static std::int64_t now_mono_ns(const kifa_host* host) noexcept {
    return of(host).clock.now_mono_ns();
  }
  static const void* extension(const kifa_host* /*host*/, const char* /*id*/) noexcept {
    return nullptr;  // there are none yet
  }

  static void wake(const kifa_host* host) noexcept {
    const Impl& self = of(host);
    if (self.callbacks.wake) {
      try {
        self.callbacks.wake();
      } catch (...) {  // NOLINT: nothing may throw into the component
      }
    }
  }
  static void settle(const kifa_host* host, const kifa_receipt* receipts,
                     std::uint32_t count) noexcept {
    // A receipt that got lost would leave its source waiting for ever: an exception in here ends
    // the process, as noexcept says.
    const Impl& self = of(host);
    if (self.callbacks.settle) {
      self.callbacks.settle(receipts, count);
    }
  }

  Component component;
  std::string instance_name;
  HostCallbacks callbacks;
  const Clock& clock;
  std::string subject;
  kifa_host host{};
  kifa_instance* raw = nullptr;

  Mutex metrics_mutex;  // registrations
  std::array<MetricSlot, kMetricsMax> metrics;
  std::atomic<std::uint32_t> metric_count = 0;
};

Instance::Instance(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Instance::~Instance() = default;

Result<std::unique_ptr<Instance>> Instance::create(const Component& component,
                                                   std::string instance_name,
                                                   HostCallbacks callbacks) {
  KIFA_ASSERT(component.component != nullptr);
  auto impl = std::make_unique<Impl>(component, std::move(instance_name), std::move(callbacks));
  kifa_error error = empty_error();
  impl->raw = component.component->lifecycle->create(&impl->host, &error);
  if (impl->raw == nullptr) {
    const kifa_status status = error.code < 0 ? error.code : KIFA_INTERNAL;
    return status_from(status, error, impl->subject);
  }
  return std::unique_ptr<Instance>(new Instance(std::move(impl)));
}

Status Instance::configure(std::span<const kifa_setting> settings) {
  kifa_error error = empty_error();
  const kifa_status status = component().lifecycle->configure(
      raw(), settings.data(), static_cast<std::uint32_t>(settings.size()), sizeof(kifa_setting),
      &error);
  return status_from(status, error, impl_->subject);
}

Status Instance::start() {
  kifa_error error = empty_error();
  return status_from(component().lifecycle->start(raw(), &error), error, impl_->subject);
}

Status Instance::stop(std::int64_t deadline_mono_ns) {
  kifa_error error = empty_error();
  return status_from(component().lifecycle->stop(raw(), deadline_mono_ns, &error), error,
                     impl_->subject);
}

kifa_instance* Instance::raw() const { return impl_->raw; }
const kifa_component& Instance::component() const { return *impl_->component.component; }
const std::string& Instance::name() const { return impl_->instance_name; }

const void* Instance::operations(std::uint32_t kind) const {
  return component().kind == kind ? component().operations : nullptr;
}
const kifa_source* Instance::source() const {
  return static_cast<const kifa_source*>(operations(KIFA_KIND_SOURCE));
}
const kifa_framing* Instance::framing() const {
  return static_cast<const kifa_framing*>(operations(KIFA_KIND_FRAMING));
}
const kifa_sink* Instance::sink() const {
  return static_cast<const kifa_sink*>(operations(KIFA_KIND_SINK));
}
const kifa_formatter* Instance::formatter() const {
  return static_cast<const kifa_formatter*>(operations(KIFA_KIND_FORMATTER));
}

std::vector<Instance::Metric> Instance::metrics() const {
  const std::uint32_t count = impl_->metric_count.load(std::memory_order_acquire);
  std::vector<Metric> all;
  all.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Impl::MetricSlot& slot = impl_->metrics[i];
    all.push_back(
        {slot.name, slot.unit, slot.help, slot.kind, slot.value.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace kifa::plugin
