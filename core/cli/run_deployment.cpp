#include "core/cli/run_deployment.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <memory>
#include <utility>

#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/messages.hpp"
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

// Runs to the end; `summary` is what was done up to there.
Status run_pipelines(const LoadedDeployment& loaded, const pipeline::RunnerOptions& options,
                     Signals& signals, pipeline::RunSummary& summary) {
  const auto runner = pipeline::Runner::create(loaded.deployment, *loaded.registry, options);
  if (!runner) {
    return runner.status();
  }
  signals.on_stop([&runner] { (*runner)->request_stop(); });
  signals.on_shift([&runner](int step) { (*runner)->shift_mode(step); });
  const Status status = (*runner)->run();
  signals.on_shift(nullptr);
  signals.on_stop(nullptr);
  summary = (*runner)->summary();
  return status;  // the stores are closed with the runner
}

}  // namespace

void use_log_format(const RunFlags& flags) {
  if (flags.log_format.value == "json") {
    set_message_format(observability::LogFormat::json);
  }
}

int run_deployment(LoadedDeployment& loaded, const RunFlags& flags) {
  const std::string wants_stdin = reader_of_stdin(loaded.deployment);
  if (!wants_stdin.empty() && closed_at_start().input) {
    complain(
        fmt::format("source {} reads standard input, which is closed; give it a file or a "
                    "pipe, or /dev/null for nothing",
                    wants_stdin));
    return kExitUnavailable;
  }
  const std::shared_ptr<observability::Log> log = make_log(flags);
  // Before any other thread exists: they inherit the blocked signals.
  const auto signals =
      Signals::start([log](const std::string& sentence) { log->info("kifa", sentence); });
  if (!signals) {
    complain(signals.status().message());
    return exit_code(signals.status().code());
  }
  pipeline::RunnerOptions options;
  options.log = [log](pipeline::LogLevel level, const std::string& subject,
                      const std::string& message) {
    log->write(static_cast<observability::LogLevel>(level), subject, message);
  };
  options.log_level = static_cast<pipeline::LogLevel>(log->level());
  options.stop_timeout_ns = flags.stop_timeout_ns.value;
  pipeline::RunSummary summary;
  const Status status = run_pipelines(loaded, options, **signals, summary);
  log->flush();
  if (!status) {
    complain(status.message());
  }
  tell_summary(loaded.deployment, summary);
  return exit_code_after(status, summary, (*signals)->stop_signal());
}

}  // namespace kifa::cli
