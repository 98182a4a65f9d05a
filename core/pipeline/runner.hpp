#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// How far a run has come; told on the control thread.
enum class RunPhase : std::uint8_t {
  started,    // every source has been started, or has been tried and is away
  reloading,  // a new configuration is looked at
  reloaded,   // it runs; `started` is not told again
  kept,       // there is none that could be run: all goes on as it was
  stopping,
};

// What a reload is to run.
struct Replacement {
  config::Deployment deployment;
  plugin::Registry* registry = nullptr;  // outlives the run; null: the one that it began with
};

struct RunnerOptions {
  LogFunction log;
  LogLevel log_level = LogLevel::info;
  const Clock* clock = nullptr;                   // null: the system's
  std::int64_t stop_timeout_ns = 10'000'000'000;  // for the drain
  std::function<void(RunPhase)> on_phase;         // may be empty
  // Finds what a reload is to run, on the control thread. nullopt: there is nothing, and why has
  // been said; all goes on as it is. Empty: reloading is not possible.
  std::function<std::optional<Replacement>()> load;
  // Called at least so often while the control thread turns; 0: never.
  std::function<void()> on_turn;
  std::int64_t turn_ns = 0;
};

struct RunSummary {
  std::uint64_t records_acknowledged = 0;
  std::uint64_t records_filtered = 0;
  std::uint64_t records_failed = 0;
  std::uint64_t drain_left_records = 0;  // not settled when the stop time was over

  RunSummary& operator+=(const RunSummary& more) {
    records_acknowledged += more.records_acknowledged;
    records_filtered += more.records_filtered;
    records_failed += more.records_failed;
    drain_left_records += more.drain_left_records;
    return *this;
  }
};

// Runs the pipelines of one deployment.
//
// A reload changes as little as it can. What asks for the same goes on: pipelines, and sources
// whose pipeline has the same transforms and sinks. What has changed or is gone is drained as by a
// stop, with the same limit of time; when all of that has ended, what is new is started. So
// addresses, devices and stores are free by then, and no record is lost. A second request waits for
// the first.
//
// run() returns when every source has returned END and all is settled, after request_stop() and the
// drain, or after a failure that stops a pipeline for good; the Status then says which component
// and why.
//
// Threads: run on the control thread; request_stop, request_reload and shift_mode from any thread,
// also a signal handler's waiting thread.
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
  virtual void request_reload() = 0;
  // All sinks are asked to write more safely (1) or faster (-1); what is accepted before becomes
  // durable first when it gets safer.
  virtual void shift_mode(int step) = 0;
  [[nodiscard]] virtual RunSummary summary() const = 0;
};

}  // namespace kifa::pipeline
