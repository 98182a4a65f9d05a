#include "core/pipeline/pipeline.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/pipeline_source.hpp"
#include "core/pipeline/source_worker.hpp"

namespace kifa::pipeline {

namespace {

// pthread names have room for 15 characters.
void name_this_thread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

// Signals belong to the thread that waits for them; no call of a plugin is to be interrupted.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

void RunEvents::notify() {
  const MutexLock lock(mutex_);
  notified_ = true;
  changed_.notify_all();
}

void RunEvents::wait(const Clock& clock, std::int64_t until) {
  MutexLock lock(mutex_);
  while (!notified_) {
    if (until == kNoTime) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t now = clock.now_mono_ns();
    if (now >= until) {
      return;
    }
    changed_.wait_for(lock, std::chrono::nanoseconds(until - now));
  }
  notified_ = false;
}

Pipeline::Pipeline(const config::PipelineConfig& config, const Clock& clock,
                   std::shared_ptr<Log> log, std::shared_ptr<RunEvents> events)
    : config_(config),
      name_(config.name),
      clock_(clock),
      log_(std::move(log)),
      events_(std::move(events)),
      logger_(log_, name_) {}

// Sources first: their streams and batches point at nothing of the sinks, but not the other way
// round.
Pipeline::~Pipeline() {
  new_sources_.clear();
  stuck_sources_.clear();
  sources_.clear();
}

void Pipeline::start() {
  const MutexLock lock(mutex_);
  sources_left_ = sources_.size();
  sources_untried_ = sources_.size();
  start_sink(*sink_);
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    start_sink(*copy);
  }
  for (const std::unique_ptr<Source>& source : sources_) {
    start_source(*source);
  }
}

void Pipeline::start_sink(SinkWriter& writer) {
  const std::string name = writer.name().substr(name_.size() + 1);
  start_thread(fmt::format("sink `{}`", writer.name()), "k>" + name,
               [&writer] { writer.run_worker(); });
}

void Pipeline::start_source(Source& source) {
  const SourceParts& parts = source.engine->parts();
  source.worker =
      &start_thread(fmt::format("source `{}`", parts.origin), "k<" + parts.name, [this, &source] {
        run_source(*source.engine, clock_);
        source_ended(source);
      });
}

const Pipeline::Worker& Pipeline::start_thread(std::string what, const std::string& thread_name,
                                               std::function<void()> body) {
  Worker& worker = workers_.emplace_back();
  worker.what = std::move(what);
  worker.thread =
      std::thread([self = shared_from_this(), &worker, thread_name, run = std::move(body)] {
        self->run_thread(worker, thread_name, run);
      });
  return worker;
}

void Pipeline::run_thread(Worker& worker, const std::string& thread_name,
                          const std::function<void()>& body) {
  block_signals();
  name_this_thread(thread_name);
  body();
  {
    const MutexLock lock(mutex_);
    worker.done = true;
  }
  events_->notify();
}

void Pipeline::source_ended(const Source& source) {
  const SourceEngine::End& end = source.engine->result();
  bool leaves = false;
  {
    const MutexLock lock(mutex_);
    leaves = source.leaves;
    --sources_left_;
    // What a source that leaves could not wait for is the sink's, which goes on.
    given_up_ += leaves ? 0 : end.unsettled;
    if (!end.status && !leaves) {
      note_failure(end.status);
      stops_ |= end.stops_pipeline;
    }
    if (end.unsettled != 0 && !leaves) {
      note_failure(Status(Code::io, fmt::format("{}: {} records were not settled when the time to "
                                                "stop was over",
                                                source.engine->parts().origin, end.unsettled)));
    }
  }
  if (!end.status && end.status.message() != sink_->failure().message()) {
    source.logger->write(leaves ? LogLevel::warn : LogLevel::error, end.status.message());
  }
  events_->notify();
}

void Pipeline::note_failure(const Status& status) {
  if (failure_) {
    failure_ = status;
  }
}

void Pipeline::shift_mode(std::int32_t step, std::uint64_t request) {
  sink_->shift_mode(step, request);
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    copy->shift_mode(step, request);
  }
}

