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
  const Worker* worker = nullptr;        // null: not started yet
  bool leaves = false;                   // it was taken out of the configuration
};

inline RunSummary counts_of(const SourceCounters& counters) {
  return {.records_acknowledged = counters.records_acknowledged.load(std::memory_order_relaxed),
          .records_filtered = counters.records_filtered.load(std::memory_order_relaxed),
          .records_failed = counters.records_failed.load(std::memory_order_relaxed)};
}

}  // namespace kifa::pipeline
