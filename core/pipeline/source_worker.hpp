#pragma once

#include "core/base/clock.hpp"
#include "core/pipeline/source_engine.hpp"

namespace kifa::pipeline {

// Turns the engine of one source until it is finished, sleeping in ppoll on the plugin's
// descriptors and the engine's waker. Blocks nowhere else by itself.
//
// Threads: to be called on the source's thread.
void run_source(SourceEngine& engine, const Clock& clock);

}  // namespace kifa::pipeline
