#include "core/plugin/instance.hpp"

#include <kifa/sdk/status.hpp>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugin/support.hpp"

namespace kifa::plugin {
namespace {

// A component that does nothing but show its host to the test.
struct Probe {
  static kifa_instance* create(const kifa_host* host, kifa_error* /*error*/) noexcept {
    seen = host;
    return reinterpret_cast<kifa_instance*>(&token);
  }
  static kifa_status configure(kifa_instance* /*instance*/, const kifa_setting* settings,
                               std::uint32_t count, std::uint32_t stride,
                               kifa_error* /*error*/) noexcept {
    names.clear();
    for (const kifa_setting& setting : sdk::Strided<kifa_setting>(settings, count, stride)) {
      names.emplace_back(setting.name);
    }
    return KIFA_OK;
  }
  static kifa_status start(kifa_instance* /*instance*/, kifa_error* /*error*/) noexcept {
    return KIFA_OK;
  }
  static kifa_status stop(kifa_instance* /*instance*/, std::int64_t deadline,
                          kifa_error* /*error*/) noexcept {
    stop_deadline = deadline;
    return KIFA_OK;
  }
  static void destroy(kifa_instance* /*instance*/) noexcept { ++destroyed; }

  inline static const kifa_host* seen = nullptr;
  inline static int token = 0;
  inline static int destroyed = 0;
  inline static std::int64_t stop_deadline = 0;
  inline static std::vector<std::string> names;
};

constexpr kifa_lifecycle kLifecycle{
    sizeof(kifa_lifecycle), 0, &Probe::create, &Probe::configure, &Probe::start, &Probe::stop,
    &Probe::destroy};
constexpr kifa_formatter kOperations{sizeof(kifa_formatter), 0, nullptr, nullptr, nullptr};
constexpr kifa_component kProbe{
    sizeof(kifa_component), KIFA_KIND_FORMATTER, "probe",     "Shows its host.", 0, 0, nullptr, 0,
    sizeof(kifa_option),    &kLifecycle,         &kOperations};

std::unique_ptr<Instance> probe(HostCallbacks callbacks = {}) {
  Component component;
  component.component = &kProbe;
  Result<std::unique_ptr<Instance>> made =
      Instance::create(component, "till-1/probe", std::move(callbacks));
  REQUIRE(made.has_value());
  return std::move(*made);
}

class StoppedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_unix_ns() const override { return 11; }
  [[nodiscard]] std::int64_t now_mono_ns() const override { return 22; }
  [[nodiscard]] std::int64_t now_boot_ns() const override { return 33; }
  [[nodiscard]] std::string boot_id() const override { return ""; }
  [[nodiscard]] bool is_synchronised() const override { return false; }
};

kifa_str str(const char* text) { return {text, std::strlen(text)}; }

kifa_error error_of(const char* message, int sys_errno = 0) {
  kifa_error error = empty_error();
  std::strncpy(error.message, message, sizeof error.message - 1);
  error.sys_errno = sys_errno;
  return error;
}

Component thrower(const char* type) {
  Registry registry(SearchPath{{{test::kGoodFolder, true}}});
  return registry.find(KIFA_KIND_SOURCE, type).value();
}

}  // namespace

TEST_CASE("an instance tells its component about the host", "[plugin][instance]") {
  StoppedClock clock;
  HostCallbacks callbacks;
  callbacks.clock = &clock;
  callbacks.record_bytes_max = 4096;
  callbacks.batch_records_max = 12;
  const auto instance = probe(callbacks);
  const kifa_host* host = Probe::seen;
  CHECK(host->struct_size == sizeof(kifa_host));
  CHECK(host->abi_major == KIFA_ABI_MAJOR);
  CHECK(host->instance_name == std::string("till-1/probe"));
  CHECK(std::string(host->host_version).find('.') != std::string::npos);
  CHECK(host->record_bytes_max == 4096);
  CHECK(host->batch_records_max == 12);
  CHECK(host->now_unix_ns(host) == 11);
  CHECK(host->now_mono_ns(host) == 22);
  CHECK(host->extension(host, "kifa.ext.x/1") == nullptr);
}

TEST_CASE("an instance without callbacks has the system's clock and swallows the rest",
          "[plugin][instance]") {
  const auto instance = probe();
  const kifa_host* host = Probe::seen;
  CHECK(host->now_unix_ns(host) > 1'700'000'000'000'000'000);
  host->log(host, KIFA_LOG_ERROR, str("nobody hears"));
  host->wake(host);
  host->settle(host, nullptr, 0);
}

TEST_CASE("the table of another kind is null", "[plugin][instance]") {
  const auto instance = probe();
  CHECK(instance->formatter() == &kOperations);
  CHECK(instance->source() == nullptr);
  CHECK(instance->framing() == nullptr);
  CHECK(instance->sink() == nullptr);
  CHECK(instance->name() == "till-1/probe");
  CHECK(instance->component().type == std::string("probe"));
}