void Pipeline::request_stop(std::int64_t deadline_mono_ns) {
  for (const std::unique_ptr<Source>& source : sources_) {
    source->engine->request_stop(deadline_mono_ns);
  }
}

void Pipeline::close_sinks(std::int64_t deadline_mono_ns) {
  sink_->close(deadline_mono_ns);
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    copy->close(deadline_mono_ns);
  }
}

void Pipeline::join() {
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    for (Worker& worker : workers_) {
      KIFA_ASSERT(worker.done);
      threads.push_back(std::move(worker.thread));
    }
  }
  for (std::thread& thread : threads) {
    if (thread.joinable()) {
      thread.join();
    }
  }
  {
    const MutexLock lock(mutex_);
    note_failure(sink_->failure());
  }
  for (const std::unique_ptr<Source>& source : sources_) {
    log_counters(*source);
  }
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    if (const std::uint64_t dropped = copy->dropped_records(); dropped != 0) {
      log_->write(LogLevel::warn, copy->name(),
                  fmt::format("{} records were not copied to this best-effort sink", dropped));
    }
  }
}

std::string Pipeline::abandon() {
  const MutexLock lock(mutex_);
  std::string left;
  for (Worker& worker : workers_) {
    if (!worker.done) {
      left += (left.empty() ? "" : ", ") + worker.what;
    }
    if (worker.thread.joinable()) {
      worker.thread.detach();
    }
  }
  return left;
}

bool Pipeline::sources_tried() const {
  const MutexLock lock(mutex_);
  return sources_untried_ == 0;
}

bool Pipeline::sources_finished() const {
  const MutexLock lock(mutex_);
  return sources_left_ == 0;
}

bool Pipeline::finished() const {
  const MutexLock lock(mutex_);
  return std::ranges::all_of(workers_, [](const Worker& worker) { return worker.done; });
}

bool Pipeline::failed() const {
  {
    const MutexLock lock(mutex_);
    if (stops_) {
      return true;
    }
  }
  return sink_->failed();
}

Status Pipeline::result() const {
  const MutexLock lock(mutex_);
  return failure_;
}

std::uint64_t Pipeline::unsettled() const {
  std::uint64_t count = 0;
  for (const std::unique_ptr<Source>& source : sources_) {
    count += source->counters.unsettled();
  }
  return count;
}

void Pipeline::add_to(RunSummary& summary) const {
  const auto add = [&summary](const std::vector<std::unique_ptr<Source>>& sources) {
    for (const std::unique_ptr<Source>& source : sources) {
      summary += counts_of(source->counters);
    }
  };
  add(sources_);
  add(stuck_sources_);
  summary += past_;
  const MutexLock lock(mutex_);
  summary.drain_left_records += given_up_;
}

void Pipeline::log_counters(const Source& source) {
  const SourceCounters& counters = source.counters;
  std::string line = fmt::format("records acknowledged: {}, bytes read: {}",
                                 counters.records_acknowledged.load(), counters.bytes_in.load());
  const auto add = [&line](const SourceCounters::Counter& counter, std::string_view what) {
    if (const std::uint64_t count = counter.load(); count != 0) {
      line += fmt::format(", {}: {}", what, count);
    }
  };
  add(counters.records_filtered, "filtered");
  add(counters.records_failed, "failed");
  add(counters.records_truncated, "truncated");
  add(counters.records_rejected, "rejected as oversize");
  add(counters.records_partial, "partial");
  add(counters.bytes_dropped, "bytes of oversize records dropped");
  add(counters.bytes_skipped, "bytes of no record skipped");
  add(counters.gaps, "gaps");
  add(counters.replies_failed, "replies failed");
  add(counters.restarts, "restarts");
  source.logger->info(line);
}

}  // namespace kifa::pipeline
