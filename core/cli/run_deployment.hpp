#pragma once

#include "core/cli/command_line.hpp"
#include "core/cli/load_deployment.hpp"

namespace kifa::cli {

// Runs the pipelines until their sources end or a signal asks to stop, tells what was ingested, and
// returns the exit code.
[[nodiscard]] int run_deployment(LoadedDeployment& loaded, const RunFlags& flags);

// Messages stand as the flags say from now on. Before anything is said.
void use_log_format(const RunFlags& flags);

}  // namespace kifa::cli