TEST_CASE("an instance is destroyed once, in any state", "[plugin][instance]") {
  Probe::destroyed = 0;
  {
    const auto instance = probe();
  }
  CHECK(Probe::destroyed == 1);
  {
    const auto instance = probe();
    CHECK(instance->configure({}).is_ok());
    CHECK(instance->start().is_ok());
    CHECK(instance->stop(77).is_ok());
  }
  CHECK(Probe::stop_deadline == 77);
  CHECK(Probe::destroyed == 2);
}

TEST_CASE("log lines below the level do not reach the host", "[plugin][instance]") {
  std::vector<std::pair<std::int32_t, std::string>> lines;
  HostCallbacks callbacks;
  callbacks.log_level = KIFA_LOG_WARN;
  callbacks.log = [&](std::int32_t level, std::string_view message) {
    lines.emplace_back(level, message);
  };
  const auto instance = probe(callbacks);
  const kifa_host* host = Probe::seen;
  CHECK(host->log_level(host) == KIFA_LOG_WARN);
  host->log(host, KIFA_LOG_INFO, str("quiet"));
  host->log(host, KIFA_LOG_WARN, str("loud"));
  const std::string endless(3 * kLogMessageBytesMax, 'x');
  host->log(host, KIFA_LOG_ERROR, {endless.data(), endless.size()});
  host->log(host, KIFA_LOG_ERROR, {nullptr, 5});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == std::pair<std::int32_t, std::string>(KIFA_LOG_WARN, "loud"));
  CHECK(lines[1].second.size() == kLogMessageBytesMax);
}

TEST_CASE("a callback that throws does not throw into the component", "[plugin][instance]") {
  HostCallbacks callbacks;
  callbacks.log = [](std::int32_t, std::string_view) { throw std::runtime_error("disk full"); };
  callbacks.wake = [] { throw std::runtime_error("no wake"); };
  const auto instance = probe(callbacks);
  Probe::seen->log(Probe::seen, KIFA_LOG_ERROR, str("x"));
  Probe::seen->wake(Probe::seen);
}

TEST_CASE("wakes and receipts reach the host", "[plugin][instance]") {
  int wakes = 0;
  std::vector<std::uint64_t> tickets;
  HostCallbacks callbacks;
  callbacks.wake = [&] { ++wakes; };
  callbacks.settle = [&](const kifa_receipt* receipts, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      tickets.push_back(receipts[i].ticket);
    }
  };
  const auto instance = probe(callbacks);
  Probe::seen->wake(Probe::seen);
  const kifa_receipt receipts[] = {{5, 1, KIFA_OK, 0}, {6, 2, KIFA_OK, 0}};
  Probe::seen->settle(Probe::seen, receipts, 2);
  CHECK(wakes == 1);
  CHECK(tickets == std::vector<std::uint64_t>{5, 6});
}

TEST_CASE("counters add and gauges stand at the last value", "[plugin][instance]") {
  const auto instance = probe();
  const kifa_host* host = Probe::seen;
  const std::uint32_t reads =
      host->metric_register(host, KIFA_METRIC_COUNTER, "reads", "records", "Reads so far.");
  const std::uint32_t depth =
      host->metric_register(host, KIFA_METRIC_GAUGE, "depth", nullptr, nullptr);
  CHECK(host->metric_register(host, KIFA_METRIC_COUNTER, "reads", "", "") == reads);
  CHECK(host->metric_register(host, KIFA_METRIC_GAUGE, "reads", "", "") == kNoMetric);
  host->metric_add(host, reads, 2);
  host->metric_add(host, reads, 3);
  host->metric_add(host, depth, 9);
  host->metric_add(host, depth, 4);
  host->metric_add(host, kNoMetric, 1);
  const std::vector<Instance::Metric> metrics = instance->metrics();
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0].name == "reads");
  CHECK(metrics[0].unit == "records");
  CHECK(metrics[0].help == "Reads so far.");
  CHECK(metrics[0].value == 5);
  CHECK(metrics[1].kind == KIFA_METRIC_GAUGE);
  CHECK(metrics[1].value == 4);
}

TEST_CASE("metrics of an instance are limited", "[plugin][instance]") {
  const auto instance = probe();
  const kifa_host* host = Probe::seen;
  for (std::uint32_t i = 0; i < kMetricsMax; ++i) {
    const std::string name = "m" + std::to_string(i);
    CHECK(host->metric_register(host, KIFA_METRIC_COUNTER, name.c_str(), "", "") == i);
  }
  CHECK(host->metric_register(host, KIFA_METRIC_COUNTER, "more", "", "") == kNoMetric);
  CHECK(instance->metrics().size() == kMetricsMax);
}

