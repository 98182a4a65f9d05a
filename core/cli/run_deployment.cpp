#include "core/cli/run_deployment.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/refusal.hpp"
#include "core/cli/service_manager.hpp"
#include "core/cli/signals.hpp"
#include "core/cli/standard_descriptors.hpp"
#include "core/io/file_system.hpp"
#include "core/observability/log.hpp"
#include "core/pipeline/runner.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {
namespace {

// The two enumerations have the numbers of the plugin ABI.
static_assert(static_cast<int>(pipeline::LogLevel::debug) ==
              static_cast<int>(observability::LogLevel::debug));
static_assert(static_cast<int>(pipeline::LogLevel::error) ==
              static_cast<int>(observability::LogLevel::error));

// The words were checked with the command line.
std::shared_ptr<observability::Log> make_log(const RunFlags& flags) {
  observability::LogOptions options = observability::standard_log_options(
      observability::log_level_from(flags.log_level.value).value_or(observability::LogLevel::info));
  if (flags.log_format.value == "json") {
    options.format = observability::LogFormat::json;
  }
  return std::make_shared<observability::Log>(options);
}

// The first source that wants to read standard input; empty: none.
std::string reader_of_stdin(const config::Deployment& deployment) {
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    for (const config::SourceConfig& source : pipeline.sources) {
      if (source.component.type == "stdin") {
        return pipeline.name + "/" + source.component.name;
      }
    }
  }
  return {};
}

// The directories of the stores that the deployment writes.
std::vector<std::string> store_directories(const config::Deployment& deployment) {
  std::vector<std::string> directories;
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    for (const config::SinkConfig& sink : pipeline.sinks) {
      const config::Setting* directory = config::find_setting(sink.component.settings, "data_dir");
      if (sink.component.type == "kifa" && directory != nullptr) {
        directories.push_back(directory->text);
      }
    }
  }
  return directories;
}

// ", durable up to LSN 1,000": read from the store as anybody would, after it was closed. Empty
// when there is not exactly one, or none that can be read.
std::string durable_text(const config::Deployment& deployment) {
  const std::vector<std::string> directories = store_directories(deployment);
  if (directories.size() != 1) {
    return {};
  }
  const auto reader = store::Reader::open(directories.front(), io::posix_file_system());
  if (!reader) {
    return {};
  }
  return ", durable up to LSN " + with_separators((*reader)->durable_lsn().value);
}

void tell_summary(const config::Deployment& deployment, const pipeline::RunSummary& summary) {
  std::string sentence =
      fmt::format("ingested {}", counted(summary.records_acknowledged, "record"));
  sentence += durable_text(deployment);
  if (summary.records_filtered != 0) {
    sentence += fmt::format(", {} filtered", with_separators(summary.records_filtered));
  }
  if (summary.records_failed != 0) {
    sentence += fmt::format(", {} FAILED", with_separators(summary.records_failed));
  }
  if (summary.drain_left_records != 0) {
    sentence += fmt::format(", {} still not durable when the time to stop was over",
                            with_separators(summary.drain_left_records));
  }
  tell(sentence);
}

int exit_code_after(const Status& status, const pipeline::RunSummary& summary, int stop_signal) {
  if (!status) {
    return exit_code(status.code());
  }
  if (summary.records_failed != 0 || summary.drain_left_records != 0) {
    return kExitInputOutput;
  }
  if (stop_signal == SIGINT) {
    return kExitInterrupted;
  }
  return stop_signal == SIGTERM ? kExitTerminated : kExitOk;
}

Status check_stdin(const config::Deployment& deployment) {
  const std::string wants_stdin = reader_of_stdin(deployment);
  if (wants_stdin.empty() || !closed_at_start().input) {
    return {};
  }
  return {Code::unavailable,
          fmt::format("source {} reads standard input, which is closed; give it a file or a pipe, "
                      "or /dev/null for nothing",
                      wants_stdin)};
}

// What the service manager shows.
std::string status_text(const config::Deployment& deployment) {
  std::size_t sources = 0;
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    sources += pipeline.sources.size();
  }
  return fmt::format("{}, {}", counted(deployment.pipelines.size(), "pipeline"),
                     counted(sources, "source"));
}

// One run with all that it talks to: log, signals, service manager.
//
// Threads: confined to the control thread; the log from any.
class Run {
 public:
  Run(LoadedDeployment loaded, const RunFlags& flags, const Reload& reload)
      : loaded_(std::move(loaded)), flags_(flags), reload_(reload), log_(make_log(flags)) {}

