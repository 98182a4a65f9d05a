#include "tests/crash/workload.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "core/store/cursors.hpp"
#include "core/store/reader.hpp"
#include "tests/crash/image_check.hpp"
#include "tests/crash/oracle.hpp"

namespace kifa::crash {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kSegmentBytes = 1_MiB;
constexpr auto kPatience = 60s;  // for a flush; no run takes as long
constexpr unsigned kOpenTriesMax = 3;
constexpr std::string_view kHoldName = "till-report";
constexpr Lsn kNoLimit{UINT64_MAX};

io::MemoryFileSystemOptions disk_of(const Profile& profile) {
  io::MemoryFileSystemOptions options;
  options.accepts_direct = profile.accepts_direct;
  options.accepts_durable_flag = profile.accepts_durable_flag;
  options.spoils_sectors = true;
  return options;
}

}  // namespace

struct Workload::Pending {
  std::size_t number = 0;
  std::atomic<unsigned> calls = 0;
};

Workload::Workload(const Profile& profile, std::uint64_t seed)
    : profile_(profile),
      random_(seed),
      maker_(seed ^ 0x5EEDU),
      files_(disk_of(profile)),
      history_(files_),
      seed_(seed) {
  options_.directory = kDirectory;
  options_.flush_mode = profile.flush_mode;
  options_.segment_bytes = kSegmentBytes;
  options_.record_bytes_max = kSegmentBytes / 4;
  options_.disk_budget_bytes = profile.disk_budget_bytes;
  options_.sync_records = 50;
  options_.memtable_flush_bytes = profile.memtable_flush_bytes;
  options_.compaction_threshold = profile.compaction_threshold;
  options_.retention_bytes = profile.retention_bytes;
  options_.retention_age = profile.retention_age;
  // The directory's own name is the installer's business.
  ignore(files_.make_directory(std::string(kDirectory), 0700), "a new disk");
  ignore(files_.sync_directory("/"), "a new disk");
  files_.restart_trace();
  if (profile.retention_bytes != 0) {
    history_.allow_purge(kNoLimit);
  }
}

Workload::~Workload() = default;

void Workload::complain(const std::string& what) {
  if (violation_.empty()) {
    violation_ = what;
  }
}

void Workload::take_report(store::Severity severity, const std::string& text) {
  const MutexLock lock(mutex_);
  if (severity == store::Severity::error && reported_.empty()) {
    reported_ = text;
  }
}

void Workload::check_sentence(const Status& status) {
  if (status.message().size() < 10) {
    complain(fmt::format("an error says too little: '{}'", status.message()));
  }
}

void Workload::run() {
  open();
  for (unsigned i = 0; i < profile_.steps && violation_.empty(); ++i) {
    take(choose());
  }
  close(true);
}

void Workload::run(const std::vector<Step>& steps) {
  open();
  for (const Step step : steps) {
    if (violation_.empty()) {
      take(step);
    }
  }
  close(true);
}

Step Workload::choose() {
  unsigned total = 0;
  for (const auto& [step, weight] : profile_.weights) {
    total += weight;
  }
  auto left = static_cast<unsigned>(random_.below(total));
  for (const auto& [step, weight] : profile_.weights) {
    if (left < weight) {
      return step;
    }
    left -= weight;
  }
  return Step::append_tiny;
}

