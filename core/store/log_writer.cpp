#include "core/store/log_writer.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <limits>

#include "core/base/assert.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

constexpr std::size_t kSecondSlotBytes = 256_KiB;  // a second write in flight pays from here on
constexpr std::int64_t kWatermarkAfterNs = 2'000'000'000;
constexpr std::int64_t kBurstRotationNs = 100'000'000;  // a segment in less time is a burst
constexpr std::int64_t kSpaceRetryNs = 200'000'000;
constexpr std::int64_t kDrainTimeoutNs = 30'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// A fork child shares descriptors and locks with its parent; nothing may be written there.
std::atomic<std::uint32_t> fork_generation{0};

std::uint32_t current_fork_generation() {
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });
  static_cast<void>(registered);
  return fork_generation.load(std::memory_order_relaxed);
}

}  // namespace

std::uint64_t LogWriter::frame_bytes_max(std::uint64_t segment_bytes, std::uint32_t block_bytes) {
  // Two frames in flight, and what normal mode has not synced (at most a quarter), must fit into
  // one spare when they have to be carried over.
  const std::uint64_t room = segment_bytes - 2 * std::uint64_t{block_bytes} - segment_bytes / 4;
  return room / 2 / block_bytes * block_bytes;
}

LogWriter::LogWriter(const StoreOptions& options, const StoreEnvironment& environment,
                     SegmentPool& pool, LogIndex& index, StatusFile status_file, Start start)
    : options_(options),
      files_(environment.files),
      clock_(environment.clock),
      report_(environment.report),
      threads_(environment.background_threads),
      pool_(pool),
      index_(index),
      start_(std::move(start)),
      frame_target_bytes_(std::min<std::uint64_t>(1_MiB, options.segment_bytes / 8)),
      frame_bytes_max_(frame_bytes_max(options.segment_bytes, options.block_bytes)),
      reserve_bytes_(std::min<std::uint64_t>(256_KiB, options.segment_bytes / 16)),
      sync_bytes_(std::min(options.sync_bytes, options.segment_bytes / 4)),
      fork_generation_(current_fork_generation()),
      status_file_(std::move(status_file)),
      random_(environment.random_seed),
      mode_(options.flush_mode),
      manifest_version_(start_.manifest_version),
      issued_(start_.mark),
      durable_(start_.mark),
      durable_epoch_(start_.mark_epoch),
      issued_epoch_(start_.mark_epoch),
      claimed_(start_.mark.at),
      content_end_(start_.mark.at),
      checkpoints_(start_.checkpoints),
      wall_minus_boot_ns_(start_.wall_minus_boot_ns) {
  durable_lsn_.store(durable_.next_lsn.value - 1, std::memory_order_release);
}

LogWriter::~LogWriter() { ignore(close(true), "a destructor has nobody to tell"); }

void LogWriter::start(std::vector<CarriedFrame> carry) {
  {
    const MutexLock lock(mutex_);
    if (mutant_is(Mutant::append_into_torn_segment)) {
      resume_segment();
    }
    adopt_carried(std::move(carry));
    do_all_work();
    publish_durable();
  }
  if (threads_) {
    for (std::jthread& helper : helpers_) {
      helper = std::jthread([this](const std::stop_token& stop) { run_helper(stop); });
      ::pthread_setname_np(helper.native_handle(), "kifa-log");
    }
  }
}

// A deliberate fault: goes on where the log has ended.
void LogWriter::resume_segment() {
  auto file =
      files_.open(fmt::format("{}/{}", options_.directory, segment_file_name(durable_.at.segment)),
                  {.access = io::Access::read_write, .direct = true});
  if (file) {
    active_ = std::make_shared<OpenSegment>();
    active_->number = durable_.at.segment;
    active_->epoch = durable_epoch_;
    active_->next_offset = durable_.at.offset;
    active_->file = std::move(*file);
    active_->direct = true;
  }
}

Status LogWriter::usable() const {
  if (!failure_.is_ok()) {
    return failure_;
  }
  if (closing_) {
    return {Code::closed, "the store is closed"};
  }
  if (fork_generation_ != current_fork_generation()) {
    return {Code::closed, "the store was opened by the parent of this process; open it again"};
  }
  return {};
}

// ---- choosing what to do ----

