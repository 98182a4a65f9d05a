#pragma once

#include <map>
#include <string>

#include "core/cli/command_line.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/config/document.hpp"

namespace kifa::cli {

// Flags over environment over file over defaults: the first two are values that are put into the
// tree of the file, before it is checked as any file is.
//
// What they say of the store goes to `store:` and holds for every sink of type kifa, also for one
// that says it itself. Their sources stand in the pipeline `daemon`, by the names stdin, file, tcp,
// udp, serial, serial-2...: of a source that the file has there, only what they name is changed.
// Lists do not merge: who names addresses replaces those of the layer below.

// Who put which value over the file, by the value's place: "store.flush_mode" -> "--flush-mode".
using Origins = std::map<std::string, std::string>;

// Puts what `flags` say into `root`, which may be empty. A failure is one sentence: what they say
// cannot be said of this file.
[[nodiscard]] Status lay_over(const DeploymentFlags& flags, config::Node& root, Origins& origins);

// Reads the file, lays flags and environment over it, and checks the whole.
[[nodiscard]] LoadResult load_layers(const DeploymentFlags& flags, Purpose purpose,
                                     Origins& origins);

// The file that all of it stands for; ${...} of the file stays as it is written. `deployment` is
// what the same flags were found to mean.
[[nodiscard]] Result<std::string> print_layers(const DeploymentFlags& flags,
                                               const config::Deployment& deployment);

}  // namespace kifa::cli
