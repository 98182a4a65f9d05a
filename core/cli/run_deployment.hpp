#pragma once

#include <functional>

#include "core/cli/command_line.hpp"
#include "core/cli/load_deployment.hpp"

namespace kifa::cli {

// Reads the configuration anew, to be run; empty: there is no file.
using Reload = std::function<LoadResult()>;

// Runs the pipelines until their sources end or a signal asks to stop, tells what was ingested, and
// returns the exit code. SIGHUP runs what `reload` finds, if that is right.
[[nodiscard]] int run_deployment(LoadedDeployment loaded, const RunFlags& flags,
                                 const Reload& reload);

// Messages stand as the flags say from now on. Before anything is said.
void use_log_format(const RunFlags& flags);

}  // namespace kifa::cli