bool LogWriter::do_some_work() {
  const bool worked = do_next_work();
  wake_settled();
  return worked;
}

bool LogWriter::do_next_work() {
  if (!failure_.is_ok()) {
    return false;
  }
  if (can_carry()) {
    carry_over();
    return true;
  }
  if (Frame* frame = frame_to_retry()) {
    write_frame(*frame);
    return true;
  }
  if (sync_due()) {
    ignore(sync_point(), "a failure leads to carrying over, which is work of its own");
    return true;
  }
  if (can_lead()) {
    lead();
    return true;
  }
  if (watermark_due()) {
    write_watermark(kFrameWatermark);
    return true;
  }
  return ask_for_spare();
}

void LogWriter::do_all_work() {
  while (do_some_work()) {
  }
}

bool LogWriter::fits(const Frame& frame) const {
  if (!active_ || active_->poisoned) {
    return false;
  }
  const std::uint64_t left = options_.segment_bytes - active_->next_offset;
  const std::uint64_t needed = frame.builder.padded_bytes();
  if (needed > left) {
    return false;
  }
  // When no further segment can be had, the last room is kept for events and checkpoints.
  return frame.builder.record_count() == 0 || needed + reserve_bytes_ <= left ||
         pool_.has_spare() || pool_.failure().code() != Code::no_space;
}

bool LogWriter::can_lead() const {
  if (sealing_ || switching_ || carry_needed_ || gathered_.empty()) {
    return false;
  }
  if (unsynced_records_ >= options_.sync_records || unsynced_bytes_ >= sync_bytes_) {
    return false;  // the limit of what is at risk is a limit: a sync point comes first
  }
  const Frame& front = *gathered_.front();
  const bool two = durable_writes_ && (!active_ || active_->direct);
  std::size_t outstanding = in_flight_.size();
  if (mutant_is(Mutant::window_by_count)) {
    outstanding = static_cast<std::size_t>(
        std::ranges::count_if(in_flight_, [](const FramePtr& frame) { return !frame->written; }));
  }
  if (outstanding >= (two ? 2U : 1U)) {
    return false;
  }
  if (outstanding == 1 && !front.closed && front.builder.frame_bytes() < kSecondSlotBytes) {
    return false;
  }
  if (options_.commit_delay.count() > 0 && outstanding == 0 && !front.closed &&
      waiter_count_ == 0 && !closing_ &&
      clock_.now_mono_ns() < gathering_since_ns_ + options_.commit_delay.count() * 1000) {
    return false;
  }
  if (fits(front)) {
    return true;
  }
  // Frames of a segment that is left behind in normal mode are synced first.
  return unsynced_.empty() && (mode_ != FlushMode::normal || in_flight_.empty()) &&
         pool_.has_spare() && pool_.has_backlog_room();
}

bool LogWriter::is_blocked() const {
  const bool retrying =
      std::ranges::any_of(in_flight_, [](const FramePtr& frame) { return frame->retry; });
  const bool needs_spare = carry_needed_ || (!gathered_.empty() && !fits(*gathered_.front()));
  return retrying ||
         (needs_spare && !pool_.has_spare() && pool_.failure().code() == Code::no_space);
}

// Sees to it that a spare comes when one is missing. Returns whether one was made here.
bool LogWriter::ask_for_spare() {
  const bool needed = carry_needed_ || (!gathered_.empty() && !fits(*gathered_.front()));
  if (!needed || pool_.has_spare()) {
    return false;
  }
  if (!threads_) {
    const Result<bool> made = pool_.make_one();
    if (made && *made) {
      return true;
    }
  } else {
    pool_.hurry();
  }
  const Status why = pool_.failure();
  if (why.is_ok()) {
    return false;
  }
  if (why.code() != Code::no_space) {
    fail(why.with_context("the store cannot make a new log segment"));
  } else if (!blocked_told_) {
    blocked_told_ = true;
    report_(Severity::warning,
            fmt::format("no more input is taken until there is space: {}", why.message()));
  }
  return false;
}

LogWriter::Frame* LogWriter::frame_to_retry() {
  if (carry_needed_) {
    return nullptr;
  }
  for (const FramePtr& frame : in_flight_) {
    if (frame->retry && !frame->writing && frame->retry_at_ns <= clock_.now_mono_ns()) {
      return frame.get();
    }
  }
  return nullptr;
}

