#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/config/deployment.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::pipeline {

enum class LogLevel : int { debug = 1, info = 2, warn = 3, error = 4 };
// Receives what host and components say: subject ("till-1/printer") and one sentence. From any
// thread.
using LogFunction =
    std::function<void(LogLevel, const std::string& subject, const std::string& message)>;

struct RunnerOptions {
  LogFunction log;
  LogLevel log_level = LogLevel::info;
  const Clock* clock = nullptr;                   // null: the system's
  std::int64_t stop_timeout_ns = 10'000'000'000;  // for the drain
};

struct RunSummary {
  std::uint64_t records_acknowledged = 0;
  std::uint64_t records_filtered = 0;
  std::uint64_t records_failed = 0;
  std::uint64_t drain_left_records = 0;  // not settled when the stop time was over
};

// Runs the pipelines of one deployment.
//
// run() returns when every source has returned END and all is settled, after request_stop() and the
// drain, or after a failure that stops a pipeline for good; the Status then says which component
// and why.
//
// Threads: run on the control thread; request_stop and shift_mode from any thread, also a
// signal handler's waiting thread.
class Runner {
 public:
  static Result<std::unique_ptr<Runner>> create(const config::Deployment& deployment,
                                                plugin::Registry& registry, RunnerOptions options);
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  virtual Status run() = 0;
  virtual void request_stop() = 0;
  // All sinks are asked to write more safely (1) or faster (-1); what is accepted before becomes
  // durable first when it gets safer.
  virtual void shift_mode(int step) = 0;
  [[nodiscard]] virtual RunSummary summary() const = 0;
};

}  // namespace kifa::pipeline
