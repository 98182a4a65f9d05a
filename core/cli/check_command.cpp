#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
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

// One file; its summary is added to `summaries` when all is well.
int check_file(const std::string& file, const std::vector<std::string>& plugin_paths,
               std::string& summaries) {
  const LoadResult result = load_deployment_file(file, plugin_paths, Purpose::check);
  if (const auto* failure = std::get_if<LoadFailure>(&result)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  const auto& loaded = std::get<LoadedDeployment>(result);
  if (const Status status = try_assembly(loaded); !status) {
    complain_verbatim(fmt::format("{}: error: {}", file, status.message()));
    return configuration_exit_code(status.code());
  }
  summaries += summary_of(file, loaded.deployment);
  return kExitOk;
}

}  // namespace

int run(const CheckCommand& command) {
  int result = kExitOk;
  std::string summaries;
  for (const std::string& file : command.files) {
    if (const int checked = check_file(file, command.plugin_paths, summaries); checked != kExitOk) {
      result = checked;
    }
  }
  const int printed = print(summaries);
  return result == kExitOk ? printed : result;
}

}  // namespace kifa::cli
