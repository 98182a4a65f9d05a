#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/host.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

// For unit tests of plugins: a host that is made of memory.
namespace kifa::testing {

// A host for one instance: its clocks stand still until the test moves them, and what the component
// tells it is kept. Must outlive the instance.
//
// Threads: what a component may call from any thread may be called so here too; the rest, and
//          everything that changes the host itself, from the test's thread.
class FakeHost final {
 public:
  struct LogLine {
    std::int32_t level;
    std::string message;
    bool operator==(const LogLine&) const = default;
  };
  struct Metric {
    std::int32_t kind = 0;
    std::string unit, help;
    double value = 0;
  };

  explicit FakeHost(std::string instance_name = "test/instance")
      : instance_name_(std::move(instance_name)) {
    table_.struct_size = sizeof table_;
    table_.abi_major = KIFA_ABI_MAJOR;
    table_.abi_minor = KIFA_ABI_MINOR;
    table_.ctx = this;
    table_.host_version = "0.0.0";
    table_.instance_name = instance_name_.c_str();
    table_.record_bytes_max = 1U << 20U;
    table_.batch_records_max = 4096;
    table_.log = &log;
    table_.log_level = &log_level;
    table_.metric_register = &metric_register;
    table_.metric_add = &metric_add;
    table_.now_unix_ns = &now_unix_ns;
    table_.now_mono_ns = &now_mono_ns;
    table_.extension = &extension;
    table_.wake = &wake;
    table_.settle = &settle;
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;
  ~FakeHost() = default;

  [[nodiscard]] const kifa_host* raw() const { return &table_; }
  [[nodiscard]] sdk::Host host() const { return sdk::Host(&table_); }

  void set_record_bytes_max(std::uint32_t bytes) { table_.record_bytes_max = bytes; }
  void set_log_level(std::int32_t level) { log_level_ = level; }
  void set_extension(const std::string& id, const void* table) { extensions_[id] = table; }
  // Called, after it was kept, with everything that is settled.
  void on_settle(std::function<void(const kifa_receipt&)> call) { on_settle_ = std::move(call); }

  void set_unix_ns(std::int64_t ns) {
    const std::lock_guard lock(mutex_);
    unix_ns_ = ns;
  }
  // Both clocks.
  void advance_ns(std::int64_t ns) {
    const std::lock_guard lock(mutex_);
    unix_ns_ += ns;
    mono_ns_ += ns;
  }
  [[nodiscard]] std::int64_t mono_ns() const { return locked(mono_ns_); }
  [[nodiscard]] std::int64_t unix_ns() const { return locked(unix_ns_); }

  [[nodiscard]] std::vector<LogLine> logs() const { return locked(logs_); }
  [[nodiscard]] std::vector<kifa_receipt> receipts() const { return locked(receipts_); }
  [[nodiscard]] std::uint64_t wakes() const { return locked(wakes_); }
  // By name; 0 when nobody registered it.
  [[nodiscard]] double metric(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = metric_numbers_.find(name);
    return found == metric_numbers_.end() ? 0 : metrics_[found->second].value;
  }
  [[nodiscard]] std::map<std::string, Metric> metrics() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Metric> all;
    for (const auto& [name, number] : metric_numbers_) {
      all[name] = metrics_[number];
    }
    return all;
  }

 private:
  static FakeHost& of(const kifa_host* host) { return *static_cast<FakeHost*>(host->ctx); }
  template <class T>
  [[nodiscard]] T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  static void log(const kifa_host* host, std::int32_t level, kifa_str message) noexcept {
    FakeHost& self = of(host);
    if (level < self.log_level_) {
      return;
    }
    const std::lock_guard lock(self.mutex_);
    self.logs_.push_back({level, std::string(message.data, message.size)});
  }
  static std::int32_t log_level(const kifa_host* host) noexcept { return of(host).log_level_; }

  static std::uint32_t metric_register(const kifa_host* host, std::int32_t kind, const char* name,
                                       const char* unit, const char* help) noexcept {
    FakeHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    const auto next = static_cast<std::uint32_t>(self.metrics_.size());
    const auto [found, is_new] = self.metric_numbers_.try_emplace(name, next);
    if (is_new) {
      self.metrics_.push_back({kind, unit, help, 0});
    }
    return found->second;
  }
  static void metric_add(const kifa_host* host, std::uint32_t metric, double value) noexcept {
    FakeHost& self = of(host);
    const std::lock_guard lock(self.mutex_);
    if (metric >= self.metrics_.size()) {
      return;
    }
    Metric& counted = self.metrics_[metric];
    counted.value = counted.kind == KIFA_METRIC_GAUGE ? value : counted.value + value;
  }

  static std::int64_t now_unix_ns(const kifa_host* host) noexcept { return of(host).unix_ns(); }
  static std::int64_t now_mono_ns(const kifa_host* host) noexcept { return of(host).mono_ns(); }
  static const void* extension(const kifa_host* host, const char* id) noexcept {
    const auto found = of(host).extensions_.find(id);
    return found == of(host).extensions_.end() ? nullptr : found->second;
  }
  static void wake(const kifa_host* host) noexcept {
    const std::lock_guard lock(of(host).mutex_);
    ++of(host).wakes_;
  }
  static void settle(const kifa_host* host, const kifa_receipt* receipts,
                     std::uint32_t count) noexcept {
    FakeHost& self = of(host);
    for (std::uint32_t i = 0; i < count; ++i) {
      {
        const std::lock_guard lock(self.mutex_);
        self.receipts_.push_back(receipts[i]);
      }
      if (self.on_settle_) {
        self.on_settle_(receipts[i]);
      }
    }
  }

  const std::string instance_name_;
  kifa_host table_{};
  std::int32_t log_level_ = KIFA_LOG_DEBUG;
  std::map<std::string, const void*> extensions_;
  std::function<void(const kifa_receipt&)> on_settle_;

  mutable std::mutex mutex_;  // all below
  std::int64_t unix_ns_ = 1'769'884'200'123'456'789;
  std::int64_t mono_ns_ = 1'000'000'000;
  std::vector<LogLine> logs_;
  std::vector<kifa_receipt> receipts_;
  std::uint64_t wakes_ = 0;
  std::map<std::string, std::uint32_t> metric_numbers_;
  std::deque<Metric> metrics_;
};

}  // namespace kifa::testing