void Workload::take(Step step) {
  const auto fail_next = [&](io::FaultEffect effect, io::CallKind kind) {
    files_.add_fault({.effect = effect, .kind = kind, .path_contains = "wal-"});
  };
  switch (step) {
    case Step::append_tiny:
      return append(BatchSize::tiny);
    case Step::append_medium:
      return append(BatchSize::medium);
    case Step::append_large:
      return append(BatchSize::large);
    case Step::append_huge:
      return append(BatchSize::huge);
    case Step::append_checkpoint:
      return append(BatchSize::checkpoint_only);
    case Step::append_async:
      for (std::uint64_t i = 1 + random_.below(5); i > 0; --i) {
        append_async(random_.one_in(3) ? BatchSize::medium : BatchSize::tiny);
      }
      return;
    case Step::flush:
      return flush();
    case Step::pass_time:
      clock_.advance(std::chrono::milliseconds(50 + random_.below(200)));
      store_->tick();
      return;
    case Step::idle:
      clock_.advance(3s);
      while (store_->tick()) {
      }
      return;
    case Step::switch_mode: {
      static constexpr std::array kModes = {store::FlushMode::normal, store::FlushMode::cautious,
                                            store::FlushMode::emergency};
      settle_failure(store_->set_flush_mode(kModes.at(random_.below(kModes.size()))));
      return;
    }
    case Step::reopen:
      close(true);
      return open();
    case Step::abandon:
      close(false);
      return open();
    case Step::write_fails:
      return fail_next(io::FaultEffect::fail, io::CallKind::write);
    case Step::write_fails_partly:
      return fail_next(io::FaultEffect::fail_partly, io::CallKind::write);
    case Step::write_is_short:
      return fail_next(io::FaultEffect::short_write, io::CallKind::write);
    case Step::sync_fails:
      return fail_next(random_.one_in(2) ? io::FaultEffect::fail : io::FaultEffect::fail_partly,
                       io::CallKind::sync_data);
    case Step::carry_fails:
      return fail_carrying();
    case Step::disk_full:
      return fill_disk();
    case Step::read:
      return read_beside();
    case Step::hold:
      return hold();
    case Step::release:
      return release();
    case Step::jump_clock:
      return jump_clock();
    case Step::reopen_resized:
      return resize();
  }
}

// Opens the store; after failures of the disk, once more without them.
void Workload::open() {
  for (unsigned tries = 1;; ++tries) {
    auto opened = store::Store::open(
        options_, {.files = files_,
                   .clock = clock_,
                   .report = [this](store::Severity severity,
                                    const std::string& text) { take_report(severity, text); },
                   .random_seed = seed_ * 1000 + ++opens_,
                   .background_threads = profile_.background_threads});
    if (opened) {
      store_ = *std::move(opened);
      break;
    }
    check_sentence(opened.error());
    if (files_.faults_fired() == 0 || tries == kOpenTriesMax) {
      return complain("cannot open: " + opened.error().message());
    }
    if (tries == kOpenTriesMax - 1) {
      files_.clear_faults();
    }
  }
  const CheckpointMap checkpoints = checkpoints_of(*store_);
  Found found;
  const std::string wrong =
      match(history_.now(), store_->durable_lsn().value, nullptr, &checkpoints, found);
  if (!wrong.empty()) {
    return complain("after opening again: " + wrong);
  }
  history_.opened(found.batches, found.records);
}

void Workload::close(bool properly) {
  if (store_ == nullptr) {
    return;
  }
  if (properly) {
    const Status status = store_->close();
    if (!status) {
      check_sentence(status);
      if (files_.faults_fired() == 0) {
        complain("cannot close: " + status.message());
      }
    }
  }
  store_.reset();
  for (const auto& pending : pending_) {
    if (pending->calls != 1) {
      complain(fmt::format("the callback of batch {} was called {} times", pending->number,
                           pending->calls.load()));
    }
  }
  pending_.clear();
  const MutexLock lock(mutex_);
  if (!reported_.empty() && files_.faults_fired() == 0) {
    complain("on a good disk the store complains: " + reported_);
  }
}

// What a call may end with, and what is done about it.
void Workload::settle_failure(const Status& status) {
  if (status.is_ok()) {
    return;
  }
  check_sentence(status);
  ++failed_calls_;
  if (files_.faults_fired() == 0 && !is_full_) {
    return complain("failed on a good disk: " + status.message());
  }
  if (status.code() == Code::no_space || status.code() == Code::unavailable) {
    files_.set_capacity(0);
    clock_.advance(1s);
    store_->tick();  // the store resumes by itself
    return;
  }
  close(true);
  files_.clear_faults();
  open();
}

void Workload::append(BatchSize size) {
  const std::size_t number = history_.sent(maker_.make(size));
  const OwnedBatch& batch = history_.batch(number);
  const Result<Lsn> first = store_->append_durable(BatchViews(batch).view());
  if (first) {
    history_.acknowledged(number, *first);
  } else if (first.error().code() == Code::no_space) {
    history_.refused(number);
  }
  history_.shown(store_->durable_lsn());
  settle_failure(first.status());
}