bool LogWriter::is_idle() const {
  return gathered_.empty() && !gathering_ && in_flight_.empty() && unsynced_.empty() &&
         !carry_needed_ && !sealing_ && !syncing_ && !carrying_;
}

// ---- committing ----

void LogWriter::lead() {
  FramePtr frame = std::move(gathered_.front());
  gathered_.pop_front();
  gathering_since_ns_ = clock_.now_mono_ns();
  changed_.notify_all();  // there is room for the next one
  frame->closed = true;
  sealing_ = true;
  const Status placed = place_frame(*frame);
  Frame& sealed = *frame;
  in_flight_.push_back(std::move(frame));
  if (!placed) {
    sealing_ = false;
    fail(placed);
    return;
  }
  content_end_ = sealed.after.at;
  seal_and_write(sealed);
}

void LogWriter::seal_and_write(Frame& frame) {
  if (mutant_is(Mutant::show_before_durable)) {
    durable_lsn_.store(issued_.next_lsn.value - 1, std::memory_order_release);
  }
  mutex_.unlock();
  const std::uint32_t chain = frame.builder.seal(frame.place);
  mutex_.lock();
  frame.after.chain = chain;
  issued_.chain = chain;
  sealing_ = false;
  if (carry_needed_) {
    changed_.notify_all();  // an error came in between: this frame goes with the others
    return;
  }
  poke_helper();  // the second slot may be free
  write_frame(frame);
}

Status LogWriter::place_frame(Frame& frame) {
  if (!fits(frame)) {
    KIFA_TRY(rotate(frame));
  }
  frame.segment = active_;
  frame.place.segment = active_->number;
  frame.place.offset = active_->next_offset;
  frame.place.epoch = active_->epoch;
  frame.place.first_lsn = issued_.next_lsn;
  frame.place.first_event = issued_.next_event;
  frame.place.chain = issued_.chain;
  frame.place.durable = durable_.at;
  frame.place.durable_lsn = {durable_.next_lsn.value - 1};
  frame.place.boot_ordinal = start_.boot_ordinal;
  frame.place.built_unix_ns = clock_.now_unix_ns();
  frame.place.built_boot_ns = clock_.now_boot_ns();
  frame.durable_write = frame.durable_write || mode_ != FlushMode::normal;
  active_->next_offset += frame.builder.padded_bytes();

  issued_.at = {active_->number, active_->next_offset};
  issued_.next_lsn.value += frame.builder.record_count();
  issued_.next_event += frame.builder.event_count();
  issued_.totals.records += frame.builder.record_count();
  issued_.totals.payload_bytes += frame.builder.payload_bytes();
  issued_.totals.events += frame.builder.event_count();
  issued_.totals.gaps += frame.builder.gap_count();
  issued_.totals.lost_records += frame.builder.lost_records();
  issued_.totals.min_unix_ns = std::min(issued_.totals.min_unix_ns, frame.builder.min_unix_ns());
  issued_.totals.max_unix_ns = std::max(issued_.totals.max_unix_ns, frame.builder.max_unix_ns());
  issued_epoch_ = active_->epoch;
  frame.after = issued_;
  return {};
}

Status LogWriter::rotate(Frame& frame) {
  KIFA_TRY(start_.check_lock());
  auto spare = pool_.take();
  if (!spare) {
    return spare.error().with_context("cannot open the next log segment");
  }
  // The log is found from its highest number backwards.
  KIFA_ASSERT(spare->number > issued_.at.segment);
  const std::int64_t now_ns = clock_.now_mono_ns();
  if (threads_ && now_ns < last_rotation_ns_ + kBurstRotationNs) {
    pool_.hurry();
  }
  last_rotation_ns_ = now_ns;
  auto segment = std::make_shared<OpenSegment>();
  segment->number = spare->number;
  segment->epoch = random_();
  segment->next_offset = std::uint64_t{2} * options_.block_bytes;
  segment->file = std::move(spare->file);
  segment->direct = spare->direct;
  frame.rotation = header_for(*segment, issued_, issued_epoch_);
  active_ = std::move(segment);
  return {};
}

