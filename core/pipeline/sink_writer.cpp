#include "core/pipeline/sink_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

namespace {

// What an offer costs beside its payload, so that many empty batches cannot fill the memory.
constexpr std::size_t kOfferBytes = 256;
// What a sink says is the reason of a receipt that follows so soon.
constexpr std::int64_t kSaidForNs = 1'000'000'000;

}  // namespace

SinkWriter::SinkWriter(SinkOptions options, const Clock& clock, Logger log)
    : options_(options),
      clock_(clock),
      log_(std::move(log)),
      backoff_(options.retry_min_ns, options.retry_max_ns, std::hash<std::string>()(name())) {}

SinkWriter::~SinkWriter() = default;

void SinkWriter::adopt(std::unique_ptr<plugin::Instance> sink,
                       std::unique_ptr<TextMaker> formatter) {
  KIFA_ASSERT(sink_ == nullptr);
  KIFA_ASSERT(sink->sink() != nullptr);
  sink_ = std::move(sink);
  formatter_ = std::move(formatter);
}

void SinkWriter::attach(std::shared_ptr<Waker> waker) {
  const MutexLock lock(mutex_);
  sources_.push_back(std::move(waker));
}

void SinkWriter::detach(const std::shared_ptr<Waker>& waker) {
  const MutexLock lock(mutex_);
  std::erase(sources_, waker);
  std::erase(waiters_, waker);
}

std::size_t SinkWriter::waiting() const {
  return offers_.size() - static_cast<std::size_t>(taken_end_ - front_ticket_);
}

std::size_t SinkWriter::unsettled() const {
  return static_cast<std::size_t>(taken_end_ - front_ticket_);
}

SinkWriter::Offer& SinkWriter::offer_at(std::uint64_t ticket) {
  return offers_[static_cast<std::size_t>(ticket - front_ticket_)];
}

void SinkWriter::notice() {
  noticed_ = true;
  changed_.notify_all();
}

void SinkWriter::wake_waiters() {
  for (const std::shared_ptr<Waker>& waiter : waiters_) {
    waiter->wake();
  }
  waiters_.clear();
}

void SinkWriter::wake_sources() {
  for (const std::shared_ptr<Waker>& source : sources_) {
    source->wake();
  }
}

// ---- the queue ----

bool SinkWriter::submit(const BatchPtr& batch, bool may_write,
                        const std::shared_ptr<Waker>& waiter) {
  const MutexLock lock(mutex_);
  const bool refuses = state_ == State::failing || state_ == State::stopped;
  const bool full = is_full_for(*batch);
  if (!options_.required && (refuses || full)) {
    drop(*batch);
    return true;
  }
  if (refuses) {
    batch->settle(0, failure_status_ < 0 ? failure_status_ : KIFA_IO);
    return true;
  }
  if (full) {
    waiters_.push_back(waiter);
    return false;
  }
  add_offer(batch, batch->bytes() + kOfferBytes);
  if (writing_) {
    return true;  // who writes looks at the queue afterwards
  }
  if (may_write && state_ == State::running && !blocked_ && waiting() == 1 &&
      offers_.back().bytes <= kInlineBatchBytesMax) {
    write_group();
  } else {
    notice();
  }
  return true;
}

bool SinkWriter::is_full_for(const Batch& batch) const {
  const bool too_many = options_.queue_records_max != 0 &&
                        queued_records_ + batch.record_count() > options_.queue_records_max;
  const bool too_large = queued_bytes_ + batch.bytes() + kOfferBytes > options_.queue_bytes_max;
  return waiting() != 0 && (too_many || too_large);
}

void SinkWriter::add_offer(const BatchPtr& batch, std::size_t bytes) {
  Offer& offer = offers_.emplace_back();
  offer.batch = batch;
  offer.view = batch->view();
  offer.view.ticket = front_ticket_ + offers_.size() - 1;
  offer.bytes = bytes;
  offer.records = batch->record_count();
  if (options_.required) {
    batch->set_ticket(offer.view.ticket);
  } else {
    // Checkpoints and gaps belong to the required sink.
    offer.view.checkpoint_count = 0;
    offer.view.gap_count = 0;
  }
  queued_bytes_ += offer.bytes;
  queued_records_ += offer.records;
}

bool SinkWriter::still_waits(const Batch& batch, const std::shared_ptr<Waker>& waiter) {
  const MutexLock lock(mutex_);
  if (batch.ticket() < taken_end_ || state_ == State::failing || state_ == State::stopped) {
    return false;
  }
  waiters_.push_back(waiter);
  return true;
}

