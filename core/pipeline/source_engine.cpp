#include "core/pipeline/source_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

std::uint64_t SourceCounters::unsettled() const {
  const std::uint64_t emitted = records_emitted.load(std::memory_order_relaxed);
  const std::uint64_t settled = records_acknowledged.load(std::memory_order_relaxed) +
                                records_failed.load(std::memory_order_relaxed);
  return emitted > settled ? emitted - settled : 0;
}

SourceEngine::SourceEngine(SourceParts parts)
    : parts_(std::move(parts)),
      packer_(parts_),
      outcomes_(parts_, streams_, packer_),
      intake_(parts_, streams_, packer_, outcomes_),
      backoff_(parts_.options.retry_min_ns, parts_.options.retry_max_ns,
               std::hash<std::string>()(parts_.origin)) {
  KIFA_ASSERT(parts_.source->source() != nullptr);
}

SourceEngine::~SourceEngine() = default;

void SourceEngine::request_stop(std::int64_t deadline_mono_ns) {
  stop_asked_at_.store(parts_.clock->now_mono_ns());
  stop_at_.store(deadline_mono_ns);
  parts_.waker->wake();
}

void SourceEngine::plugin_wake() {
  plugin_woke_.store(true);
  parts_.waker->wake();
}

std::int64_t SourceEngine::drain_until() const {
  const std::int64_t stop_at = stop_at_.load();
  if (stop_at == kNoTime) {
    return kNoTime;
  }
  const std::int64_t span = std::max<std::int64_t>(stop_at - stop_asked_at_.load(), 0);
  return stop_at - std::min(span / 4, kDrainReserveMaxNs);
}

Wait SourceEngine::turn(bool ready) {
  const std::int64_t now = parts_.clock->now_mono_ns();
  switch (state_) {
    case State::waiting:
      return turn_waiting(now);
    case State::running:
      return turn_running(now, ready);
    case State::ending:
      return turn_ending(now);
    case State::finished:
      break;
  }
  return {};
}

// ---- start ----

Wait SourceEngine::turn_waiting(std::int64_t now) {
  if (parts_.sink->failed()) {
    finish(parts_.sink->failure(), true);
    return {.again = true};
  }
  if (stopping()) {
    finish({}, false);
    return {.again = true};
  }
  if (!parts_.sink->ready()) {
    return {};  // the sink wakes us
  }
  if (now < start_at_) {
    return {.until = start_at_};
  }
  Status status = start();
  if (!status) {
    start_failed(std::move(status), now);
    tell_tried();
    return {.again = true};
  }
  tell_tried();
  state_ = State::running;
  started_once_ = true;
  started_at_ = now;
  poll_due_ = true;
  drain_told_ = false;
  return {.again = true};
}

Status SourceEngine::start() {
  if (parts_.framing != nullptr && !framing_started_) {
    KIFA_TRY(parts_.framing->start());
    framing_started_ = true;
  }
  KIFA_TRY(resume());
  return parts_.source->start();
}

Status SourceEngine::resume() const {
  const kifa_source& calls = *parts_.source->source();
  if (calls.resume == nullptr) {
    return {};
  }
  Result<std::vector<StoredCheckpoint>> stored = parts_.sink->load_checkpoints(parts_.origin);
  if (!stored) {
    return stored.error();
  }
  std::vector<kifa_checkpoint> checkpoints;
  checkpoints.reserve(stored->size());
  for (const StoredCheckpoint& entry : *stored) {
    checkpoints.push_back(
        {sizeof(kifa_checkpoint),
         0,
         to_abi(entry.key),
         entry.position,
         {reinterpret_cast<const std::uint8_t*>(entry.state.data()), entry.state.size()}});
  }
  kifa_error error = plugin::empty_error();
  const kifa_status status =
      calls.resume(parts_.source->raw(), checkpoints.data(),
                   static_cast<std::uint32_t>(checkpoints.size()), sizeof(kifa_checkpoint), &error);
  return plugin::status_from(status, error, parts_.source->name());
}

