#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/config/deployment.hpp"
#include "core/pipeline/filter.hpp"
#include "core/pipeline/log.hpp"
#include "core/pipeline/runner.hpp"
#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/source_engine.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::pipeline {

// Finds the component of a configured type; the registry in a run, a table in tests.
using FindComponent = std::function<Result<plugin::Component>(
    config::ComponentKind kind, std::string_view type, std::string_view plugin_id)>;

// Wakes the control thread when something about a pipeline changed.
//
// Threads: any.
class RunEvents final {
 public:
  void notify();
  // Until the next notify() since the last wait, or until `until` on `clock`.
  void wait(const Clock& clock, std::int64_t until);

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool notified_ KIFA_GUARDED_BY(mutex_) = false;
};

// One running pipeline: its instances and a thread for each source and sink.
//
// Threads own it together with the runner, so that a component whose call never returns can be left
// behind with everything that it may touch (abandon()).
//
// Its sources may change while it runs: bring_sources() makes those of another configuration that
// are new, part_sources() drains those that are not in it, and when these have ended,
// settle_sources() forgets them and starts the new ones. The others never notice.
//
// Threads: create, start, request_stop, close_sinks, join, abandon and everything about changes on
//          the control thread.
class Pipeline final : public std::enable_shared_from_this<Pipeline> {
 public:
  static Result<std::shared_ptr<Pipeline>> create(const config::PipelineConfig& config,
                                                  const FindComponent& find, const Clock& clock,
                                                  const std::shared_ptr<Log>& log,
                                                  const std::shared_ptr<RunEvents>& events);
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;
  ~Pipeline();

  void start();
  void request_stop(std::int64_t deadline_mono_ns);
  // Asks all sinks to write more safely (1) or faster (-1).
  void shift_mode(std::int32_t step, std::uint64_t request);
  // After every source is finished: sinks flush and stop.
  void close_sinks(std::int64_t deadline_mono_ns);
  // When every thread has ended.
  void join();

  [[nodiscard]] const config::PipelineConfig& config() const { return config_; }
  // A failure leaves everything as it is.
  Status bring_sources(const config::PipelineConfig& config, const FindComponent& find);
  void part_sources(std::int64_t deadline_mono_ns);
  [[nodiscard]] bool sources_parted() const;
  // Leaves behind those that do not return, and says which.
  void settle_sources();
  // The new sources are not wanted any more; those that were parted are gone all the same.
  void drop_new_sources();
  // Leaves threads behind that do not end. Returns what they were in: "sink `till-1/journal`".
  std::string abandon();

  // Every source has been started once, or that has failed.
  [[nodiscard]] bool sources_tried() const;
  [[nodiscard]] bool sources_finished() const;
  [[nodiscard]] bool finished() const;
  [[nodiscard]] bool failed() const;
  // The first failure that ended a source, the sink or the drain; ok: none.
  [[nodiscard]] Status result() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::int64_t sink_stop_timeout_ns() const { return sink_stop_timeout_ns_; }
  [[nodiscard]] std::uint64_t unsettled() const;
  void add_to(RunSummary& summary) const;

 private:
  struct Source;
  struct Worker {
    std::thread thread;
    std::string what;
    bool done = false;
  };

  Pipeline(const config::PipelineConfig& config, const Clock& clock, std::shared_ptr<Log> log,
           std::shared_ptr<RunEvents> events);
  Status add_sink(const config::SinkConfig& config, std::uint64_t record_bytes_max,
                  const FindComponent& find);
  Result<std::unique_ptr<Source>> make_source(const config::SourceConfig& config,
                                              const FindComponent& find);
  Result<std::unique_ptr<plugin::Instance>> make_instance(const config::ComponentConfig& config,
                                                          config::ComponentKind kind,
                                                          const std::string& instance_name,
                                                          const FindComponent& find,
                                                          plugin::HostCallbacks callbacks);
  plugin::HostCallbacks callbacks_for(const std::string& instance_name) const;
  void start_sink(SinkWriter& writer) KIFA_REQUIRES(mutex_);
  void start_source(Source& source) KIFA_REQUIRES(mutex_);
  const Worker& start_thread(std::string what, const std::string& thread_name,
                             std::function<void()> body) KIFA_REQUIRES(mutex_);
  void run_thread(Worker& worker, const std::string& thread_name,
                  const std::function<void()>& body);
  void source_ended(const Source& source);
  void forget(std::unique_ptr<Source> source);
  void note_failure(const Status& status) KIFA_REQUIRES(mutex_);
  static void log_counters(const Source& source);

  config::PipelineConfig config_;
  const std::string name_;
  const Clock& clock_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<RunEvents> events_;
  const Logger logger_;
  std::int64_t sink_stop_timeout_ns_ = 0;

  // Constant after create().
  std::unique_ptr<RecordFilter> filter_;
  std::unique_ptr<SinkWriter> sink_;
  std::vector<std::unique_ptr<SinkWriter>> copies_;

  // The control thread's.
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<std::unique_ptr<Source>> new_sources_;
  config::PipelineConfig new_config_;
  std::vector<std::unique_ptr<Source>> stuck_sources_;  // left behind in a call
  RunSummary past_;                                     // of sources that are gone

  mutable Mutex mutex_;
  std::list<Worker> workers_ KIFA_GUARDED_BY(mutex_);
  std::size_t sources_untried_ KIFA_GUARDED_BY(mutex_) = 0;
  std::size_t sources_left_ KIFA_GUARDED_BY(mutex_) = 0;
  std::size_t promised_sources_ KIFA_GUARDED_BY(mutex_) = 0;  // of sources_left_: not started yet
  Status failure_ KIFA_GUARDED_BY(mutex_);
  bool stops_ KIFA_GUARDED_BY(mutex_) = false;  // a failure that stops the whole pipeline
  std::uint64_t given_up_ KIFA_GUARDED_BY(mutex_) = 0;
};

}  // namespace kifa::pipeline
