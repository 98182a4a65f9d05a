#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/probe_store.hpp"
#include "core/cli/refusal.hpp"
#include "core/config/options.hpp"
#include "core/pipeline/probe.hpp"
#include "core/pipeline/runner.hpp"

namespace kifa::cli {
namespace {

std::string summary_of(const std::string& file, const config::Deployment& deployment) {
  std::size_t sources = 0;
  std::size_t sinks = 0;
  for (const config::PipelineConfig& pipeline : deployment.pipelines) {
    sources += pipeline.sources.size();
    sinks += pipeline.sinks.size();
  }
  return fmt::format("{}: ok ({}, {}, {})\n", file,
                     counted(deployment.pipelines.size(), "pipeline"), counted(sources, "source"),
                     counted(sinks, "sink"));
}

// Whether the components accept their options together; nothing is started.
Status try_assembly(const LoadedDeployment& loaded) {
  return pipeline::Runner::create(loaded.deployment, *loaded.registry, {}).status();
}

int tell_failure(const std::string& file, const Status& status) {
  complain_verbatim(fmt::format("{}: {}", file, status.message()));
  return exit_code(status.code());
}

std::uint64_t segment_bytes_of(const config::SinkConfig& sink) {
  const config::Setting* size = config::find_setting(sink.component.settings, "segment_size_mib");
  return size == nullptr ? 0 : static_cast<std::uint64_t>(size->integer) << 20U;
}

// Everything that a run would open; each failure is told. The exit code is that of the last one.
int probe_all(const std::string& file, const LoadedDeployment& loaded) {
  int result = kExitOk;
  for (const Status& probe : pipeline::probe_sources(loaded.deployment, *loaded.registry)) {
    if (!probe) {
      result = tell_failure(file, probe);
    }
  }
  for (const config::PipelineConfig& pipeline : loaded.deployment.pipelines) {
    for (const config::SinkConfig& sink : pipeline.sinks) {
      const config::Setting* directory = config::find_setting(sink.component.settings, "data_dir");
      if (sink.component.type != "kifa" || directory == nullptr) {
        continue;
      }
      if (const Status status = probe_store(directory->text, segment_bytes_of(sink)); !status) {
        result = tell_failure(
            file, status.with_context(fmt::format("{}/{}", pipeline.name, sink.component.name)));
      }
    }
  }
  return result;
}

// One file; its summary is added to `summaries` when all is well.
int check_file(const std::string& file, const CheckCommand& command, std::string& summaries) {
  // To be run, the files of secrets are read too.
  const LoadResult result = load_deployment_file(file, command.plugin_paths,
                                                 command.probe ? Purpose::run : Purpose::check);
  if (const auto* failure = std::get_if<LoadFailure>(&result)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  const auto& loaded = std::get<LoadedDeployment>(result);
  if (const Status status = try_assembly(loaded); !status) {
    complain_verbatim(refusal_text(loaded, status));
    return configuration_exit_code(status.code());
  }
  if (command.probe) {
    if (const int probed = probe_all(file, loaded); probed != kExitOk) {
      return probed;
    }
  }
  summaries += summary_of(file, loaded.deployment);
  return kExitOk;
}

}  // namespace

int run(const CheckCommand& command) {
  int result = kExitOk;
  std::string summaries;
  for (const std::string& file : command.files) {
    if (const int checked = check_file(file, command, summaries); checked != kExitOk) {
      result = checked;
    }
  }
  const int printed = print(summaries);
  return result == kExitOk ? printed : result;
}

}  // namespace kifa::cli