void SinkWriter::drop(const Batch& batch) {
  dropped_records_ += batch.record_count();
  if (!dropping_ && batch.record_count() != 0) {
    dropping_ = true;
    log_.warn(
        "this best-effort sink cannot keep up and drops records; the required sink has them all");
  }
}

// ---- writing ----

// Offers everything that is queued, up to kGroupBatchesMax, in one call; without the lock, but
// nobody else touches the sink or the offers meanwhile (writing_).
void SinkWriter::write_group() {
  KIFA_ASSERT(!writing_);
  const std::size_t count = std::min(waiting(), kGroupBatchesMax);
  group_.clear();
  views_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    Offer& offer = offer_at(taken_end_ + i);
    group_.push_back(&offer);
    views_.push_back(&offer.view);
  }
  writing_ = true;
  offered_end_ = taken_end_ + count;
  mutex_.unlock();
  std::uint32_t taken = 0;
  Status failure;
  std::string reason;
  const kifa_status status = call_write(count, taken, failure, reason);
  mutex_.lock();
  writing_ = false;
  after_write(count, taken, status, failure, reason);
  if (waiting() != 0 || flush_until_ || close_until_ || state_ == State::failing) {
    noticed_ = true;
  }
  if (noticed_ || callers_ != 0) {  // waking the worker for nothing would cost every record
    changed_.notify_all();
  }
}

kifa_status SinkWriter::call_write(std::size_t count, std::uint32_t& taken, Status& failure,
                                   std::string& reason) {
  if (formatter_ != nullptr) {
    failure = make_texts();
    if (!failure) {
      return KIFA_INVALID;
    }
  }
  kifa_error error = plugin::empty_error();
  const kifa_status status = sink_->sink()->write(
      sink_->raw(), views_.data(), static_cast<std::uint32_t>(count), &taken, &error);
  if (status == KIFA_NO_SPACE) {
    reason.assign(error.message, strnlen(error.message, sizeof error.message));
  } else if (status < 0) {
    failure = plugin::status_from(status, error, name());
  }
  if (failure && taken > count) {
    failure = Status(Code::internal,
                     fmt::format("{}: the sink claims {} batches of {}; report this to the "
                                 "plugin's vendor",
                                 name(), taken, count));
    taken = static_cast<std::uint32_t>(count);
    return KIFA_INTERNAL;
  }
  return status;
}

Status SinkWriter::make_texts() {
  for (Offer* offer : group_) {
    if (offer->has_text) {
      continue;
    }
    if (offer->is_ending) {
      KIFA_TRY(formatter_->finish(offer->text));
    } else {
      KIFA_TRY(formatter_->make(offer->view, offer->text));
    }
    offer->has_text = true;
    offer->view.text = {offer->text.bytes().data(), offer->text.size()};
  }
  return {};
}

void SinkWriter::after_write(std::size_t count, std::uint32_t taken, kifa_status status,
                             const Status& failure, const std::string& reason) {
  for (std::uint32_t i = 0; i < taken; ++i) {
    const Offer& offer = offer_at(taken_end_ + i);
    queued_bytes_ -= offer.bytes;
    queued_records_ -= offer.records;
  }
  taken_end_ += taken;
  if (taken != 0) {
    wake_waiters();
    blocked_wait_ns_ = 0;
    no_space_since_.reset();
    if (std::exchange(out_of_space_, false)) {
      log_.info("there is space again; going on");
    }
  }
  const bool settled_some = !pending_.empty();
  for (const kifa_receipt& receipt : pending_) {
    if (receipt.ticket >= taken_end_) {
      fail(Status(Code::internal,
                  fmt::format("{}: the sink settled ticket {} without taking it; report this to "
                              "the plugin's vendor",
                              name(), receipt.ticket)),
           KIFA_INTERNAL);
      break;
    }
    apply(receipt);
  }
  pending_.clear();
  if (!failure) {
    fail(failure, status);
  } else if (taken < count && !settled_some) {
    blocked_by(status, reason);
  }
  if (state_ == State::failing) {
    fail_waiting();
  }
}

