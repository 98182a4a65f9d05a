// How the sources of a running pipeline change.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/changes.hpp"
#include "core/pipeline/pipeline.hpp"
#include "core/pipeline/pipeline_source.hpp"

namespace kifa::pipeline {

Status Pipeline::bring_sources(const config::PipelineConfig& config, const FindComponent& find) {
  KIFA_ASSERT(new_sources_.empty());
  for (const config::SourceConfig& source : config.sources) {
    const config::SourceConfig* now = find_source(config_, source.component.name);
    if (now != nullptr && is_same(*now, source)) {
      continue;
    }
    auto made = make_source(source, find);
    if (!made) {
      drop_new_sources();
      return made.error();
    }
    new_sources_.push_back(std::move(*made));
  }
  new_config_ = config;
  return {};
}

void Pipeline::part_sources(std::int64_t deadline_mono_ns) {
  {
    const MutexLock lock(mutex_);
    // While all others leave, the sinks stay open for those that come.
    promised_sources_ = new_sources_.size();
    sources_left_ += promised_sources_;
    for (const std::unique_ptr<Source>& source : sources_) {
      const std::string& name = source->engine->parts().name;
      const config::SourceConfig* wanted = find_source(new_config_, name);
      source->leaves = wanted == nullptr || !is_same(*find_source(config_, name), *wanted);
    }
  }
  for (const std::unique_ptr<Source>& source : sources_) {
    if (source->leaves) {
      source->engine->request_stop(deadline_mono_ns);
    }
  }
}

bool Pipeline::sources_parted() const {
  const MutexLock lock(mutex_);
  return std::ranges::none_of(sources_, [](const std::unique_ptr<Source>& source) {
    return source->leaves && !source->worker->done;
  });
}

void Pipeline::forget(std::unique_ptr<Source> source) {
  sink_->detach(source->waker);
  bool is_done = false;
  {
    const MutexLock lock(mutex_);
    const auto worker = std::ranges::find_if(
        workers_, [&source](const Worker& one) { return &one == source->worker; });
    is_done = worker->done;
    if (is_done) {
      worker->thread.join();
      workers_.erase(worker);
    }
  }
  if (!is_done) {
    source->logger->error(
        "it did not return in time and was left behind; what takes its place "
        "may find its device in use");
    stuck_sources_.push_back(std::move(source));
    return;
  }
  log_counters(*source);
  past_ += counts_of(source->counters);
}

void Pipeline::settle_sources() {
  std::vector<std::unique_ptr<Source>> staying;
  for (std::unique_ptr<Source>& source : sources_) {
    if (source->leaves) {
      forget(std::move(source));
    } else {
      staying.push_back(std::move(source));
    }
  }
  sources_ = std::move(staying);
  config_ = new_config_;
  const MutexLock lock(mutex_);
  promised_sources_ = 0;
  sources_untried_ += new_sources_.size();
  for (std::unique_ptr<Source>& source : new_sources_) {
    start_source(*source);
    sources_.push_back(std::move(source));
  }
  new_sources_.clear();
}

void Pipeline::drop_new_sources() {
  for (const std::unique_ptr<Source>& source : new_sources_) {
    sink_->detach(source->waker);
  }
  const MutexLock lock(mutex_);
  sources_left_ -= std::exchange(promised_sources_, 0);
  new_sources_.clear();
}

}  // namespace kifa::pipeline
