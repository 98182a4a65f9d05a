#pragma once

#include <cstdint>

#include "core/config/deployment.hpp"

namespace kifa::pipeline {

// Whether two configurations ask for the same: places in files do not count, nor whether a value is
// written or a default.
[[nodiscard]] bool is_same(const config::SourceConfig& one, const config::SourceConfig& other);
[[nodiscard]] bool is_same(const config::SinkConfig& one, const config::SinkConfig& other);

// What must be done to a running pipeline so that it becomes another.
enum class Change : std::uint8_t {
  none,
  sources,  // some come and some go; the others and the sinks go on
  whole,    // it is drained, and the new one takes its place
};
[[nodiscard]] Change change_between(const config::PipelineConfig& now,
                                    const config::PipelineConfig& wanted);

// The source called `name`; null: there is none.
[[nodiscard]] const config::SourceConfig* find_source(const config::PipelineConfig& config,
                                                      std::string_view name);

}  // namespace kifa::pipeline