TEST_CASE("metrics are counted from several threads", "[plugin][instance]") {
  const auto instance = probe();
  const kifa_host* host = Probe::seen;
  const std::uint32_t reads = host->metric_register(host, KIFA_METRIC_COUNTER, "reads", "", "");
  const auto count = [&] {
    for (int i = 0; i < 10'000; ++i) {
      host->metric_add(host, reads, 1);
    }
  };
  {
    const std::jthread first(count);
    const std::jthread second(count);
    static_cast<void>(host->metric_register(host, KIFA_METRIC_COUNTER, "later", "", ""));
    static_cast<void>(instance->metrics());
  }
  CHECK(instance->metrics().at(0).value == 20'000);
}

TEST_CASE("a component's failure is its sentence behind its name", "[plugin][instance]") {
  const Component component = thrower("thrower");
  const auto instance = Instance::create(component, "till-1/printer", {}).value();
  const Status configured = instance->configure({});
  CHECK(configured.code() == Code::internal);
  CHECK(configured.message() == "till-1/printer (thrower): the sky is falling");
  CHECK(instance->start().code() == Code::unavailable);

  kifa_setting setting{};
  setting.struct_size = sizeof setting;
  setting.name = "missing_memory";
  CHECK(instance->configure({&setting, 1}).message() == "till-1/printer (thrower): out of memory");
  CHECK(instance->configure({&setting, 1}).code() == Code::no_memory);
  setting.name = "failure";
  CHECK(instance->configure({&setting, 1}).message() ==
        "till-1/printer (thrower): the printer has no paper: No space left on device");
  setting.name = "number";
  CHECK(instance->configure({&setting, 1}).message() ==
        "till-1/printer (thrower): an exception of unknown type");
}

TEST_CASE("a component written in C runs like any other", "[plugin][instance]") {
  Registry registry(SearchPath{{{test::kGoodFolder, true}}});
  const Component component = registry.find(KIFA_KIND_SOURCE, "good_c").value();
  const auto instance = Instance::create(component, "till-1/printer", {}).value();
  CHECK(instance->configure({}).is_ok());
  CHECK(instance->start().is_ok());
  kifa_error error = empty_error();
  const kifa_emitter out{};
  CHECK(instance->source()->poll(instance->raw(), &out, 0, &error) == KIFA_END);
  CHECK(instance->stop(0).is_ok());
}

TEST_CASE("a component that cannot be created is a failure", "[plugin][instance]") {
  const auto made = Instance::create(thrower("unborn"), "till-1/printer", {});
  REQUIRE_FALSE(made.has_value());
  CHECK(made.status().message() == "till-1/printer (unborn): not today");
  CHECK(made.status().code() == Code::internal);
}

TEST_CASE("codes of components become our own", "[plugin][instance]") {
  const kifa_error error = error_of("it broke");
  const std::pair<kifa_status, Code> codes[] = {{KIFA_INTERNAL, Code::internal},
                                                {KIFA_INVALID, Code::invalid},
                                                {KIFA_UNSUPPORTED, Code::unsupported},
                                                {KIFA_UNAVAILABLE, Code::unavailable},
                                                {KIFA_IO, Code::io},
                                                {KIFA_NO_SPACE, Code::no_space},
                                                {KIFA_CORRUPT, Code::corrupt},
                                                {KIFA_NO_MEMORY, Code::no_memory},
                                                {KIFA_LOCKED, Code::locked},
                                                {-77, Code::internal}};
  for (const auto& [status, code] : codes) {
    CHECK(status_from(status, error, "x").code() == code);
    CHECK(status_from(status, error, "x").message() == "x: it broke");
  }
  CHECK(status_from(KIFA_OK, error, "x").is_ok());
  CHECK(status_from(KIFA_AGAIN, error, "x").is_ok());
  CHECK(status_from(KIFA_END, error, "x").is_ok());
}

TEST_CASE("a component that says nothing is told about all the same", "[plugin][instance]") {
  CHECK(status_from(KIFA_IO, error_of(""), "x").message() ==
        "x: failed with status -5 and gave no reason");
  CHECK(status_from(KIFA_IO, error_of("cannot read", EIO), "x").message() ==
        "x: cannot read: Input/output error");
  CHECK(status_from(KIFA_IO, error_of("cannot read: Input/output error", EIO), "x").message() ==
        "x: cannot read: Input/output error");
  kifa_error endless = empty_error();
  std::memset(endless.message, 'x', sizeof endless.message);
  CHECK(status_from(KIFA_IO, endless, "x").message() == "x: " + std::string(512, 'x'));
}

}  // namespace kifa::plugin