void Workload::append_async(BatchSize size) {
  auto pending = std::make_shared<Pending>();
  pending->number = history_.sent(maker_.make(size));
  const OwnedBatch& batch = history_.batch(pending->number);
  const Status taken =
      store_->append(BatchViews(batch).view(), [this, pending](const store::Receipt& receipt) {
        ++pending->calls;
        if (receipt.status) {
          history_.acknowledged(pending->number, receipt.first_lsn);
        }
      });
  history_.shown(store_->durable_lsn());
  if (taken) {
    pending_.push_back(pending);
    return;
  }
  if (pending->calls != 0) {
    complain("the callback of a refused batch was called");
  }
  if (taken.code() == Code::no_space) {
    history_.refused(pending->number);
  }
  settle_failure(taken);
}

void Workload::flush() {
  settle_failure(store_->flush(kPatience));
  history_.shown(store_->durable_lsn());
}

// Whatever a reader shows must survive.
void Workload::read_beside() {
  auto reader = store::Reader::open(std::string(kDirectory), files_);
  if (!reader) {
    check_sentence(reader.error());
    if (files_.faults_fired() == 0) {
      complain("a reader beside the store cannot open: " + reader.error().message());
    }
    return;
  }
  Observed observed;
  const std::string wrong = observe(**reader, history_.now(), observed);
  if (!wrong.empty() && files_.faults_fired() == 0) {
    return complain("a reader beside the store: " + wrong);
  }
  history_.shown({observed.records});
}

// From the time when the call has returned nothing may go that is held.
void Workload::hold() {
  release();
  auto reader = store::Reader::open(std::string(kDirectory), files_);
  const auto stats = reader ? (*reader)->stats() : Result<store::StoreStats>(reader.error());
  if (!stats) {
    return complain("cannot read before a hold: " + stats.error().message());
  }
  const std::uint64_t left = stats->durable_lsn.value - stats->purged_through.value;
  const Lsn held{stats->purged_through.value + 1 + (random_.one_in(2) ? left / 2 : 0)};
  const Status set = store::set_cursor(
      files_, std::string(kDirectory),
      {.name = std::string(kHoldName), .kind = store::CursorKind::hold, .lsn = held});
  if (!set) {
    return complain("cannot hold: " + set.message());
  }
  is_held_ = true;
  history_.allow_purge({held.value - 1});
}

void Workload::release() {
  if (!std::exchange(is_held_, false)) {
    return;
  }
  history_.allow_purge(kNoLimit);
  if (const Status removed = store::remove_cursor(files_, std::string(kDirectory), kHoldName);
      !removed) {
    complain("cannot release: " + removed.message());
  }
}

void Workload::jump_clock() {
  const std::int64_t unix_ns = clock_.now_unix_ns();
  constexpr std::int64_t kYear2106 = 4'294'967'296'000'000'000;
  clock_.set_unix_ns(kYear2106);
  append(BatchSize::medium);
  clock_.advance(61s);  // retention is looked at again
  append(BatchSize::medium);
  while (store_->tick()) {
  }
  if (random_.one_in(2)) {
    close(true);
    open();
    append(BatchSize::medium);
  }
  clock_.set_unix_ns(unix_ns + 70'000'000'000);
}

void Workload::resize() {
  close(random_.one_in(2));
  options_.segment_bytes =
      options_.segment_bytes == kSegmentBytes ? 2 * kSegmentBytes : kSegmentBytes;
  open();
}

// A frame fails, goes into the next segment, and there the write after it fails too: the store
// gives up, and the segment keeps a frame that is none of the log.
void Workload::fail_carrying() {
  const auto is_log_write = [](const io::CallInfo& call) {
    return call.kind == io::CallKind::write && call.path.find("wal-") != std::string::npos &&
           call.path.find(".tmp") == std::string::npos;
  };
  files_.add_fault({.matches = is_log_write});
  files_.add_fault({.matches = is_log_write, .index = 2});
  append(BatchSize::tiny);
}

// Leaves a little space, so that segments can no longer be prepared, and appends until the store
// refuses or this has gone on for long enough.
void Workload::fill_disk() {
  is_full_ = true;
  files_.set_capacity(files_.used_space() + random_.below(kSegmentBytes));
  constexpr unsigned kBatchesMax = 30;
  const unsigned failed_before = failed_calls_;
  for (unsigned i = 0; i < kBatchesMax && failed_calls_ == failed_before && violation_.empty();
       ++i) {
    append(random_.one_in(2) ? BatchSize::large : BatchSize::medium);
  }
  files_.set_capacity(0);
  is_full_ = false;
}

}  // namespace kifa::crash
