#include "core/pipeline/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "core/pipeline/deployment_runner.hpp"
#include "core/pipeline/limits.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/plugin/catalog.hpp"

namespace kifa::pipeline {

namespace {

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

class DeploymentRunner final : public Runner {
 public:
  explicit DeploymentRunner(RunnerOptions options)
      : clock_(options.clock != nullptr ? *options.clock : system_clock()),
        stop_timeout_ns_(options.stop_timeout_ns),
        log_(std::make_shared<Log>(std::move(options.log), options.log_level)) {}

  Status assemble(const config::Deployment& deployment, const FindComponent& find) {
    for (const config::PipelineConfig& config : deployment.pipelines) {
      Result<std::shared_ptr<Pipeline>> pipeline =
          Pipeline::create(config, find, clock_, log_, events_);
      if (!pipeline) {
        return pipeline.error();
      }
      running_.push_back({std::move(*pipeline)});
    }
    return {};
  }

  Status run() override;
  void request_stop() override {
    stop_.store(true);
    events_->notify();
  }
  void shift_mode(int step) override {
    (step > 0 ? safer_ : faster_).fetch_add(1);
    events_->notify();
  }
  [[nodiscard]] RunSummary summary() const override;

 private:
  struct Running {
    std::shared_ptr<Pipeline> pipeline;
    std::int64_t stop_until = kNoTime;   // sources
    std::int64_t close_until = kNoTime;  // sinks
    bool done = false;
    bool abandoned = false;
  };

  void look_at(Running& running, std::int64_t now);
  void shift_modes();
  void abandon(Running& running);
  void note(const Status& status) {
    if (result_) {
      result_ = status;
    }
  }

  const Clock& clock_;
  const std::int64_t stop_timeout_ns_;
  const std::shared_ptr<Log> log_;
  const std::shared_ptr<RunEvents> events_ = std::make_shared<RunEvents>();
  std::vector<Running> running_;
  std::atomic<bool> stop_{false};
  std::atomic<int> safer_{0};  // steps asked for
  std::atomic<int> faster_{0};
  std::uint64_t shift_requests_ = 0;
  Status result_;
  std::uint64_t abandoned_records_ = 0;
};

Status DeploymentRunner::run() {
  for (Running& running : running_) {
    running.pipeline->start();
  }
  while (true) {
    shift_modes();
    const std::int64_t now = clock_.now_mono_ns();
    std::int64_t until = kNoTime;
    bool all_done = true;
    for (Running& running : running_) {
      if (!running.done) {
        look_at(running, now);
      }
      if (!running.done) {
        all_done = false;
        const std::int64_t limit =
            running.close_until != kNoTime ? running.close_until : running.stop_until;
        until = std::min(until, limit == kNoTime ? kNoTime : limit + kAbandonAfterNs);
      }
    }
    if (all_done) {
      break;
    }
    events_->wait(clock_, until);
  }
  if (std::ranges::any_of(running_, &Running::abandoned)) {
    log_->close();  // who is left behind must not use what the caller gave us
  }
  return result_;
}

void DeploymentRunner::shift_modes() {
  for (const auto& [asked, step] : {std::pair(&safer_, 1), std::pair(&faster_, -1)}) {
    for (int count = asked->exchange(0); count > 0; --count) {
      ++shift_requests_;
      for (const Running& running : running_) {
        if (!running.done) {
          running.pipeline->shift_mode(step, shift_requests_);
        }
      }
    }
  }
}

// Moves one pipeline on: stop, close its sinks, be done, or be left behind.
void DeploymentRunner::look_at(Running& running, std::int64_t now) {
  Pipeline& pipeline = *running.pipeline;
  if (pipeline.finished()) {
    pipeline.join();
    note(pipeline.result());
    running.done = true;
    return;
  }
  if (running.stop_until == kNoTime && (stop_.load() || pipeline.failed())) {
    running.stop_until = now + stop_timeout_ns_;
    pipeline.request_stop(running.stop_until);
  }
  if (pipeline.sources_finished() && running.close_until == kNoTime) {
    running.close_until = std::min(running.stop_until, now + pipeline.sink_stop_timeout_ns());
    pipeline.close_sinks(running.close_until);
  }
  const std::int64_t limit =
      running.close_until != kNoTime ? running.close_until : running.stop_until;
  if (limit != kNoTime && now >= limit + kAbandonAfterNs) {
    abandon(running);
  }
}

void DeploymentRunner::abandon(Running& running) {
  Pipeline& pipeline = *running.pipeline;
  const std::uint64_t left = pipeline.unsettled();
  const std::string where = pipeline.abandon();
  note(pipeline.result());
  const Status status(
      Code::io,
      fmt::format("pipeline {}: {} did not return in time and was left behind; {} records "
                  "are not settled",
                  pipeline.name(), where, left));
  log_->write(LogLevel::error, pipeline.name(), status.message());
  note(status);
  abandoned_records_ += left;
  running.done = true;
  running.abandoned = true;
}

RunSummary DeploymentRunner::summary() const {
  RunSummary summary;
  for (const Running& running : running_) {
    running.pipeline->add_to(summary);
  }
  summary.drain_left_records = std::max(summary.drain_left_records, abandoned_records_);
  return summary;
}

}  // namespace

Result<std::unique_ptr<Runner>> create_runner(const config::Deployment& deployment,
                                              const FindComponent& find, RunnerOptions options) {
  auto runner = std::make_unique<DeploymentRunner>(std::move(options));
  KIFA_TRY(runner->assemble(deployment, find));
  return std::unique_ptr<Runner>(std::move(runner));
}

Result<std::unique_ptr<Runner>> Runner::create(const config::Deployment& deployment,
                                               plugin::Registry& registry, RunnerOptions options) {
  const FindComponent find = [&registry](config::ComponentKind kind, std::string_view type,
                                         std::string_view plugin_id) {
    return registry.find(plugin::abi_kind(kind), type, plugin_id);
  };
  return create_runner(deployment, find, std::move(options));
}

}  // namespace kifa::pipeline
