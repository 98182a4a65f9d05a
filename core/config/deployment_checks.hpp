#pragma once

#include "core/config/deployment.hpp"

namespace kifa::config {

// Who hears of records once they are durable: the option `ack` of a source. `facts` null: the
// source's type is wrong, and that has been said.
void check_acknowledgement(const SourceConfig& source, const ComponentFacts* facts,
                           bool framing_answers, Diagnostics& diagnostics);
// What no single component can know: rules between the parts of one pipeline...
void check_pipeline(const PipelineConfig& pipeline, Diagnostics& diagnostics);
// ...and between pipelines: sinks that name one store must agree about it.
void check_shared_stores(const Deployment& deployment, Diagnostics& diagnostics);

}  // namespace kifa::config
