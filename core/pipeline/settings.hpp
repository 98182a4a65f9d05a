#pragma once

#include "core/config/deployment.hpp"
#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/source_parts.hpp"

namespace kifa::pipeline {

// The host's own options of a source (with those of its framing) and of a sink. What is not there
// keeps its default.
[[nodiscard]] SourceOptions source_options_of(const config::SourceConfig& source);
[[nodiscard]] SinkOptions sink_options_of(const config::SinkConfig& sink);

}  // namespace kifa::pipeline
