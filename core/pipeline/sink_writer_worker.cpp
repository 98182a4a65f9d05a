// The worker's side of SinkWriter: start, flush, stop, and when each is due.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"
#include "core/pipeline/sink_writer.hpp"

namespace kifa::pipeline {

void SinkWriter::request_flush(std::int64_t deadline_mono_ns) {
  const MutexLock lock(mutex_);
  flush_until_ = deadline_mono_ns;
  notice();
}

void SinkWriter::close(std::int64_t deadline_mono_ns) {
  const MutexLock lock(mutex_);
  close_until_ = deadline_mono_ns;
  flush_until_ = deadline_mono_ns;
  notice();
}

std::int64_t SinkWriter::turn() {
  const MutexLock lock(mutex_);
  noticed_ = false;
  switch (state_) {
    case State::starting:
      if (close_until_) {
        fail_waiting();
        state_ = State::stopped;
        return kNever;
      }
      if (clock_.now_mono_ns() < start_at_) {
        return start_at_;
      }
      start_sink();
      return 0;
    case State::running:
      return turn_running();
    case State::failing:
      if (!writing_) {
        stop_sink();
        return 0;
      }
      return kNever;
    case State::stopped:
      return kNever;
  }
  return kNever;
}

std::int64_t SinkWriter::turn_running() {
  if (writing_) {
    return kNever;
  }
  const std::int64_t now = clock_.now_mono_ns();
  const bool give_up = close_until_ && now >= *close_until_;
  if (waiting() != 0 && !give_up) {
    if (blocked_ && now < blocked_until_) {
      return close_until_ ? std::min(blocked_until_, *close_until_) : blocked_until_;
    }
    blocked_ = false;
    write_group();
    return 0;
  }
  if (flush_until_ && unsettled() != 0 && !give_up) {
    flush_sink();
    return 0;
  }
  flush_until_.reset();
  if (!close_until_) {
    return kNever;
  }
  if (!last_words_ && !give_up) {
    queue_last_words();
    return 0;
  }
  if (unsettled() != 0 && !give_up) {
    return *close_until_;
  }
  stop_sink();
  return kNever;
}

void SinkWriter::queue_last_words() {
  last_words_ = true;
  if (formatter_ == nullptr || !formatter_->has_end()) {
    return;
  }
  const auto batch = std::make_shared<Batch>();
  batch->seal(name());
  add_offer(batch, 0);
  offers_.back().is_ending = true;
}

void SinkWriter::start_sink() {
  mutex_.unlock();
  Status status = formatter_ != nullptr ? formatter_->start() : Status();
  if (status) {
    status = sink_->start();
  }
  mutex_.lock();
  if (status) {
    state_ = State::running;
    blocked_ = false;
    backoff_.reset();
    failure_ = Status();
    failure_status_ = KIFA_OK;
    wake_sources();
  } else if (options_.required && status.code() != Code::unavailable) {
    state_ = State::running;  // so that fail() sees a first failure
    fail(std::move(status), KIFA_IO);
    state_ = State::stopped;
  } else {
    const std::int64_t wait = backoff_.next_ns();
    start_at_ = clock_.now_mono_ns() + wait;
    log_.warn(fmt::format("{}; trying again in {} ms", status.message(), wait / 1'000'000));
  }
}

// Stops the sink; what it took and never settled is failed, and a best-effort sink starts again
// after a while.
void SinkWriter::stop_sink() {
  const bool failing = state_ == State::failing;
  const std::int64_t now = clock_.now_mono_ns();
  const std::int64_t deadline =
      close_until_ ? std::max(*close_until_, now) : now + options_.stop_timeout_ns;
  writing_ = true;
  mutex_.unlock();
  Status status = sink_->stop(deadline);
  if (formatter_ != nullptr) {
    const Status stopped = formatter_->stop(deadline);
    status = status ? stopped : status;
  }
  mutex_.lock();
  writing_ = false;
  if (!failing && !status && failure_.is_ok()) {  // else a receipt has told it meanwhile
    log_.error(status.message());
    failure_ = status;
  }
  if (!failing && !offers_.empty()) {
    failure_status_ = KIFA_IO;
  }
  pending_.clear();
  while (front_ticket_ < taken_end_) {
    finish_front(0, failure_status_);
  }
  next_receipt_ = front_ticket_;
  fail_waiting();
  if (failing && !options_.required && !close_until_) {
    const std::int64_t wait = backoff_.next_ns();
    start_at_ = clock_.now_mono_ns() + wait;
    state_ = State::starting;
    log_.warn(fmt::format("this best-effort sink starts again in {} ms", wait / 1'000'000));
  } else {
    state_ = State::stopped;
  }
  notice();
}

void SinkWriter::run_worker() {
  std::int64_t next = 0;
  while (!stopped()) {
    {
      MutexLock lock(mutex_);
      while (!noticed_) {
        if (next == kNever) {
          changed_.wait(lock);
          continue;
        }
        const std::int64_t now = clock_.now_mono_ns();
        if (now >= next) {
          break;
        }
        changed_.wait_for(lock, std::chrono::nanoseconds(next - now));
      }
    }
    next = turn();
  }
}

Result<std::vector<StoredCheckpoint>> SinkWriter::load_checkpoints(std::string_view origin) {
  std::vector<StoredCheckpoint> checkpoints;
  const kifa_sink& calls = *sink_->sink();
  if (calls.load_checkpoints == nullptr ||
      (sink_->component().flags & KIFA_SINK_CHECKPOINTS) == 0) {
    return checkpoints;
  }
  if (!begin_call()) {
    return Status(Code::closed, fmt::format("{}: the sink is stopped", name()));
  }
  const kifa_checkpoint_out out{
      sizeof(kifa_checkpoint_out), 0, &checkpoints,
      [](const kifa_checkpoint_out* self, const kifa_checkpoint* entry) noexcept -> kifa_status {
        static_cast<std::vector<StoredCheckpoint>*>(self->ctx)->push_back(
            {std::string(to_view(entry->key)), entry->position,
             std::string(reinterpret_cast<const char*>(entry->state.data), entry->state.size)});
        return KIFA_OK;
      }};
  kifa_error error = plugin::empty_error();
  const kifa_status status = calls.load_checkpoints(sink_->raw(), to_abi(origin), &out, &error);
  end_call();
  if (status < 0) {
    return plugin::status_from(status, error, name());
  }
  return checkpoints;
}

void SinkWriter::shift_mode(std::int32_t step, std::uint64_t request) {
  const kifa_sink& calls = *sink_->sink();
  if (!KIFA_HAS(&calls, shift_mode) || calls.shift_mode == nullptr || !begin_call()) {
    return;
  }
  kifa_error error = plugin::empty_error();
  const kifa_status status = calls.shift_mode(sink_->raw(), step, request, &error);
  end_call();
  if (status < 0) {
    log_.error(plugin::status_from(status, error, name()).message());
  }
}

// Calls of one instance never overlap: waits for its turn. False: the sink is stopped.
bool SinkWriter::begin_call() {
  MutexLock lock(mutex_);
  ++callers_;
  while (writing_) {
    changed_.wait(lock);
  }
  --callers_;
  writing_ = state_ == State::running;
  return writing_;
}

void SinkWriter::end_call() {
  const MutexLock lock(mutex_);
  writing_ = false;
  notice();
}

}  // namespace kifa::pipeline