  int run() {
    // Before any other thread exists: they inherit the blocked signals.
    auto signals =
        Signals::start([log = log_](const std::string& sentence) { log->info("kifa", sentence); });
    if (!signals) {
      complain(signals.status().message());
      return exit_code(signals.status().code());
    }
    auto runner = pipeline::Runner::create(loaded_.deployment, *loaded_.registry, runner_options());
    if (!runner) {
      log_->flush();
      complain_verbatim(refusal_text(loaded_, runner.error()));
      return exit_code(runner.error().code());
    }
    pipeline::RunSummary summary;
    const Status status = run_pipelines(std::move(*runner), **signals, summary);
    log_->flush();
    if (!status) {
      complain(status.message());
      if (!is_started_ && summary.records_acknowledged == 0) {
        return exit_code(status.code());
      }
    }
    tell_summary(loaded_.deployment, summary);
    return exit_code_after(status, summary, (*signals)->stop_signal());
  }

 private:
  pipeline::RunnerOptions runner_options();
  static Status run_pipelines(std::unique_ptr<pipeline::Runner> runner, Signals& signals,
                              pipeline::RunSummary& summary);
  void enter(pipeline::RunPhase phase);
  std::optional<pipeline::Replacement> load();
  void refuse(const std::string& why) const;

  LoadedDeployment loaded_;
  std::optional<LoadedDeployment> next_;  // of a reload that is under way
  bool is_started_ = false;               // every source was tried
  const RunFlags& flags_;
  const Reload& reload_;
  const std::shared_ptr<observability::Log> log_;
  const ServiceManager manager_{config::process_environment()};
};

pipeline::RunnerOptions Run::runner_options() {
  pipeline::RunnerOptions options;
  options.log = [log = log_](pipeline::LogLevel level, const std::string& subject,
                             const std::string& message) {
    log->write(static_cast<observability::LogLevel>(level), subject, message);
  };
  options.log_level = static_cast<pipeline::LogLevel>(log_->level());
  options.stop_timeout_ns = flags_.stop_timeout_ns.value;
  options.on_phase = [this](pipeline::RunPhase phase) { enter(phase); };
  options.load = [this] { return load(); };
  options.on_turn = [this] { manager_.alive(); };
  options.turn_ns = manager_.alive_every_ns();
  return options;
}

// Runs to the end; `summary` is what was done up to there.
Status Run::run_pipelines(std::unique_ptr<pipeline::Runner> runner, Signals& signals,
                          pipeline::RunSummary& summary) {
  signals.on_stop([&runner] { runner->request_stop(); });
  signals.on_shift([&runner](int step) { runner->shift_mode(step); });
  signals.on_reload([&runner] { runner->request_reload(); });
  const Status status = runner->run();
  signals.on_reload(nullptr);
  signals.on_shift(nullptr);
  signals.on_stop(nullptr);
  summary = runner->summary();
  return status;  // the stores are closed with the runner
}

void Run::enter(pipeline::RunPhase phase) {
  switch (phase) {
    case pipeline::RunPhase::reloading:
      manager_.reloading();
      return;
    case pipeline::RunPhase::stopping:
      manager_.stopping(flags_.stop_timeout_ns.value);
      return;
    case pipeline::RunPhase::reloaded:
      loaded_ = std::move(*std::exchange(next_, std::nullopt));
      break;
    case pipeline::RunPhase::kept:
      next_.reset();
      break;
    case pipeline::RunPhase::started:
      is_started_ = true;
      break;
  }
  manager_.ready(status_text(loaded_.deployment));
}

std::optional<pipeline::Replacement> Run::load() {
  if (!reload_) {
    log_->warn("kifa", "SIGHUP: all is from flags and the environment; there is no file to read");
    return std::nullopt;
  }
  log_->info("kifa", "SIGHUP: reading the configuration again");
  LoadResult result = reload_();
  if (const auto* failure = std::get_if<LoadFailure>(&result)) {
    refuse(failure->text);
    return std::nullopt;
  }
  auto& loaded = std::get<LoadedDeployment>(result);
  if (const Status status = check_stdin(loaded.deployment); !status) {
    refuse(status.message());
    return std::nullopt;
  }
  next_ = std::move(loaded);
  return pipeline::Replacement{.deployment = next_->deployment, .registry = next_->registry.get()};
}

void Run::refuse(const std::string& why) const {
  log_->error("kifa", "the new configuration is wrong, and nothing was changed");
  complain_verbatim(why);
}

}  // namespace

void use_log_format(const RunFlags& flags) {
  if (flags.log_format.value == "json") {
    set_message_format(observability::LogFormat::json);
  }
}

int run_deployment(LoadedDeployment loaded, const RunFlags& flags, const Reload& reload) {
  if (const Status status = check_stdin(loaded.deployment); !status) {
    complain(status.message());
    return exit_code(status.code());
  }
  return Run(std::move(loaded), flags, reload).run();
}

}  // namespace kifa::cli
