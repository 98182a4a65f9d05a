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

Pipeline::Pipeline(std::string name, const Clock& clock, std::shared_ptr<Log> log,
                   std::shared_ptr<RunEvents> events)
    : name_(std::move(name)),
      clock_(clock),
      log_(std::move(log)),
      events_(std::move(events)),
      logger_(log_, name_) {}

// Sources first: their streams and batches point at nothing of the sinks, but not the other way
// round.
Pipeline::~Pipeline() { sources_.clear(); }

void Pipeline::start() {
  std::vector<std::pair<std::string, std::function<void()>>> bodies;
  const auto add_sink_thread = [&](SinkWriter& writer) {
    const std::string name = writer.name().substr(name_.size() + 1);
    bodies.emplace_back("k>" + name, [&writer] { writer.run_worker(); });
  };
  add_sink_thread(*sink_);
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    add_sink_thread(*copy);
  }
  for (const std::unique_ptr<Source>& source : sources_) {
    bodies.emplace_back("k<" + source->engine->parts().name, [this, source = source.get()] {
      run_source(*source->engine, clock_);
      source_ended(*source);
    });
  }
  const MutexLock lock(mutex_);
  sources_left_ = sources_.size();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const auto& [thread_name, body] = bodies[i];
    Worker& worker = workers_.emplace_back();
    const bool is_sink = i < 1 + copies_.size();
    worker.what =
        fmt::format("{} `{}/{}`", is_sink ? "sink" : "source", name_, thread_name.substr(2));
    worker.thread = std::thread([self = shared_from_this(), i, thread_name, body] {
      self->run_thread(i, thread_name, body);
    });
  }
}

void Pipeline::run_thread(std::size_t worker, const std::string& thread_name,
                          const std::function<void()>& body) {
  block_signals();
  name_this_thread(thread_name);
  body();
  {
    const MutexLock lock(mutex_);
    workers_[worker].done = true;
  }
  events_->notify();
}

void Pipeline::source_ended(const Source& source) {
  const SourceEngine::End& end = source.engine->result();
  {
    const MutexLock lock(mutex_);
    --sources_left_;
    given_up_ += end.unsettled;
    if (!end.status) {
      note_failure(end.status);
      stops_ |= end.stops_pipeline;
    }
    if (end.unsettled != 0) {
      note_failure(Status(Code::io, fmt::format("{}: {} records were not settled when the time to "
                                                "stop was over",
                                                source.engine->parts().origin, end.unsettled)));
    }
  }
  if (!end.status && end.status.message() != sink_->failure().message()) {
    source.logger->error(end.status.message());
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
  log_counters();
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
  for (const std::unique_ptr<Source>& source : sources_) {
    const SourceCounters& counters = source->counters;
    summary.records_acknowledged += counters.records_acknowledged.load(std::memory_order_relaxed);
    summary.records_filtered += counters.records_filtered.load(std::memory_order_relaxed);
    summary.records_failed += counters.records_failed.load(std::memory_order_relaxed);
  }
  const MutexLock lock(mutex_);
  summary.drain_left_records += given_up_;
}

void Pipeline::log_counters() const {
  for (const std::unique_ptr<Source>& source : sources_) {
    const SourceCounters& counters = source->counters;
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
    source->logger->info(line);
  }
  for (const std::unique_ptr<SinkWriter>& copy : copies_) {
    if (const std::uint64_t dropped = copy->dropped_records(); dropped != 0) {
      log_->write(LogLevel::warn, copy->name(),
                  fmt::format("{} records were not copied to this best-effort sink", dropped));
    }
  }
}

}  // namespace kifa::pipeline