SegmentHeader LogWriter::header_for(const OpenSegment& segment, const LogMark& from,
                                    std::uint64_t from_epoch) const {
  SegmentHeader header;
  header.block_bytes = options_.block_bytes;
  header.store_id = start_.store_id;
  header.number = segment.number;
  header.epoch = segment.epoch;
  header.segment_bytes = options_.segment_bytes;
  header.first_lsn = from.next_lsn.value;
  header.first_event = from.next_event;
  header.predecessor_number = from.at.segment;
  header.predecessor_epoch = from_epoch;
  header.predecessor_end = from.at.offset;
  header.predecessor_chain = from.chain;
  header.boot_ordinal = start_.boot_ordinal;
  header.durable = durable_.at;
  header.durable_lsn = durable_.next_lsn.value - 1;
  std::ranges::copy_n(
      start_.boot_id.begin(),
      static_cast<std::ptrdiff_t>(std::min(start_.boot_id.size(), header.boot_id.size())),
      header.boot_id.begin());
  header.manifest_version = manifest_version_;
  header.flush_mode = static_cast<std::uint32_t>(mode_);
  header.before = from.totals;
  header.crc = crc_of(header);
  return header;
}

// Writes and, if asked, makes durable; releases the lock meanwhile.
Status LogWriter::write_bytes(OpenSegment& segment, ByteView bytes, std::uint64_t offset,
                              bool durable) {
  bool by_flag = durable && durable_writes_ && segment.direct;
  bool flag_refused = false;
  mutex_.unlock();
  Result<std::size_t> written = segment.file->write_at(
      bytes, offset, by_flag ? io::WriteMode::durable : io::WriteMode::buffered);
  if (!written && by_flag && written.error().code() == Code::unsupported) {
    flag_refused = true;  // nothing was written: this file system does not know the flag
    by_flag = false;
    written = segment.file->write_at(bytes, offset, io::WriteMode::buffered);
  }
  Status status = written.status();
  if (status && *written != bytes.size()) {
    status = Status(Code::io,
                    fmt::format("only {} of {} bytes were written to {} at offset {}", *written,
                                bytes.size(), segment_file_name(segment.number), offset));
  }
  const bool sync = durable && !by_flag;
  if (status && sync && !mutant_is(Mutant::acknowledge_before_sync)) {
    status = segment.file->sync_data();
  }
  mutex_.lock();
  durable_writes_ = durable_writes_ && !flag_refused;
  counters_.written_bytes += bytes.size();
  counters_.syncs += durable ? 1 : 0;
  return status;
}

void LogWriter::write_frame(Frame& frame) {
  frame.writing = true;
  frame.retry = false;
  ByteView bytes =
      frame.rotation ? frame.builder.sealed_with(*frame.rotation) : frame.builder.sealed();
  std::uint64_t offset = frame.rotation ? 0 : frame.place.offset;
  io::AlignedBuffer with_block_before;
  if (mutant_is(Mutant::half_block_rewritten) && offset > std::uint64_t{2} * options_.block_bytes) {
    const std::size_t block = options_.block_bytes;
    with_block_before = io::AlignedBuffer(block + bytes.size(), block);
    offset -= block;
    ignore(frame.segment->file->read_at(with_block_before.span().first(block), offset).status(),
           "a deliberate fault");
    std::ranges::copy(bytes, with_block_before.data() + block);
    bytes = with_block_before.span();
  }
  const bool durable = frame.durable_write && !mutant_is(Mutant::acknowledge_before_sync);
  const Status status = write_bytes(*frame.segment, bytes, offset, durable);
  frame.writing = false;
  on_written(frame, status);
  changed_.notify_all();
}

void LogWriter::on_written(Frame& frame, const Status& status) {
  if (status) {
    frame.written = true;
    wrote_something_ = true;
    ++counters_.commits;
    last_frame_ns_ = clock_.now_mono_ns();
    claimed_ = std::max(claimed_, frame.place.durable);
    collect_written();
  } else if (status.code() == Code::no_space) {
    frame.retry = true;
    frame.retry_at_ns = clock_.now_mono_ns() + kSpaceRetryNs;
    if (!blocked_told_) {
      blocked_told_ = true;
      report_(Severity::warning,
              fmt::format("no more input is taken until there is space: {}", status.message()));
    }
  } else if (mutant_is(Mutant::one_error_ignored) && carry_needed_) {
    frame.written = true;
  } else {
    begin_carry(*frame.segment, status);
  }
  poke_helper();
}

