#pragma once

#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/config/deployment.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::pipeline {

// Starts every source of a deployment and stops it again at once, one after the other: what can be
// opened now, and what fails why; a status each, with the name of the source. Nothing is read, and
// no sink is touched; who connects meanwhile is cut off.
//
// Threads: the control thread, when no pipeline runs.
[[nodiscard]] std::vector<Status> probe_sources(const config::Deployment& deployment,
                                                plugin::Registry& registry);

}  // namespace kifa::pipeline
