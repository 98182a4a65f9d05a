#pragma once

#include <string>

#include "core/cli/load_deployment.hpp"

namespace kifa::cli {

// Runs the pipelines until their sources end or a signal asks to stop, tells what was ingested, and
// returns the exit code. `log_level` is debug, info, warn or error.
[[nodiscard]] int run_deployment(LoadedDeployment& loaded, const std::string& log_level);

}  // namespace kifa::cli