// Moves frames on whose writes, and those of all frames before them, have returned.
void LogWriter::collect_written() {
  bool any_durable = false;
  while (!carry_needed_ && !in_flight_.empty()) {
    auto done = in_flight_.begin();
    if (mutant_is(Mutant::acknowledge_out_of_order)) {
      done = std::ranges::find_if(in_flight_, [](const FramePtr& each) { return each->written; });
    }
    if (done == in_flight_.end() || !(*done)->written) {
      break;
    }
    FramePtr frame = std::move(*done);
    in_flight_.erase(done);
    blocked_told_ = false;
    if (frame->durable_write) {
      any_durable = true;
      make_durable(std::move(frame));
      continue;
    }
    if (unsynced_.empty()) {
      unsynced_since_ns_ = clock_.now_mono_ns();
    }
    unsynced_records_ += frame->builder.record_count();
    unsynced_bytes_ += frame->builder.padded_bytes();
    unsynced_.push_back(std::move(frame));
  }
  if (any_durable) {
    publish_durable();
  }
}

void LogWriter::make_durable(FramePtr frame) {
  durable_ = frame->after;
  durable_epoch_ = frame->segment->epoch;
  if (frame->rotation) {
    index_.add(*frame->rotation);
  }
  for (const Checkpoint& checkpoint : frame->checkpoints) {
    checkpoints_.apply(checkpoint);
  }
  counters_.records += frame->builder.record_count();
  counters_.payload_bytes += frame->builder.payload_bytes();
  for (Pending& pending : frame->pending) {
    const Receipt receipt{
        .status = {},
        .first_lsn = {frame->place.first_lsn.value + pending.end_index - pending.record_count}};
    settle(pending, receipt);
  }
  free_frame(std::move(frame));
}

void LogWriter::settle(Pending& pending, const Receipt& receipt) {
  if (pending.waiter) {
    pending.waiter->receipt = receipt;
    pending.waiter->done = true;
    --waiter_count_;
    if (settled_.empty() || settled_.back() != pending.waiter->gate) {
      settled_.push_back(pending.waiter->gate);
    }
    ++settled_appends_;
  } else {
    deliveries_.push_back({std::move(pending.callback), receipt});
  }
}

// Without the lock: who is woken often runs at once in the place of who wakes, and comes with its
// next record.
void LogWriter::wake_settled() {
  while (!settled_.empty()) {
    const std::vector<std::shared_ptr<Gate>> settled = std::exchange(settled_, {});
    mutex_.unlock();
    for (const std::shared_ptr<Gate>& gate : settled) {
      gate->open();
    }
    mutex_.lock();
  }
}

// First for other processes: who asks here must not find that a reader has seen less.
void LogWriter::publish_durable() {
  StatusSlot slot;
  slot.state = closing_ && is_idle() ? StatusState::stopped : StatusState::serving;
  slot.store_id = start_.store_id;
  slot.open_epoch = start_.open_epoch;
  slot.durable = mutant_is(Mutant::show_before_durable) ? issued_.at : durable_.at;
  slot.durable_lsn = durable_.next_lsn.value - 1;
  std::ranges::copy_n(
      start_.boot_id.begin(),
      static_cast<std::ptrdiff_t>(std::min(start_.boot_id.size(), slot.boot_id.size())),
      slot.boot_id.begin());
  slot.manifest_version = manifest_version_;
  slot.flush_mode = static_cast<std::uint32_t>(mode_);
  start_.on_durable(durable_);
  if (const Status status = status_file_.write(slot); !status && !status_told_) {
    status_told_ = true;  // readers see less than there is; nothing is lost
    report_(Severity::warning,
            status.with_context("readers cannot be told how far the log is durable").message());
  }
  durable_lsn_.store(durable_.next_lsn.value - 1, std::memory_order_release);
}

// ---- sync points and watermarks ----

