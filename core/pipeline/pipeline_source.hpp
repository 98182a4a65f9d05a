#pragma once

#include <memory>

#include "core/pipeline/log.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/pipeline/source_engine.hpp"
#include "core/pipeline/waker.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {

// One source with everything of it that its thread uses.
struct Pipeline::Source {
  SourceCounters counters;
  std::shared_ptr<Waker> waker = std::make_shared<Waker>();
  std::unique_ptr<plugin::Instance> source;
  std::unique_ptr<plugin::Instance> framing;
  std::unique_ptr<Logger> logger;
  std::unique_ptr<SourceEngine> engine;  // uses all of the above: destroyed first
};

}  // namespace kifa::pipeline
