#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/pipeline/backoff.hpp"
#include "core/pipeline/intake.hpp"
#include "core/pipeline/outcomes.hpp"
#include "core/pipeline/packer.hpp"
#include "core/pipeline/source_parts.hpp"
#include "core/pipeline/stream_table.hpp"

namespace kifa::pipeline {

// What a source's engine waits for after a turn.
struct Wait {
  bool again = false;            // nothing: turn at once
  bool descriptors = false;      // the plugin's descriptors
  bool input = false;            // also those flagged INPUT
  std::int64_t until = kNoTime;  // this time at the latest
};

// Runs one source: resume, start, poll, framing timers, outcomes and replies, back-off, drain,
// stop.
//
// turn() does everything that is due and says what to wait for; who calls it (a thread with ppoll,
// or a test with a clock of its own) does the waiting. An engine that has nothing to do asks for
// nothing: no time, no turn.
//
// Threads: turn() and descriptors() on the source's thread; request_stop, plugin_wake and the
//          getters from any thread.
// Errors:  result() once it is finished: what ended the source for good.
class SourceEngine final {
 public:
  // What the end of a source means for its pipeline.
  struct End {
    Status status;  // ok: it returned END or was stopped
    bool stops_pipeline = false;
    std::uint64_t unsettled = 0;  // records given up at the deadline of a stop
  };

  explicit SourceEngine(SourceParts parts);
  SourceEngine(const SourceEngine&) = delete;
  SourceEngine& operator=(const SourceEngine&) = delete;
  ~SourceEngine();

  // `ready`: one of the plugin's descriptors is.
  Wait turn(bool ready);
  // Adds the plugin's descriptors that wait.descriptors and wait.input ask for.
  void descriptors(const Wait& wait, std::vector<pollfd>& out);

  // Drain until the deadline, then stop.
  void request_stop(std::int64_t deadline_mono_ns);
  // kifa_host.wake(): poll me again now.
  void plugin_wake();

  [[nodiscard]] bool finished() const { return state_ == State::finished; }
  [[nodiscard]] const End& result() const { return end_; }
  [[nodiscard]] const SourceParts& parts() const { return parts_; }

 private:
  enum class State : std::uint8_t { waiting, running, ending, finished };
  enum class Reason : std::uint8_t { ended, stopped, unavailable, failed, sink_failed };

  Wait turn_waiting(std::int64_t now);
  Wait turn_running(std::int64_t now, bool ready);
  Wait turn_ending(std::int64_t now);

  Status start();
  Status resume() const;
  void start_failed(Status status, std::int64_t now);
  [[nodiscard]] bool poll_is_due(std::int64_t now, bool ready);
  void poll(std::int64_t now);
  void seal_if_due(std::int64_t now, bool dry);
  void settle();
  void begin_ending(Reason reason, Status status);
  void after_ending(std::int64_t now);
  void stop_source();
  void finish(Status status, bool stops_pipeline);
  void tell_tried();
  void trim_if_due(std::int64_t now);
  [[nodiscard]] bool stopping() const { return stop_at_.load() != kNoTime; }
  // When polls of a drain end, so that there is time for flush and outcomes.
  [[nodiscard]] std::int64_t drain_until() const;
  Wait running_wait(std::int64_t now);

  SourceParts parts_;
  StreamTable streams_;
  Packer packer_;
  Outcomes outcomes_;
  Intake intake_;
  Backoff backoff_;

  State state_ = State::waiting;
  Reason reason_ = Reason::ended;
  Status reason_status_;
  End end_;

  std::atomic<std::int64_t> stop_at_{kNoTime};
  std::atomic<std::int64_t> stop_asked_at_{0};
  std::atomic<bool> plugin_woke_{false};

  std::int64_t start_at_ = 0;
  std::int64_t started_at_ = 0;
  bool started_once_ = false;
  bool framing_started_ = false;
  bool poll_due_ = false;      // something asked for it
  bool more_at_once_ = false;  // the last poll returned OK
  bool had_room_ = true;
  bool drain_told_ = false;
  bool flush_asked_ = false;
  std::int64_t trim_at_ = kNoTime;
  std::vector<kifa_fd> fds_;
};

}  // namespace kifa::pipeline