bool LogWriter::sync_due() const {
  if (unsynced_.empty() || syncing_ || carry_needed_) {
    return false;
  }
  if (unsynced_records_ >= options_.sync_records || unsynced_bytes_ >= sync_bytes_) {
    return true;
  }
  if (!in_flight_.empty()) {
    return false;
  }
  const bool somebody_waits = waiter_count_ > 0 || switching_ || closing_;
  const bool leaves_segment = !gathered_.empty() && !fits(*gathered_.front());
  return (somebody_waits && gathered_.empty()) || switching_ || leaves_segment ||
         clock_.now_mono_ns() - unsynced_since_ns_ >=
             std::chrono::nanoseconds(options_.sync_interval).count();
}

// Makes durable what had been written before it began.
Status LogWriter::sync_point() {
  syncing_ = true;
  const std::size_t covered = unsynced_.size();
  std::vector<std::shared_ptr<OpenSegment>> segments;
  for (const FramePtr& frame : unsynced_) {
    if (segments.empty() || segments.back() != frame->segment) {
      segments.push_back(frame->segment);
    }
  }
  const Frame& last = *unsynced_.back();
  mutex_.unlock();
  Status status;
  std::shared_ptr<OpenSegment> failed;
  for (const auto& segment : segments) {
    if (mutant_is(Mutant::durable_write_as_barrier)) {
      status =
          segment->file->write_at(last.builder.sealed(), last.place.offset, io::WriteMode::durable)
              .status();
    } else {
      status = segment->file->sync_data();
    }
    if (!status && mutant_is(Mutant::sync_retried)) {
      status = segment->file->sync_data();
    }
    if (!status) {
      failed = segment;
      break;
    }
  }
  mutex_.lock();
  syncing_ = false;
  counters_.syncs += segments.size();
  if (!status) {
    begin_carry(*failed, status);
    changed_.notify_all();
    return status;
  }
  if (carry_needed_) {
    changed_.notify_all();  // a write failed meanwhile: nothing of that segment counts any more
    return {};
  }
  for (std::size_t i = 0; i < covered; ++i) {
    FramePtr frame = std::move(unsynced_.front());
    unsynced_.pop_front();
    unsynced_records_ -= frame->builder.record_count();
    unsynced_bytes_ -= frame->builder.padded_bytes();
    make_durable(std::move(frame));
  }
  unsynced_since_ns_ = clock_.now_mono_ns();
  publish_durable();
  changed_.notify_all();
  poke_helper();
  return {};
}

bool LogWriter::watermark_due() const {
  return threads_ && is_idle() && !switching_ && active_ && !active_->poisoned &&
         claimed_ < content_end_ && clock_.now_mono_ns() >= last_frame_ns_ + kWatermarkAfterNs &&
         active_->next_offset + options_.block_bytes <= options_.segment_bytes;
}

// An empty frame that tells how far the log is durable; skipped when it would need a new segment.
void LogWriter::write_watermark(std::uint8_t flags) {
  FramePtr frame = new_frame();
  if (!fits(*frame)) {
    free_frame(std::move(frame));
    return;
  }
  frame->durable_write = true;
  frame->place.flags = flags;
  sealing_ = true;
  const Status placed = place_frame(*frame);
  KIFA_ASSERT(placed.is_ok());
  Frame& sealed = *frame;
  in_flight_.push_back(std::move(frame));
  seal_and_write(sealed);
}

// ---- telling ----

// Calls back without the lock, one thread at a time, in order. Whoever has worked does it before it
// waits or returns: nobody is woken up for it.
void LogWriter::deliver() {
  wake_settled();
  if (delivering_) {
    return;
  }
  delivering_ = true;
  while (!deliveries_.empty()) {
    Delivery delivery = std::move(deliveries_.front());
    deliveries_.pop_front();
    mutex_.unlock();
    if (delivery.callback) {
      delivery.callback(delivery.receipt);
    }
    mutex_.lock();
    ++settled_appends_;
  }
  delivering_ = false;
  changed_.notify_all();
}

// Nothing is acknowledged from here on: everybody who waits is told why.
void LogWriter::fail(const Status& status) {
  if (!failure_.is_ok()) {
    return;
  }
  failure_ = status.with_context("the store takes no more input");
  report_(Severity::error, failure_.message());
  for (std::deque<FramePtr>* frames : {&unsynced_, &in_flight_, &carry_, &gathered_}) {
    for (const FramePtr& frame : *frames) {
      tell_failure(*frame);
    }
  }
  gathered_.clear();
  changed_.notify_all();
  poke_helper();
}

