#pragma once

#include <kifa/plugin.h>

#include <deque>
#include <span>
#include <vector>

#include "core/config/deployment.hpp"
#include "core/config/options.hpp"
#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/source_parts.hpp"

namespace kifa::pipeline {

// A component's settings as the plugin ABI has them. Points into the config::Settings it was made
// of, which must live as long.
//
// Threads: immutable.
class AbiSettings final {
 public:
  explicit AbiSettings(const std::vector<config::Setting>& settings);
  AbiSettings(const AbiSettings&) = delete;
  AbiSettings& operator=(const AbiSettings&) = delete;
  ~AbiSettings() = default;

  [[nodiscard]] std::span<const kifa_setting> span() const { return settings_; }

 private:
  std::vector<kifa_setting> settings_;
  std::deque<std::vector<kifa_str>> lists_;
};

// The host's own options of a source (with those of its framing) and of a sink. What is not there
// keeps its default.
[[nodiscard]] SourceOptions source_options_of(const config::SourceConfig& source);
[[nodiscard]] SinkOptions sink_options_of(const config::SinkConfig& sink);

}  // namespace kifa::pipeline