void SinkWriter::blocked_by(kifa_status status, const std::string& reason) {
  blocked_ = true;
  blocked_wait_ns_ =
      blocked_wait_ns_ == 0 ? kOfferAgainMinNs : std::min(blocked_wait_ns_ * 2, kOfferAgainMaxNs);
  const std::int64_t now = clock_.now_mono_ns();
  blocked_until_ = now + blocked_wait_ns_;
  if (status != KIFA_NO_SPACE) {
    return;
  }
  no_space_since_ = no_space_since_.value_or(now);
  if (now - *no_space_since_ >= kNoSpaceToldAfterNs && !std::exchange(out_of_space_, true)) {
    log_.error(fmt::format(
        "no space left for {} s{}; records wait and sources are held back until there is space "
        "again: free some, or raise the budget",
        (now - *no_space_since_) / 1'000'000'000, reason.empty() ? "" : " (" + reason + ")"));
  }
}

void SinkWriter::flush_sink() {
  const std::int64_t deadline = *flush_until_;
  flush_until_.reset();
  writing_ = true;
  mutex_.unlock();
  kifa_error error = plugin::empty_error();
  const kifa_status status = sink_->sink()->flush(sink_->raw(), deadline, &error);
  mutex_.lock();
  writing_ = false;
  if (status < 0 && status != KIFA_NO_SPACE) {
    fail(plugin::status_from(status, error, name()), status);
  }
  if (state_ == State::failing) {
    fail_waiting();
  }
  notice();
}

// ---- receipts ----

void SinkWriter::settle(const kifa_receipt* receipts, std::uint32_t count) {
  const MutexLock lock(mutex_);
  if (state_ == State::stopped) {
    return;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const kifa_receipt& receipt = receipts[i];
    if (receipt.ticket != next_receipt_ || receipt.ticket >= offered_end_) {
      fail(Status(Code::internal,
                  fmt::format("{}: the sink settled ticket {} where {} was due; report this to the "
                              "plugin's vendor",
                              name(), receipt.ticket, next_receipt_)),
           KIFA_INTERNAL);
      break;
    }
    ++next_receipt_;
    if (receipt.ticket >= taken_end_) {
      KIFA_ASSERT(writing_);
      pending_.push_back(receipt);  // the sink may still read that batch
    } else {
      apply(receipt);
    }
  }
  if (blocked_ && state_ == State::running) {
    blocked_ = false;
    notice();
  } else if (close_until_ || state_ == State::failing) {
    notice();
  }
}

void SinkWriter::apply(const kifa_receipt& receipt) {
  finish_front(receipt.first_lsn, receipt.status);
  if (receipt.status < 0 && state_ == State::running) {
    kifa_error error = plugin::empty_error();
    error.code = receipt.status;
    // A receipt has no words; the sink has logged them.
    Told told = Told::no;
    {
      const MutexLock lock(said_mutex_);
      if (!said_.empty() && clock_.now_mono_ns() - said_at_ <= kSaidForNs) {
        said_.copy(error.message, sizeof error.message - 1);
        told = Told::yes;
      }
    }
    fail(plugin::status_from(receipt.status, error, name()), receipt.status, told);
  }
}

void SinkWriter::finish_front(std::uint64_t first_lsn, kifa_status status) {
  KIFA_ASSERT(!offers_.empty());
  const BatchPtr batch = std::move(offers_.front().batch);
  offers_.pop_front();
  ++front_ticket_;
  if (options_.required) {
    batch->settle(first_lsn, status < 0 ? status : KIFA_OK);
  } else if (status < 0) {
    drop(*batch);
  }
}

// ---- failure ----

void SinkWriter::heard(std::string_view error) {
  const MutexLock lock(said_mutex_);
  said_ = error;
  said_at_ = clock_.now_mono_ns();
}

void SinkWriter::fail(Status failure, kifa_status status, Told told) {
  if (state_ == State::failing || state_ == State::stopped) {
    return;
  }
  state_ = State::failing;
  failure_status_ = status < 0 ? status : KIFA_IO;
  failure_ = std::move(failure);
  if (told == Told::no) {
    log_.error(failure_.message());
  }
  if (!writing_) {
    fail_waiting();
  }
  if (options_.required) {
    wake_sources();
  }
  wake_waiters();
  notice();
}

// What the sink has not taken will never be written.
void SinkWriter::fail_waiting() {
  const std::size_t first = unsettled();
  for (std::size_t i = first; i < offers_.size(); ++i) {
    const BatchPtr batch = std::move(offers_[i].batch);
    if (options_.required) {
      batch->settle(0, failure_status_);
    } else {
      drop(*batch);
    }
  }
  offers_.resize(first);
  queued_bytes_ = 0;
  queued_records_ = 0;
  wake_waiters();
}

// ---- what others ask ----

bool SinkWriter::ready() const {
  const MutexLock lock(mutex_);
  return state_ == State::running;
}
bool SinkWriter::failed() const {
  const MutexLock lock(mutex_);
  return options_.required && !failure_.is_ok();
}
bool SinkWriter::stopped() const {
  const MutexLock lock(mutex_);
  return state_ == State::stopped;
}
Status SinkWriter::failure() const {
  const MutexLock lock(mutex_);
  return failure_;
}
std::uint64_t SinkWriter::dropped_records() const {
  const MutexLock lock(mutex_);
  return dropped_records_;
}

}  // namespace kifa::pipeline