void LogWriter::tell_failure(Frame& frame) {
  for (Pending& pending : frame.pending) {
    settle(pending, {.status = failure_, .first_lsn = {}});
  }
  frame.pending.clear();
}

// ---- the helper threads ----

void LogWriter::poke_helper() {
  if (threads_ && !helper_poked_ &&
      (can_lead() || can_carry() || sync_due() || next_timer_ns() < helper_deadline_ns_)) {
    helper_poked_ = true;
    helper_changed_.notify_one();
  }
}

std::int64_t LogWriter::next_timer_ns() const {
  std::int64_t next = kNever;
  if (!failure_.is_ok()) {
    return next;
  }
  for (const FramePtr& frame : in_flight_) {
    if (frame->retry) {
      next = std::min(next, frame->retry_at_ns);
    }
  }
  if (!unsynced_.empty()) {
    next = std::min(next,
                    unsynced_since_ns_ + std::chrono::nanoseconds(options_.sync_interval).count());
  }
  if (!gathered_.empty() && options_.commit_delay.count() > 0) {
    next = std::min(next, gathering_since_ns_ + options_.commit_delay.count() * 1000);
  }
  if (claimed_ < content_end_ || !free_.empty()) {
    next = std::min(next, last_frame_ns_ + kWatermarkAfterNs);
  }
  return next;
}

void LogWriter::run_helper(const std::stop_token& stop) {
  mutex_.lock();
  while (!stop.stop_requested()) {
    const bool worked = do_some_work();
    if (!deliveries_.empty()) {
      deliver();
    }
    if (worked) {
      continue;
    }
    const std::int64_t now = clock_.now_mono_ns();
    if (is_idle() && now >= last_frame_ns_ + kWatermarkAfterNs) {
      free_.clear();                                    // an idle store holds no buffers
      content_end_ = std::min(content_end_, claimed_);  // a watermark had no room: not asked again
    }
    helper_deadline_ns_ = next_timer_ns();
    const auto poked = [this]() KIFA_NO_THREAD_SAFETY_ANALYSIS { return helper_poked_; };
    if (helper_deadline_ns_ == kNever) {
      helper_changed_.wait(mutex_, stop, poked);
    } else {
      helper_changed_.wait_for(
          mutex_, stop,
          std::chrono::nanoseconds(std::max<std::int64_t>(helper_deadline_ns_ - now, 0)), poked);
    }
    helper_poked_ = false;
    helper_deadline_ns_ = 0;
  }
  mutex_.unlock();
}

void LogWriter::on_spare() {
  const MutexLock lock(mutex_);
  changed_.notify_all();
  if (threads_ && !helper_poked_) {
    helper_poked_ = true;
    helper_changed_.notify_all();
  }
}

// Waits for a change; false when the deadline has passed.
bool LogWriter::wait_until(std::int64_t deadline_mono_ns) {
  const std::int64_t left = deadline_mono_ns - clock_.now_mono_ns();
  if (left <= 0) {
    return false;
  }
  changed_.wait_for(mutex_, std::chrono::nanoseconds(left));
  return true;
}

// ---- the rest of the interface ----

Status LogWriter::drain(std::int64_t deadline_mono_ns) {
  while (!is_idle()) {
    if (!failure_.is_ok()) {
      return failure_;
    }
    if (do_some_work()) {
      continue;
    }
    if (is_blocked()) {
      return {Code::no_space, "what was accepted cannot be written: there is no space"};
    }
    if (!deliveries_.empty() && !delivering_) {
      deliver();
      continue;
    }
    if (!threads_ || !wait_until(deadline_mono_ns)) {
      return {Code::io, "what was accepted could not be made durable in time"};
    }
  }
  return failure_;
}

