#include "core/pipeline/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/pipeline/changes.hpp"
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

FindComponent finder_of(plugin::Registry& registry) {
  return
      [&registry](config::ComponentKind kind, std::string_view type, std::string_view plugin_id) {
        return registry.find(plugin::abi_kind(kind), type, plugin_id);
      };
}

class DeploymentRunner final : public Runner {
 public:
  explicit DeploymentRunner(RunnerOptions options)
      : clock_(options.clock != nullptr ? *options.clock : system_clock()),
        stop_timeout_ns_(options.stop_timeout_ns),
        log_(std::make_shared<Log>(std::move(options.log), options.log_level)),
        on_phase_(std::move(options.on_phase)),
        load_(std::move(options.load)),
        on_turn_(std::move(options.on_turn)),
        turn_ns_(options.turn_ns) {}

  Status assemble(const config::Deployment& deployment, const FindComponent& find) {
    find_ = find;
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
  void request_reload() override {
    reload_.store(true);
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
    bool leaves = false;   // a reload does without it
    bool changes = false;  // some of its sources come and go
  };

  // One round: what is due with every pipeline. Returns when the next one is due at the latest, or
  // nothing when all is done.
  std::optional<std::int64_t> turn();
  void tell_phase(RunPhase phase) const {
    if (on_phase_) {
      on_phase_(phase);
    }
  }
  void tell_started();
  void begin_reload();
  Status plan(const Replacement& replacement);
  Status plan_pipeline(const config::PipelineConfig& config, const FindComponent& find);
  void drop_plan();
  void follow_plan(std::int64_t now);
  [[nodiscard]] bool has_room_for_new(std::int64_t now) const;
  void finish_reload();
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
  const std::function<void(RunPhase)> on_phase_;
  const std::function<std::optional<Replacement>()> load_;
  const std::function<void()> on_turn_;
  const std::int64_t turn_ns_;
  FindComponent find_;
  const std::shared_ptr<RunEvents> events_ = std::make_shared<RunEvents>();
  std::vector<Running> running_;
  std::vector<std::shared_ptr<Pipeline>> new_pipelines_;  // of a reload that is under way
  bool reloading_ = false;
  std::uint64_t reloads_ = 0;
  std::int64_t reload_until_ = kNoTime;  // sources that leave
  bool started_told_ = false;
  bool stop_told_ = false;
  RunSummary past_;  // of pipelines that a reload has replaced
  std::atomic<bool> stop_{false};
  std::atomic<bool> reload_{false};
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
  while (const std::optional<std::int64_t> until = turn()) {
    events_->wait(clock_, *until);
  }
  if (std::ranges::any_of(running_, &Running::abandoned)) {
    log_->close();  // who is left behind must not use what the caller gave us
  }
  return result_;
}

std::optional<std::int64_t> DeploymentRunner::turn() {
  shift_modes();
  if (stop_.load() && !std::exchange(stop_told_, true)) {
    tell_phase(RunPhase::stopping);
    drop_plan();
  }
  if (!reloading_ && !stop_told_ && reload_.exchange(false)) {
    begin_reload();
  }
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
  if (reloading_) {
    if (has_room_for_new(now)) {
      finish_reload();
      return now;  // at once again
    }
    all_done = false;
    until = std::min(until, reload_until_ + kAbandonAfterNs);
  }
  if (all_done) {
    return std::nullopt;
  }
  tell_started();
  if (on_turn_ && turn_ns_ != 0) {
    on_turn_();
    until = std::min(until, now + turn_ns_);
  }
  return until;
}

void DeploymentRunner::tell_started() {
  if (!started_told_ && std::ranges::all_of(running_, [](const Running& running) {
        return running.done || running.pipeline->sources_tried();
      })) {
    started_told_ = true;
    tell_phase(RunPhase::started);
  }
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
    if (!running.leaves) {  // its records count in the summary all the same
      note(pipeline.result());
    }
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

// ---- reloading ----

void DeploymentRunner::begin_reload() {
  if (!load_) {
    return;
  }
  tell_phase(RunPhase::reloading);
  const std::optional<Replacement> replacement = load_();
  if (!replacement) {
    tell_phase(RunPhase::kept);
    return;
  }
  if (const Status status = plan(*replacement); !status) {
    log_->write(LogLevel::error, "kifa",
                fmt::format("the new configuration cannot be run, and nothing was changed: {}",
                            status.message()));
    drop_plan();
    tell_phase(RunPhase::kept);
    return;
  }
  follow_plan(clock_.now_mono_ns());
}

// Makes all that is new; nothing of it touches the outside yet.
Status DeploymentRunner::plan(const Replacement& replacement) {
  FindComponent find = find_;
  if (replacement.registry != nullptr) {
    find = finder_of(*replacement.registry);
  }
  for (const config::PipelineConfig& config : replacement.deployment.pipelines) {
    KIFA_TRY(plan_pipeline(config, find));
  }
  for (Running& running : running_) {
    const auto& wanted = replacement.deployment.pipelines;
    running.leaves |= std::ranges::none_of(
        wanted, [&running](const auto& config) { return config.name == running.pipeline->name(); });
  }
  return {};
}

Status DeploymentRunner::plan_pipeline(const config::PipelineConfig& config,
                                       const FindComponent& find) {
  const auto running = std::ranges::find_if(running_, [&config](const Running& one) {
    return one.pipeline->name() == config.name && !one.leaves;  // not one that was left behind
  });
  if (running != running_.end()) {
    const bool is_ending =
        running->done || running->stop_until != kNoTime || running->close_until != kNoTime;
    const Change change = change_between(running->pipeline->config(), config);
    if (change == Change::none) {
      return {};
    }
    if (change == Change::sources && !is_ending) {
      running->changes = true;
      return running->pipeline->bring_sources(config, find);
    }
    running->leaves = true;
  }
  Result<std::shared_ptr<Pipeline>> pipeline =
      Pipeline::create(config, find, clock_, log_, events_);
  if (!pipeline) {
    return pipeline.error();
  }
  new_pipelines_.push_back(std::move(*pipeline));
  return {};
}

// What has been planned and not begun.
void DeploymentRunner::drop_plan() {
  new_pipelines_.clear();
  for (Running& running : running_) {
    if (std::exchange(running.changes, false)) {
      running.pipeline->drop_new_sources();
    }
    running.leaves = running.leaves && (reloading_ || running.abandoned);
  }
  reloading_ = false;
}

void DeploymentRunner::follow_plan(std::int64_t now) {
  reloading_ = true;
  reload_until_ = now + stop_timeout_ns_;
  for (Running& running : running_) {
    if (running.leaves && !running.done && running.stop_until == kNoTime) {
      log_->write(LogLevel::info, running.pipeline->name(),
                  "ends with what it has: the new configuration has it otherwise or not at all");
      running.stop_until = reload_until_;
      running.pipeline->request_stop(reload_until_);
    }
    if (running.changes) {
      running.pipeline->part_sources(reload_until_);
    }
  }
}

bool DeploymentRunner::has_room_for_new(std::int64_t now) const {
  const bool is_over = now >= reload_until_ + kAbandonAfterNs;
  return std::ranges::all_of(running_, [is_over](const Running& running) {
    return (!running.leaves || running.done) &&
           (!running.changes || is_over || running.pipeline->sources_parted());
  });
}

void DeploymentRunner::finish_reload() {
  reloading_ = false;
  for (Running& running : running_) {
    if (std::exchange(running.changes, false)) {
      // One that ends, or has ended meanwhile, gets nothing new.
      const bool is_ending =
          running.done || running.stop_until != kNoTime || running.close_until != kNoTime;
      if (is_ending) {
        running.pipeline->drop_new_sources();
      } else {
        running.pipeline->settle_sources();
      }
    }
    if (running.leaves && !running.abandoned) {
      running.pipeline->add_to(past_);
    }
  }
  // Their stores are closed with them, before others open them.
  std::erase_if(running_, [](const Running& one) { return one.leaves && !one.abandoned; });
  for (std::shared_ptr<Pipeline>& pipeline : new_pipelines_) {
    pipeline->start();
    running_.push_back({std::move(pipeline)});
  }
  new_pipelines_.clear();
  log_->write(LogLevel::info, "kifa",
              fmt::format("the new configuration runs (reload {})", ++reloads_));
  tell_phase(RunPhase::reloaded);
}

RunSummary DeploymentRunner::summary() const {
  RunSummary summary = past_;
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
  return create_runner(deployment, finder_of(registry), std::move(options));
}

}  // namespace kifa::pipeline
