// The runner with its real threads and the machine's clock.

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/pipeline/deployment_runner.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/test_components.hpp"

namespace kifa::pipeline {
namespace {

using Texts = std::vector<std::string>;

constexpr std::int64_t kSecond = 1'000'000'000;

// A pipe as a source's device: bytes written into it are polled by the source's thread.
class PipeSource {
 public:
  PipeSource() {
    REQUIRE(::pipe2(fds_.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    script.fds = {{fds_[0], POLLIN, KIFA_FD_INPUT}};
    script.otherwise = [this](sdk::Emitter out) { return read(out); };
  }
  PipeSource(const PipeSource&) = delete;
  PipeSource& operator=(const PipeSource&) = delete;
  ~PipeSource() {
    ::close(fds_[0]);
    finish();
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(fds_[1], text.data(), text.size());
      if (written > 0) {
        text.remove_prefix(static_cast<std::size_t>(written));
      } else {
        pollfd full{fds_[1], POLLOUT, 0};
        REQUIRE(::poll(&full, 1, 10'000) == 1);
      }
    }
  }
  // End of input.
  void finish() {
    if (fds_[1] >= 0) {
      ::close(fds_[1]);
      fds_[1] = -1;
    }
  }

  test::SourceScript script;

 private:
  sdk::Status read(sdk::Emitter out) {
    if (!std::exchange(opened_, true)) {
      static_cast<void>(out.open({.stream = 1}));
    }
    if (left_ == 0) {
      const ssize_t size =
          ::read(fds_[0], buffer_.data(), std::min<std::size_t>(buffer_.size(), out.room()));
      if (size < 0) {
        return out.draining() ? sdk::Status::end() : sdk::Status::again();
      }
      if (size == 0) {
        return out.room() == 0 ? sdk::Status::again() : sdk::Status::end();
      }
      left_ = static_cast<std::size_t>(size);
    }
    const kifa_status status =
        out.chunk({.stream = 1, .data = sdk::Bytes(buffer_).first(left_), .position = position_});
    if (status != KIFA_OK) {
      return status;
    }
    position_ += std::exchange(left_, 0);
    return sdk::Status::ok();
  }

  std::array<int, 2> fds_{};
  std::array<std::uint8_t, 65536> buffer_{};
  std::size_t left_ = 0;
  std::uint64_t position_ = 0;
  bool opened_ = false;
};

// Opens once; who waits goes on then.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

Result<plugin::Component> find_component(config::ComponentKind kind, std::string_view type,
                                         std::string_view /*plugin_id*/) {
  switch (kind) {
    case config::ComponentKind::source:
      return test::source_component();
    case config::ComponentKind::framing:
      return test::framing_component();
    case config::ComponentKind::sink:
      return type == "test_sink" || type == "test_text"
                 ? Result<plugin::Component>(test::sink_component(type == "test_text"))
                 : Result<plugin::Component>(Status(Code::not_found, "no such sink type"));
    case config::ComponentKind::formatter:
      return test::formatter_component();
  }
  return Status(Code::not_found, "no such kind");
}

// A deployment in the making.
class Plan {
 public:
  config::PipelineConfig& pipeline(std::string name) {
    deployment.pipelines.emplace_back().name = std::move(name);
    return deployment.pipelines.back();
  }
  void source(config::PipelineConfig& pipeline, std::string name, const void* script) {
    config::SourceConfig& source = pipeline.sources.emplace_back();
    source.component.name = std::move(name);
    source.component.type = "test_bytes";
    source.component.settings = {test::script_setting(script)};
    source.has_framing = true;
    source.framing.type = "lines";
    source.framing.settings = {test::script_setting(&framings.emplace_back())};
  }
  void sink(config::PipelineConfig& pipeline, std::string name, const void* script,
            bool required = true, std::string type = "test_sink") {
    config::SinkConfig& sink = pipeline.sinks.emplace_back();
    sink.component.name = std::move(name);
    sink.component.type = std::move(type);
    sink.component.settings = {test::script_setting(script)};
    sink.required = required;
    if (sink.component.type == "test_text") {
      sink.has_format = true;
      sink.format.settings = {test::script_setting(nullptr)};
    }
  }
  std::unique_ptr<Runner> runner(std::int64_t stop_timeout_ns = 10 * kSecond) {
    RunnerOptions options;
    options.stop_timeout_ns = stop_timeout_ns;
    options.log = [this](LogLevel, const std::string& subject, const std::string& message) {
      const std::lock_guard lock(mutex);
      logged.push_back(subject + ": " + message);
    };
    auto made = create_runner(deployment, find_component, std::move(options));
    REQUIRE(made.has_value());
    return std::move(*made);
  }
  bool has_logged(std::string_view part) {
    const std::lock_guard lock(mutex);
    return std::ranges::any_of(
        logged, [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

  config::Deployment deployment;
  std::deque<test::FramingScript> framings;  // one a source: each has its own thread
  std::mutex mutex;
  std::vector<std::string> logged;
};

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  return text;
}

void check_numbered(const Texts& payloads, int count) {
  REQUIRE(payloads.size() == static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    if (payloads[static_cast<std::size_t>(i)] != "line " + std::to_string(i)) {
      FAIL("record " << i << " is " << payloads[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace

TEST_CASE("run returns when every source has ended and all is settled", "[pipeline][runner]") {
  Plan plan;
  PipeSource one;
  PipeSource two;
  test::SinkScript journal;
  test::SinkScript screen;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "one", &one.script);
  plan.source(pipeline, "two", &two.script);
  plan.sink(pipeline, "journal", &journal);
  plan.sink(pipeline, "screen", &screen, false, "test_text");
  const std::unique_ptr<Runner> runner = plan.runner();
  std::thread device([&] {
    one.write(numbered_lines(20'000));
    one.finish();
    two.write("other\n");
    two.finish();
  });
  const Status status = runner->run();
  device.join();
  CHECK(status.is_ok());
  CHECK(runner->summary().records_acknowledged == 20'001);
  Texts of_one;
  for (const test::StoredRecord& record : journal.records) {
    if (record.origin == "till/one") {
      of_one.push_back(record.payload);
    }
  }
  check_numbered(of_one, 20'000);
  CHECK(journal.heard.all().back() == "stop");
  CHECK(screen.text.starts_with("BEGIN\n"));
  CHECK(screen.text.ends_with("END\n"));
  CHECK(plan.has_logged("till/one: records acknowledged: 20000"));
}

TEST_CASE("a stop drains and ends a silent source at once", "[pipeline][runner][stop][W31]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner();
  device.write("one\ntwo\nhalf");
  std::thread stopper([&] { runner->request_stop(); });
  const std::int64_t before = SystemClock().now_mono_ns();
  const Status status = runner->run();
  stopper.join();
  INFO(status.message());
  CHECK(status.is_ok());
  CHECK(SystemClock().now_mono_ns() - before < kSecond);
  // Stopped before its first poll or after: never half a drain.
  const Texts payloads = journal.payloads();
  CHECK((payloads.empty() || payloads == Texts{"one", "two", "half"}));
}

TEST_CASE("a failing sink stops its pipeline with its status and not the process or the others",
          "[pipeline][runner][W44]") {
  Plan plan;
  PipeSource good;
  PipeSource bad;
  test::SinkScript good_sink;
  test::SinkScript bad_sink;
  bad_sink.then([](sdk::Batches, std::uint32_t&) {
    return sdk::Status(KIFA_IO, "cannot sync wal-0000000000000001: Input/output error");
  });
  auto& first = plan.pipeline("bad");
  plan.source(first, "printer", &bad.script);
  plan.sink(first, "journal", &bad_sink);
  auto& second = plan.pipeline("good");
  plan.source(second, "printer", &good.script);
  plan.sink(second, "journal", &good_sink);
  const std::unique_ptr<Runner> runner = plan.runner();
  bad.write("one\n");
  Gate failed;
  std::thread device([&] {
    failed.wait();
    good.write(numbered_lines(1000));
    good.finish();
  });
  // The good pipeline gets its input only after the bad one has stopped its sink.
  std::thread watcher([&] {
    while (bad_sink.heard.count("stop") == 0) {
      std::this_thread::yield();
    }
    failed.open();
  });
  const Status status = runner->run();
  device.join();
  watcher.join();
  CHECK(status.code() == Code::io);
  CHECK(status.message().find("bad/journal") != std::string::npos);
  CHECK(status.message().find("Input/output error") != std::string::npos);
  check_numbered(good_sink.payloads(), 1000);
  CHECK(runner->summary().records_failed == 1);
  CHECK(bad.script.heard.count("ack") == 1);
}

TEST_CASE("a sink call that never returns does not hang the stop", "[pipeline][runner][stop]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  Gate in_write;
  Gate may_return;
  Gate returned;
  journal.then([&](sdk::Batches batches, std::uint32_t& taken) {
    in_write.open();
    may_return.wait();
    taken = batches.size();
    for (std::uint32_t i = 0; i < batches.size(); ++i) {
      const kifa_receipt receipt = journal.keep(batches[i]);
      journal.host->settle(journal.host, &receipt, 1);
    }
    returned.open();
    return sdk::Status();
  });
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner(kSecond / 10);
  device.write("one\ntwo\n");
  std::thread stopper([&] {
    in_write.wait();
    runner->request_stop();
  });
  const Status status = runner->run();
  stopper.join();
  CHECK(status.code() == Code::io);
  CHECK(status.message().find("did not return in time") != std::string::npos);
  CHECK(status.message().find("2 records") != std::string::npos);
  CHECK(runner->summary().drain_left_records == 2);
  // What was left behind may still use all that it needs, and comes to its end.
  may_return.open();
  returned.wait();
  while (journal.heard.count("stop") == 0 && device.script.heard.count("stop") == 0) {
    std::this_thread::yield();
  }
}

TEST_CASE("receipts from another thread reach the source", "[pipeline][runner]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  journal.settles_at_once = false;
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  const std::unique_ptr<Runner> runner = plan.runner();
  std::atomic<bool> done = false;
  std::thread settler([&] {
    while (!done) {
      journal.settle_all();
      std::this_thread::yield();
    }
  });
  std::thread writer([&] {
    for (int i = 0; i < 200; ++i) {
      device.write("line " + std::to_string(i) + "\n");
    }
    device.finish();
  });
  const Status status = runner->run();
  done = true;
  settler.join();
  writer.join();
  CHECK(status.is_ok());
  check_numbered(journal.payloads(), 200);
  CHECK(runner->summary().records_acknowledged == 200);
}

TEST_CASE("a sink that says AGAIN now and then loses nothing under load", "[pipeline][runner]") {
  Plan plan;
  PipeSource device;
  test::SinkScript journal;
  for (int i = 0; i < 8; ++i) {
    journal.then([&, i](sdk::Batches batches, std::uint32_t& taken) {
      const std::uint32_t most = i % 2 == 0 ? 0 : 1;
      for (; taken < most; ++taken) {
        const kifa_receipt receipt = journal.keep(batches[taken]);
        journal.host->settle(journal.host, &receipt, 1);
      }
      return i % 4 == 0 ? sdk::Status::again() : sdk::Status();
    });
  }
  auto& pipeline = plan.pipeline("till");
  plan.source(pipeline, "printer", &device.script);
  plan.sink(pipeline, "journal", &journal);
  config::Setting queue;
  queue.name = config::host_option::kQueue;
  queue.integer = 65536;
  pipeline.sinks[0].host.push_back(queue);
  const std::unique_ptr<Runner> runner = plan.runner();
  std::thread writer([&] {
    device.write(numbered_lines(100'000));
    device.finish();
  });
  const Status status = runner->run();
  writer.join();
  CHECK(status.is_ok());
  check_numbered(journal.payloads(), 100'000);
}

TEST_CASE("a deployment that cannot be is refused in one sentence", "[pipeline][runner]") {
  Plan plan;
  test::SinkScript journal;
  test::SourceScript source;
  auto& pipeline = plan.pipeline("till");
  std::string expected;
  SECTION("two required sinks") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal);
    plan.sink(pipeline, "second", &journal);
    expected = "two required sinks";
  }
  SECTION("no required sink") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal, false);
    expected = "no required sink";
  }
  SECTION("no source") {
    plan.sink(pipeline, "journal", &journal);
    expected = "has no source";
  }
  SECTION("an unknown type") {
    plan.source(pipeline, "printer", &source);
    plan.sink(pipeline, "journal", &journal, true, "nats");
    expected = "no such sink type";
  }
  const auto runner = create_runner(plan.deployment, find_component, {});
  REQUIRE_FALSE(runner.has_value());
  CHECK(runner.error().message().find(expected) != std::string::npos);
}

}  // namespace kifa::pipeline