Status LogWriter::flush(std::chrono::nanoseconds timeout) {
  const MutexLock lock(mutex_);
  const std::int64_t deadline = clock_.now_mono_ns() + timeout.count();
  const std::uint64_t target = accepted_appends_;
  ++waiter_count_;
  Status status;
  while (status && settled_appends_ < target) {
    if (!failure_.is_ok()) {
      status = failure_;
    } else if (!do_some_work()) {
      deliver();
      if (settled_appends_ >= target) {
        break;
      }
      if (is_blocked()) {
        status = {Code::no_space, "what was accepted cannot be written: there is no space"};
      } else if (!threads_ || !wait_until(deadline)) {
        status = {Code::io, "what was accepted could not be made durable in time"};
      }
    }
  }
  --waiter_count_;
  deliver();
  return status;
}

Status LogWriter::set_flush_mode(FlushMode mode) {
  const MutexLock lock(mutex_);
  KIFA_TRY(usable());
  if (mode == mode_) {
    return {};
  }
  switching_ = true;  // no new frame begins
  Status status;
  if (mutant_is(Mutant::switch_without_sync)) {
    while (!unsynced_.empty()) {
      make_durable(std::move(unsynced_.front()));
      unsynced_.pop_front();
    }
    unsynced_records_ = 0;
    unsynced_bytes_ = 0;
  }
  while (status && !(in_flight_.empty() && unsynced_.empty() && !sealing_ && !carry_needed_ &&
                     !carrying_ && !syncing_)) {
    if (!failure_.is_ok()) {
      status = failure_;
    } else if (!do_some_work()) {
      if (is_blocked() || (!threads_ && !can_carry())) {
        status = {Code::no_space, "the flush mode stays: earlier records cannot be written yet"};
      } else if (!deliveries_.empty() && !delivering_) {
        deliver();
      } else {
        changed_.wait(mutex_);
      }
    }
  }
  switching_ = false;
  if (status) {
    Event event;
    event.kind = EventKind::mode_change;
    event.observed_unix_ns = clock_.now_unix_ns();
    event.text = fmt::format("flush mode {} to {}", to_string(mode_), to_string(mode));
    mode_ = mode;
    publish_durable();  // who asks for the mode now is told the new one
    gather_event(std::move(event));
    if (!threads_) {
      do_all_work();
    }
  }
  poke_helper();
  deliver();
  return status;
}

void LogWriter::stop_taking(const Status& why) {
  const MutexLock lock(mutex_);
  fail(why);
  deliver();
}

bool LogWriter::tick() {
  const MutexLock lock(mutex_);
  const bool worked = do_some_work();
  deliver();
  return worked;
}

Status LogWriter::close(bool quick) {
  Status status;
  {
    const MutexLock lock(mutex_);
    if (fork_generation_ != current_fork_generation()) {
      return {Code::closed, "the store belongs to the parent of this process"};
    }
    if (closing_) {
      return failure_;
    }
    closing_ = true;
    for (const FramePtr& frame : in_flight_) {
      frame->retry_at_ns = clock_.now_mono_ns();  // one last time; a full disk must not keep us
    }
    status = drain(clock_.now_mono_ns() + kDrainTimeoutNs);
    if (status && !quick && wrote_something_ && active_ && !active_->poisoned) {
      write_watermark(kFrameWatermark | kFrameClean);
      status = drain(clock_.now_mono_ns() + kDrainTimeoutNs);
    }
    if (status) {
      publish_durable();
    } else {
      fail(status);
    }
    deliver();
    while (delivering_) {
      changed_.wait(mutex_);
    }
  }
  for (std::jthread& helper : helpers_) {
    if (helper.joinable()) {
      helper.request_stop();
      helper_changed_.notify_all();
      helper.join();
    }
  }
  return status;
}

FlushMode LogWriter::flush_mode() const {
  const MutexLock lock(mutex_);
  return mode_;
}

StoreCounters LogWriter::counters() const {
  const MutexLock lock(mutex_);
  StoreCounters counters = counters_;
  counters.written_bytes += pool_.filled_bytes();
  return counters;
}

LogMark LogWriter::durable_mark() const {
  const MutexLock lock(mutex_);
  return mutant_is(Mutant::flush_above_durable) ? issued_ : durable_;
}

void LogWriter::set_manifest_version(std::uint64_t version) {
  const MutexLock lock(mutex_);
  manifest_version_ = version;
}

std::vector<Checkpoint> LogWriter::checkpoints(std::string_view origin) const {
  const MutexLock lock(mutex_);
  return checkpoints_.of(origin);
}

}  // namespace kifa::store
