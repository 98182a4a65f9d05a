#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline/deployment_runner.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/test_components.hpp"

// Deployments of scripted components, for tests of the runner with its real threads.
namespace kifa::pipeline {

using Texts = std::vector<std::string>;

inline constexpr std::int64_t kSecond = 1'000'000'000;

// A pipe as a source's device: bytes written into it are polled by the source's thread.
class PipeSource {
 public:
  PipeSource() {
    REQUIRE(::pipe2(fds_.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    script.fds = {{fds_[0], POLLIN, KIFA_FD_INPUT}};
    script.start = [this] {  // perhaps of another instance
      opened_ = false;
      left_ = 0;
      position_ = 0;
      return sdk::Status();
    };
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

inline Result<plugin::Component> find_component(config::ComponentKind kind, std::string_view type,
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
    options.on_phase = [this](RunPhase phase) {
      const std::lock_guard lock(mutex);
      phases.push_back(phase);
    };
    options.load = [this] {
      const std::lock_guard lock(mutex);
      return std::exchange(next, std::nullopt);
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

  bool has_come_to(RunPhase phase) {
    const std::lock_guard lock(mutex);
    return std::ranges::find(phases, phase) != phases.end();
  }

  config::Deployment deployment;
  std::optional<Replacement> next;  // what the next reload finds
  std::vector<RunPhase> phases;
  std::deque<test::FramingScript> framings;  // one a source: each has its own thread
  std::mutex mutex;
  std::vector<std::string> logged;
};

inline std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "line " + std::to_string(i) + "\n";
  }
  return text;
}

inline void check_numbered(const Texts& payloads, int count) {
  REQUIRE(payloads.size() == static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    if (payloads[static_cast<std::size_t>(i)] != "line " + std::to_string(i)) {
      FAIL("record " << i << " is " << payloads[static_cast<std::size_t>(i)]);
    }
  }
}

}  // namespace kifa::pipeline