// UNAVAILABLE comes back; another failure of the very first start is a mistake of the
// configuration that must not go unnoticed, so it stops the pipeline; later only this source.
void SourceEngine::start_failed(Status status, std::int64_t now) {
  ignore(parts_.source->stop(now + parts_.options.stop_timeout_ns),
         "it never ran; the reason to stop is the one to tell");
  if (status.code() != Code::unavailable) {
    finish(std::move(status), !started_once_);
    return;
  }
  const std::int64_t wait = backoff_.next_ns();
  start_at_ = now + wait;
  parts_.log->warn(fmt::format("{}; trying again in {} ms", status.message(), wait / 1'000'000));
}

// ---- running ----

void SourceEngine::settle() {
  outcomes_.deliver(intake_, intake_.speaking());
  outcomes_.send_replies();
  outcomes_.release_settled();
}

bool SourceEngine::poll_is_due(std::int64_t now, bool ready) {
  const bool has_room = packer_.room() != 0;
  bool due = std::exchange(poll_due_, false) || ready;
  due |= plugin_woke_.exchange(false);
  due |= has_room && !had_room_;
  due |= has_room && more_at_once_;
  due |= intake_.wake_at() <= now;
  due |= has_room && streams_.next_timer() <= now;
  if (stopping() && !std::exchange(drain_told_, true)) {
    due = true;
  }
  had_room_ = has_room;
  return due;
}

Wait SourceEngine::turn_running(std::int64_t now, bool ready) {
  settle();
  packer_.push(true);
  if (parts_.sink->failed()) {
    begin_ending(Reason::sink_failed, parts_.sink->failure());
  } else if (stopping() && now >= drain_until()) {
    begin_ending(Reason::stopped,
                 Status(Code::io, fmt::format("{}: the source still had input when the time to "
                                              "stop was over",
                                              parts_.origin)));
  } else if (poll_is_due(now, ready)) {
    poll(now);
  } else {
    seal_if_due(now, !more_at_once_);
  }
  if (state_ != State::running) {
    return {.again = true};
  }
  settle();  // what the sink settled on this thread
  return running_wait(now);
}

void SourceEngine::poll(std::int64_t now) {
  more_at_once_ = false;
  const bool had_room = packer_.room() != 0;
  const kifa_emitter* emitter = intake_.begin_poll(stopping());
  kifa_error error = plugin::empty_error();
  const std::int64_t deadline = std::min(now + kPollBudgetNs, drain_until());
  const kifa_status status =
      parts_.source->source()->poll(parts_.source->raw(), emitter, deadline, &error);
  intake_.end_poll();
  outcomes_.send_replies();
  if (intake_.take_activity()) {
    trim_at_ = now + kIdleTrimNs;
    backoff_.reset();
  }
  switch (status) {
    case KIFA_OK:
      more_at_once_ = true;
      break;
    case KIFA_AGAIN:
      if (had_room) {
        intake_.fire_timers(now);
      }
      break;
    case KIFA_END:
      begin_ending(Reason::ended, {});
      return;
    case KIFA_UNAVAILABLE:
      begin_ending(Reason::unavailable, plugin::status_from(status, error, parts_.source->name()));
      return;
    default:
      begin_ending(Reason::failed, plugin::status_from(status, error, parts_.source->name()));
      return;
  }
  seal_if_due(now, status == KIFA_AGAIN);
}

// A batch goes on its way when the source has no more at once, or when it has waited long enough.
// While an earlier one still waits for the sink, more is gathered.
void SourceEngine::seal_if_due(std::int64_t now, bool dry) {
  if (packer_.has_open()) {
    const bool aged = now - packer_.open_since() >= parts_.options.linger_ns;
    if (aged || packer_.room() == 0 || (dry && !packer_.is_behind())) {
      packer_.seal();
    }
  }
  packer_.push(true);
}

Wait SourceEngine::running_wait(std::int64_t now) {
  trim_if_due(now);
  const bool has_room = packer_.room() != 0;
  Wait wait;
  wait.again = has_room && (more_at_once_ || !had_room_);
  wait.descriptors = true;
  wait.input = has_room;
  wait.until = std::min({intake_.wake_at(), trim_at_, drain_until()});
  if (has_room) {
    wait.until = std::min(wait.until, streams_.next_timer());
  }
  if (packer_.has_open()) {
    wait.until = std::min(wait.until, packer_.open_since() + parts_.options.linger_ns);
  }
  return wait;
}

