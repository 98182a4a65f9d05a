#include <utility>
#include <variant>

#include "core/cli/commands.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/run_deployment.hpp"
#include "core/cli/signals.hpp"

namespace kifa::cli {

int run(const RunCommand& command) {
  Signals::hold_reload();
  use_log_format(command.run);
  const Reload load = [&command] {
    return load_deployment_file(command.file, command.plugin_paths, Purpose::run);
  };
  LoadResult loaded = load();
  if (const auto* failure = std::get_if<LoadFailure>(&loaded)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  return run_deployment(std::move(std::get<LoadedDeployment>(loaded)), command.run, load);
}

}  // namespace kifa::cli
