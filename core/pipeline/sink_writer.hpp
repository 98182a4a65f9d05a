#pragma once

#include <kifa/plugin.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/pipeline/backoff.hpp"
#include "core/pipeline/batch.hpp"
#include "core/pipeline/log.hpp"
#include "core/pipeline/text_maker.hpp"
#include "core/pipeline/waker.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {

struct SinkOptions {
  bool required = true;
  std::uint64_t queue_bytes_max = 8'388'608;
  std::uint64_t queue_records_max = 0;  // 0: only the bytes count
  std::int64_t retry_min_ns = 1'000'000'000;
  std::int64_t retry_max_ns = 60'000'000'000;
  std::int64_t stop_timeout_ns = 10'000'000'000;  // when nobody said a deadline
};

// A stored checkpoint as load_checkpoints() gives it.
struct StoredCheckpoint {
  std::string key;
  std::uint64_t position = 0;
  std::string state;
};

// The queue in front of one sink, and every call into it.
//
// Batches get their tickets under the queue's lock, so queue order is ticket order; data calls are
// serialised. When the sink is idle and a batch is small, submit() writes it on the caller's
// thread; else the worker takes everything queued in one call. AGAIN and NO_SPACE keep what was not
// taken, to be offered again on the next receipt or by timer. Any other failure of a required sink
// fails that batch and all later ones, and failed() says so; a best-effort sink drops what it had,
// is stopped, and started again after a back-off.
//
// Threads: submit, settle, request_flush, close and the getters from any thread; turn() and
//          run_worker() on the worker's; load_checkpoints() from a source's thread.
// Errors:  failure() keeps the first sentence.
// Limits:  queue_bytes_max and queue_records_max of batches that the sink has not taken; one of any
//          size when empty.
class SinkWriter final {
 public:
  SinkWriter(SinkOptions options, const Clock& clock, Logger log);
  SinkWriter(const SinkWriter&) = delete;
  SinkWriter& operator=(const SinkWriter&) = delete;
  ~SinkWriter();

  // Once, before anything else. `formatter` is null for sinks that do not write text.
  void adopt(std::unique_ptr<plugin::Instance> sink, std::unique_ptr<TextMaker> formatter);
  // Woken when the sink becomes ready or fails.
  void attach(std::shared_ptr<Waker> waker);
  void detach(const std::shared_ptr<Waker>& waker);

  // Takes a sealed batch; it is settled later, perhaps before this returns. false: the queue is
  // full, and `waiter` is woken when the sink has taken something. A best-effort sink never says
  // false: it drops and counts.
  bool submit(const BatchPtr& batch, bool may_write, const std::shared_ptr<Waker>& waiter);
  // True while the sink has not taken this batch; `waiter` is woken when it takes something.
  bool still_waits(const Batch& batch, const std::shared_ptr<Waker>& waiter);
  // What the sink says about its tickets (kifa_host.settle).
  void settle(const kifa_receipt* receipts, std::uint32_t count);
  // Asks the sink to settle everything that it took, once the queue is empty.
  void request_flush(std::int64_t deadline_mono_ns);
  // Everything that is queued, flush, stop; at the deadline without the rest.
  void close(std::int64_t deadline_mono_ns);
  Result<std::vector<StoredCheckpoint>> load_checkpoints(std::string_view origin);
  // Asks the sink to write more safely (1) or faster (-1); nothing if it knows no such thing.
  void shift_mode(std::int32_t step, std::uint64_t request);

  // One round of the worker: start, write, flush or stop, what is due. Returns when it wants to be
  // called again at the latest; kNever: after a notice only.
  std::int64_t turn();
  // turn() and sleep until the sink is stopped.
  void run_worker();
  // The sink has said that something went wrong: the reason of a receipt that has none.
  void heard(std::string_view error) KIFA_EXCLUDES(said_mutex_);

  [[nodiscard]] bool ready() const;
  [[nodiscard]] bool failed() const;
  [[nodiscard]] bool stopped() const;
  [[nodiscard]] Status failure() const;
  [[nodiscard]] std::uint64_t dropped_records() const;
  [[nodiscard]] const std::string& name() const { return log_.subject(); }
  [[nodiscard]] bool required() const { return options_.required; }

  static constexpr std::int64_t kNever = INT64_MAX;

 private:
  bool begin_call() KIFA_EXCLUDES(mutex_);
  void end_call() KIFA_EXCLUDES(mutex_);
  enum class State : std::uint8_t { starting, running, failing, stopped };
  struct Offer {
    BatchPtr batch;
    kifa_batch view{};
    Buffer text;
    bool has_text = false;
    bool is_ending = false;  // only carries the formatter's last words
    std::size_t bytes = 0;
    std::uint32_t records = 0;
  };

