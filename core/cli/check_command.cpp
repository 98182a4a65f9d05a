#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <variant>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"

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

}  // namespace

int run(const CheckCommand& command) {
  int result = kExitOk;
  std::string summaries;
  for (const std::string& file : command.files) {
    const LoadResult loaded = load_deployment_file(file, command.plugin_paths, Purpose::check);
    if (const auto* failure = std::get_if<LoadFailure>(&loaded)) {
      complain_verbatim(failure->text);
      result = failure->exit_code;
    } else {
      summaries += summary_of(file, std::get<LoadedDeployment>(loaded).deployment);
    }
  }
  const int printed = print(summaries);
  return result == kExitOk ? printed : result;
}

}  // namespace kifa::cli