void SourceEngine::trim_if_due(std::int64_t now) {
  if (now < trim_at_ || packer_.has_open() || packer_.has_outstanding()) {
    if (now >= trim_at_) {
      trim_at_ = now + kIdleTrimNs;  // busy with what is left of the burst
    }
    return;
  }
  trim_at_ = kNoTime;
  packer_.trim();
  intake_.trim();
}

void SourceEngine::descriptors(const Wait& wait, std::vector<pollfd>& out) {
  const kifa_source& calls = *parts_.source->source();
  if (!wait.descriptors || calls.descriptors == nullptr) {
    return;
  }
  if (fds_.empty()) {
    fds_.resize(16);
  }
  std::uint32_t count =
      calls.descriptors(parts_.source->raw(), fds_.data(), static_cast<std::uint32_t>(fds_.size()));
  if (count > fds_.size() && fds_.size() < kDescriptorsMax) {
    fds_.resize(std::min(count, kDescriptorsMax));
    count = calls.descriptors(parts_.source->raw(), fds_.data(),
                              static_cast<std::uint32_t>(fds_.size()));
  }
  count = std::min(count, static_cast<std::uint32_t>(fds_.size()));
  for (std::uint32_t i = 0; i < count; ++i) {
    if (wait.input || (fds_[i].flags & KIFA_FD_INPUT) == 0) {
      out.push_back({fds_[i].fd, fds_[i].events, 0});
    }
  }
}

// ---- ending ----

void SourceEngine::begin_ending(Reason reason, Status status) {
  reason_ = reason;
  reason_status_ = std::move(status);
  state_ = State::ending;
  flush_asked_ = false;
  more_at_once_ = false;
  intake_.clear_wake();
  intake_.end_streams();
  outcomes_.send_replies();
  packer_.seal();
}

Wait SourceEngine::turn_ending(std::int64_t now) {
  packer_.push(true);
  settle();
  if (!packer_.has_outstanding()) {
    after_ending(now);
    return {.again = true};
  }
  if (now >= stop_at_.load()) {
    end_.unsettled = parts_.counters->unsettled();
    after_ending(now);
    return {.again = true};
  }
  if (!packer_.has_waiting() && !std::exchange(flush_asked_, true)) {
    parts_.sink->request_flush(std::min(stop_at_.load(), now + parts_.options.stop_timeout_ns));
  }
  return {.until = stop_at_.load()};
}

void SourceEngine::after_ending(std::int64_t now) {
  outcomes_.release_all();
  intake_.reset();
  packer_.abandon();
  stop_source();
  const bool unavailable = reason_ == Reason::unavailable && !parts_.sink->failed();
  if (unavailable && !stopping()) {
    SourceCounters::add(parts_.counters->restarts, 1);
    const std::int64_t wait = backoff_.next_ns();
    start_at_ = now + wait;
    state_ = State::waiting;
    packer_.trim();
    parts_.log->warn(
        fmt::format("{}; starting again in {} ms", reason_status_.message(), wait / 1'000'000));
    return;
  }
  if (parts_.framing != nullptr && framing_started_) {
    ignore(parts_.framing->stop(now + parts_.options.stop_timeout_ns), "it holds nothing any more");
  }
  if (parts_.sink->failed()) {
    finish(parts_.sink->failure(), true);
  } else if (reason_ == Reason::unavailable) {
    finish({}, false);
  } else {
    finish(reason_status_, reason_ == Reason::stopped);
  }
}

void SourceEngine::stop_source() {
  const std::int64_t stop_at = stop_at_.load();
  const std::int64_t now = parts_.clock->now_mono_ns();
  const std::int64_t deadline = stop_at != kNoTime ? stop_at : now + parts_.options.stop_timeout_ns;
  const Status status = parts_.source->stop(deadline);
  if (!status) {
    parts_.log->warn(status.message());
  }
}

void SourceEngine::tell_tried() {
  if (const std::function<void()> tried = std::exchange(parts_.tried, nullptr)) {
    tried();
  }
}

void SourceEngine::finish(Status status, bool stops_pipeline) {
  end_.status = std::move(status);
  end_.stops_pipeline = stops_pipeline;
  state_ = State::finished;
  tell_tried();
}

}  // namespace kifa::pipeline
