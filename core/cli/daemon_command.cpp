#include <utility>
#include <variant>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/layers.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/run_deployment.hpp"
#include "core/cli/signals.hpp"

namespace kifa::cli {
namespace {

int print_yaml(const DaemonCommand& command, const config::Deployment& deployment) {
  const Result<std::string> text = print_layers(command.deployment, deployment);
  if (!text) {
    complain(text.status().message());
    return configuration_exit_code(text.status().code());
  }
  return print(*text);
}

}  // namespace

int run(const DaemonCommand& command) {
  Signals::hold_reload();
  use_log_format(command.run);
  Origins origins;
  const Purpose purpose = command.print_yaml ? Purpose::check : Purpose::run;
  LoadResult loaded = load_layers(command.deployment, purpose, origins);
  if (const auto* failure = std::get_if<LoadFailure>(&loaded)) {
    complain_verbatim(failure->text);
    return failure->exit_code;
  }
  auto& deployment = std::get<LoadedDeployment>(loaded);
  if (command.print_yaml) {
    return print_yaml(command, deployment.deployment);
  }
  Reload reload;
  if (!command.deployment.config.empty()) {
    reload = [&command] {
      Origins ignored;
      return load_layers(command.deployment, Purpose::run, ignored);
    };
  }
  return run_deployment(std::move(deployment), command.run, reload);
}

}  // namespace kifa::cli
