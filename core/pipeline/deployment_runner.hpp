#pragma once

#include <memory>

#include "core/pipeline/pipeline.hpp"
#include "core/pipeline/runner.hpp"

namespace kifa::pipeline {

// Runner::create with components from anywhere; tests bring their own.
Result<std::unique_ptr<Runner>> create_runner(const config::Deployment& deployment,
                                              const FindComponent& find, RunnerOptions options);

}  // namespace kifa::pipeline
