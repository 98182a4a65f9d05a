#pragma once

#include "core/config/deployment.hpp"

namespace kifa::config {

// What no single component can know: rules between the parts of one pipeline...
void check_pipeline(const PipelineConfig& pipeline, Diagnostics& diagnostics);
// ...and between pipelines: sinks that name one store must agree about it.
void check_shared_stores(const Deployment& deployment, Diagnostics& diagnostics);

}  // namespace kifa::config
