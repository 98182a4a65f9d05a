#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk/option_text.hpp>

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// Drives the components of a plugin through their C tables, as the host does.
namespace kifa::plugins::testing {

// A host whose clock stands still until the test moves it, and which remembers what it is told.
//
// Threads: log and settle from any; the rest confined.
class Host final {
 public:
  Host() {
    table_.struct_size = sizeof table_;
    table_.abi_major = KIFA_ABI_MAJOR;
    table_.abi_minor = KIFA_ABI_MINOR;
    table_.ctx = this;
    table_.host_version = "0.0.0";
    table_.instance_name = "test/instance";
    table_.record_bytes_max = 1U << 20U;
    table_.batch_records_max = 4096;
    table_.log = [](const kifa_host* host, std::int32_t level, kifa_str text) noexcept {
      const std::lock_guard lock(self(host).mutex_);
      self(host).logs_.emplace_back(std::to_string(level) + " " +
                                    std::string(text.data, text.size));
    };
    table_.log_level = [](const kifa_host*) noexcept -> std::int32_t { return KIFA_LOG_DEBUG; };
    table_.metric_register = [](const kifa_host*, std::int32_t, const char*, const char*,
                                const char*) noexcept -> std::uint32_t { return 0; };
    table_.metric_add = [](const kifa_host*, std::uint32_t, double) noexcept {};
    table_.now_unix_ns = [](const kifa_host* host) noexcept { return self(host).unix_ns; };
    table_.now_mono_ns = [](const kifa_host* host) noexcept { return self(host).mono_ns; };
    table_.extension = [](const kifa_host*, const char*) noexcept -> const void* {
      return nullptr;
    };
    table_.wake = [](const kifa_host*) noexcept {};
    table_.settle = [](const kifa_host* host, const kifa_receipt* receipts,
                       std::uint32_t count) noexcept {
      const std::lock_guard lock(self(host).mutex_);
      self(host).receipts_.insert(self(host).receipts_.end(), receipts, receipts + count);
    };
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() = default;

  std::int64_t unix_ns = 1'769'884'200'123'456'789;
  std::int64_t mono_ns = 1'000'000'000;

  void set_instance_name(const char* name) { table_.instance_name = name; }
  void set_record_bytes_max(std::uint32_t bytes) { table_.record_bytes_max = bytes; }
  [[nodiscard]] const kifa_host* table() const { return &table_; }
  [[nodiscard]] std::vector<kifa_receipt> receipts() {
    const std::lock_guard lock(mutex_);
    return receipts_;
  }
  [[nodiscard]] std::vector<std::string> logs() {
    const std::lock_guard lock(mutex_);
    return logs_;
  }

 private:
  static Host& self(const kifa_host* host) { return *static_cast<Host*>(host->ctx); }

  kifa_host table_{};
  std::mutex mutex_;
  std::vector<std::string> logs_;
  std::vector<kifa_receipt> receipts_;
};

// An error for a component to fill.
struct Error {
  kifa_error raw{sizeof(kifa_error), KIFA_OK, 0, ""};
  [[nodiscard]] std::string message() const { return raw.message; }
};

// One instance of the only component of a plugin.
class Instance final {
 public:
  using Entry = const kifa_plugin* (*)() noexcept;
  using Texts = std::map<std::string, std::string>;  // option name to value as in the YAML

  // Created, and configured with the declared defaults under `texts`.
  Instance(Entry entry, Host& host, const Texts& texts = {}) : component_(entry()->components) {
    raw_ = component_->lifecycle->create(host.table(), &error.raw);
    if (raw_ == nullptr) {
      throw std::runtime_error("create: " + error.message());
    }
    configured = configure(texts);
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance() { component_->lifecycle->destroy(raw_); }

  kifa_status start() { return component_->lifecycle->start(raw_, &error.raw); }
  kifa_status stop() { return component_->lifecycle->stop(raw_, 0, &error.raw); }

  [[nodiscard]] kifa_instance* raw() const { return raw_; }
  template <class Table>
  [[nodiscard]] const Table& calls() const {
    return *static_cast<const Table*>(component_->operations);
  }

  kifa_status configured = KIFA_OK;
  Error error;  // of the last call that failed

 private:
  kifa_status configure(const Texts& texts) {
    std::vector<kifa_setting> settings;
    std::deque<std::string> kept;  // stays where it is
    for (std::uint32_t i = 0; i < component_->option_count; ++i) {
      const kifa_option& option = component_->options[i];
      const auto given = texts.find(option.name);
      if (given != texts.end()) {
        kept.push_back(given->second);
      } else if (option.default_text != nullptr) {
        kept.emplace_back(option.default_text);
      } else {
        continue;
      }
      settings.push_back(setting(option, kept.back()));
    }
    return component_->lifecycle->configure(raw_, settings.data(),
                                            static_cast<std::uint32_t>(settings.size()),
                                            sizeof(kifa_setting), &error.raw);
  }

  static kifa_setting setting(const kifa_option& option, const std::string& text) {
    kifa_setting made{};
    made.struct_size = sizeof made;
    made.type = option.type;
    made.name = option.name;
    made.text = {text.data(), text.size()};
    switch (option.type) {
      case KIFA_TYPE_BOOL:
        made.integer = text == "true" ? 1 : 0;
        break;
      case KIFA_TYPE_INT:
        made.integer = sdk::parse_integer(text).value();
        break;
      case KIFA_TYPE_DURATION:
        made.integer = sdk::parse_duration_ns(text).value();
        break;
      case KIFA_TYPE_SIZE:
        made.integer = sdk::parse_size_bytes(text).value();
        break;
      default:
        break;
    }
    return made;
  }

  const kifa_component* component_;
  kifa_instance* raw_ = nullptr;
};

[[nodiscard]] inline kifa_str str(std::string_view text) { return {text.data(), text.size()}; }
[[nodiscard]] inline kifa_bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string text(kifa_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

// A record for formatters; what it views must live on.
[[nodiscard]] inline kifa_record record(std::uint64_t lsn, std::int64_t unix_ns,
                                        std::string_view payload,
                                        const std::vector<kifa_attr>& attrs = {},
                                        std::uint32_t flags = 0) {
  return {lsn,  unix_ns, bytes(payload), attrs.data(), static_cast<std::uint32_t>(attrs.size()),
          flags};
}

// Gathers what a formatter writes; fails with `fail` once `appends_left` are used up.
struct Writer {
  std::string out;
  int appends_left = 1 << 30;
  kifa_status fail = KIFA_IO;

  [[nodiscard]] kifa_writer table() {
    return {sizeof(kifa_writer), 0, this,
            [](const kifa_writer* writer, const void* data, std::size_t size) noexcept {
              auto& self = *static_cast<Writer*>(writer->ctx);
              if (self.appends_left-- <= 0) {
                return self.fail;
              }
              self.out.append(static_cast<const char*>(data), size);
              return kifa_status{KIFA_OK};
            }};
  }
};

inline kifa_status format(Instance& formatter, const std::vector<kifa_record>& records,
                          Writer& writer) {
  const kifa_writer out = writer.table();
  return formatter.calls<kifa_formatter>().format(formatter.raw(), records.data(),
                                                  static_cast<std::uint32_t>(records.size()),
                                                  sizeof(kifa_record), &out, &formatter.error.raw);
}

inline std::string format(Instance& formatter, const std::vector<kifa_record>& records) {
  Writer writer;
  return format(formatter, records, writer) == KIFA_OK ? writer.out : formatter.error.message();
}

}  // namespace kifa::plugins::testing