  [[nodiscard]] std::size_t waiting() const KIFA_REQUIRES(mutex_);
  [[nodiscard]] std::size_t unsettled() const KIFA_REQUIRES(mutex_);
  Offer& offer_at(std::uint64_t ticket) KIFA_REQUIRES(mutex_);
  void add_offer(const BatchPtr& batch, std::size_t bytes) KIFA_REQUIRES(mutex_);
  void write_group() KIFA_REQUIRES(mutex_);
  kifa_status call_write(std::size_t count, std::uint32_t& taken, Status& failure,
                         std::string& reason);
  Status make_texts();
  void after_write(std::size_t count, std::uint32_t taken, kifa_status status,
                   const Status& failure, const std::string& reason) KIFA_REQUIRES(mutex_);
  void blocked_by(kifa_status status, const std::string& reason) KIFA_REQUIRES(mutex_);
  void flush_sink() KIFA_REQUIRES(mutex_);
  void apply(const kifa_receipt& receipt) KIFA_REQUIRES(mutex_);
  void finish_front(std::uint64_t first_lsn, kifa_status status) KIFA_REQUIRES(mutex_);
  enum class Told : std::uint8_t { no, yes };
  void fail(Status failure, kifa_status status, Told told = Told::no) KIFA_REQUIRES(mutex_);
  [[nodiscard]] bool is_full_for(const Batch& batch) const KIFA_REQUIRES(mutex_);
  void fail_waiting() KIFA_REQUIRES(mutex_);
  void start_sink() KIFA_REQUIRES(mutex_);
  void stop_sink() KIFA_REQUIRES(mutex_);
  std::int64_t turn_running() KIFA_REQUIRES(mutex_);
  void queue_last_words() KIFA_REQUIRES(mutex_);
  void drop(const Batch& batch) KIFA_REQUIRES(mutex_);
  void wake_waiters() KIFA_REQUIRES(mutex_);
  void wake_sources() KIFA_REQUIRES(mutex_);
  void notice() KIFA_REQUIRES(mutex_);

  const SinkOptions options_;
  const Clock& clock_;
  const Logger log_;
  std::unique_ptr<plugin::Instance> sink_;  // constant after adopt()
  std::unique_ptr<TextMaker> formatter_;    // constant after adopt(); used by who writes

  mutable Mutex mutex_;
  std::condition_variable_any changed_;  // noticed_, writing_
  State state_ KIFA_GUARDED_BY(mutex_) = State::starting;
  bool noticed_ KIFA_GUARDED_BY(mutex_) = false;
  Status failure_ KIFA_GUARDED_BY(mutex_);
  kifa_status failure_status_ KIFA_GUARDED_BY(mutex_) = KIFA_OK;

  // offers_[i] has ticket front_ticket_ + i. Before taken_end_: taken by the sink and not settled;
  // behind it: queued.
  std::deque<Offer> offers_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t front_ticket_ KIFA_GUARDED_BY(mutex_) = 1;
  std::uint64_t taken_end_ KIFA_GUARDED_BY(mutex_) = 1;
  std::uint64_t next_receipt_ KIFA_GUARDED_BY(mutex_) = 1;
  std::uint64_t offered_end_ KIFA_GUARDED_BY(mutex_) = 1;
  std::size_t queued_bytes_ KIFA_GUARDED_BY(mutex_) = 0;
  std::uint64_t queued_records_ KIFA_GUARDED_BY(mutex_) = 0;

  bool writing_ KIFA_GUARDED_BY(mutex_) = false;  // a data call is running: the sink's own lock
  std::uint32_t callers_ KIFA_GUARDED_BY(mutex_) = 0;          // that wait for their turn
  std::vector<kifa_receipt> pending_ KIFA_GUARDED_BY(mutex_);  // of the group being written
  std::vector<Offer*> group_;             // of the running write; touched by its thread only
  std::vector<const kifa_batch*> views_;  // likewise

  bool blocked_ KIFA_GUARDED_BY(mutex_) = false;  // AGAIN or NO_SPACE
  std::optional<std::int64_t> no_space_since_ KIFA_GUARDED_BY(mutex_);
  bool out_of_space_ KIFA_GUARDED_BY(mutex_) = false;  // has been said
  std::int64_t blocked_until_ KIFA_GUARDED_BY(mutex_) = 0;
  std::int64_t blocked_wait_ns_ KIFA_GUARDED_BY(mutex_) = 0;
  std::optional<std::int64_t> flush_until_ KIFA_GUARDED_BY(mutex_);
  std::optional<std::int64_t> close_until_ KIFA_GUARDED_BY(mutex_);
  bool last_words_ KIFA_GUARDED_BY(mutex_) = false;
  Backoff backoff_ KIFA_GUARDED_BY(mutex_);
  std::int64_t start_at_ KIFA_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Waker>> waiters_ KIFA_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Waker>> sources_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t dropped_records_ KIFA_GUARDED_BY(mutex_) = 0;
  bool dropping_ KIFA_GUARDED_BY(mutex_) = false;  // has been said

  Mutex said_mutex_;  // the sink may speak in any of its threads
  std::string said_ KIFA_GUARDED_BY(said_mutex_);
  std::int64_t said_at_ KIFA_GUARDED_BY(said_mutex_) = 0;
};

}  // namespace kifa::pipeline
