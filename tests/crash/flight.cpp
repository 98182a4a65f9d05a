#include "tests/crash/flight.hpp"

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "tests/crash/image_check.hpp"

namespace kifa::crash {

namespace {

constexpr std::uint64_t kSegmentBytes = 1_MiB;
constexpr std::size_t kSmallBytes = 100;
constexpr std::size_t kBigBytes = 300'000;  // enough for the second place in flight
// Time for other threads to do what they should not; how much of it matters only to a faulty store.
constexpr auto kTimeForFaults = std::chrono::milliseconds(100);

bool is_log_write(const io::CallInfo& call) {
  return call.kind == io::CallKind::write && call.path.find("wal-") != std::string::npos &&
         call.path.find(".tmp") == std::string::npos;
}

}  // namespace

Flight::Flight(const FlightPlan& plan)
    : plan_(plan), maker_(7), files_({.spoils_sectors = true}), history_(files_) {
  options_.directory = kDirectory;
  options_.flush_mode = plan.flush_mode;
  options_.segment_bytes = kSegmentBytes;
  options_.record_bytes_max = kSegmentBytes / 4;
  ignore(files_.make_directory(std::string(kDirectory), 0700), "a new disk");
  ignore(files_.sync_directory("/"), "a new disk");
  files_.restart_trace();
}

Flight::~Flight() = default;

void Flight::append(std::size_t number) {
  const OwnedBatch& batch = history_.batch(number);
  const Result<Lsn> first = store_->append_durable(BatchViews(batch).view());
  if (first) {
    history_.acknowledged(number, *first);
    return;
  }
  const MutexLock lock(mutex_);
  violation_ = fmt::format("batch {} failed: {}", number, first.error().message());
}

// Gives the other threads time to do what they should not, and tells the history what can be seen.
void Flight::let_others_run(std::size_t acknowledged) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeForFaults;
  while (history_.acknowledged_count() == acknowledged &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  history_.shown(store_->durable_lsn());
}

void Flight::open() {
  auto opened = store::Store::open(
      options_, {.files = files_, .clock = clock_, .random_seed = 42, .background_threads = true});
  if (!opened) {
    violation_ = "cannot open: " + opened.error().message();
    return;
  }
  store_ = *std::move(opened);
  history_.opened(0, 0);
}

void Flight::close() {
  history_.shown(store_->durable_lsn());
  if (const Status closed = store_->close(); !closed && violation_.empty()) {
    violation_ = "cannot close: " + closed.message();
  }
  store_.reset();
  if (violation_.empty()) {
    history_.order_by_lsn();
  }
}

void Flight::run_producers(std::uint64_t seed) {
  constexpr std::uint64_t kThreads = 3;
  constexpr unsigned kBatches = 5;
  open();
  if (store_ == nullptr) {
    return;
  }
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([this, i, seed] {
      io::SplitMix random(seed * kThreads + i);
      BatchMaker maker(seed * kThreads + i);
      for (unsigned n = 0; n < kBatches; ++n) {
        const std::size_t bytes = random.one_in(3) ? kBigBytes : random.below(5000);
        append(history_.sent(maker.make_big_batch(bytes)));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  close();
}

void Flight::run() {
  open();
  if (store_ == nullptr) {
    return;
  }
  append(history_.sent(maker_.make_record(kSmallBytes)));
  for (unsigned i = 0; i < plan_.before; ++i) {
    append(history_.sent(maker_.make_big_batch(kBigBytes)));
  }
  const std::size_t acknowledged = history_.acknowledged_count();

  const auto first_gate = files_.hold(is_log_write);
  const auto is_first = [](const io::CallInfo& call) {
    return is_log_write(call) && call.bytes < kBigBytes;
  };
  const auto is_second = [](const io::CallInfo& call) {
    return is_log_write(call) && call.bytes >= kBigBytes;
  };
  if (plan_.first_errno != 0) {
    files_.add_fault({.sys_errno = plan_.first_errno, .matches = is_first});
  }
  if (plan_.second_errno != 0) {
    files_.add_fault({.sys_errno = plan_.second_errno, .matches = is_second});
  }
  std::vector<std::thread> threads;
  const std::size_t first = history_.sent(maker_.make_record(kSmallBytes));
  threads.emplace_back([this, first] { append(first); });
  first_gate->wait_until_held();
  history_.shown(store_->durable_lsn());

  const std::size_t begun = files_.event_count();
  const std::size_t second = history_.sent(maker_.make_big_batch(kBigBytes));
  threads.emplace_back([this, second] { append(second); });
  std::size_t seen = 0;
  std::uint64_t call = 0;
  files_.wait_for_event([&](const io::TraceEvent& event) {
    if (seen++ >= begun && event.kind == io::TraceKind::write_begin &&
        event.extent.size() >= kBigBytes) {
      call = event.call;
    }
    return call != 0 && event.kind == io::TraceKind::write_end && event.call == call;
  });
  let_others_run(acknowledged);
  for (unsigned i = 0; i < plan_.more; ++i) {
    const std::size_t number = history_.sent(maker_.make_big_batch(kBigBytes));
    threads.emplace_back([this, number] { append(number); });
    let_others_run(acknowledged);
  }
  first_gate->release();
  const bool waits_for_space = plan_.first_errno == ENOSPC || plan_.second_errno == ENOSPC;
  while (waits_for_space && history_.acknowledged_count() < threads.size() + acknowledged) {
    clock_.advance(std::chrono::seconds(1));  // the time after which it tries again
    store_->tick();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  close();
}

}  // namespace kifa::crash
