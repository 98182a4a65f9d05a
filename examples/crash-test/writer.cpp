#include "examples/crash-test/writer.hpp"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "examples/crash-test/records.hpp"

namespace crash {

namespace store = kifa::store;

namespace {

constexpr std::uint64_t kInFlightMax = 1'000;  // records: enough for groups to form
constexpr std::uint64_t kBatchMax = 61;

// Records number..last, in one batch.
kifa::Status append_batch(store::Store& log, std::uint64_t number, std::uint64_t last,
                          std::uint64_t seed, store::DurableCallback durable) {
  const kifa::SystemClock clock;
  std::vector<std::string> payloads;
  std::vector<store::RecordView> records;
  for (std::uint64_t i = number; i <= last; ++i) {
    payloads.push_back(payload_of(i, seed));
  }
  for (const std::string& payload : payloads) {
    records.push_back(
        {.observed_unix_ns = clock.now_unix_ns(), .payload = kifa::as_byte_view(payload)});
  }
  return log.append({.pipeline = "crash-test", .source = "writer", .records = records},
                    std::move(durable));
}

}  // namespace

store::StoreOptions store_options(const WriterOptions& options) {
  store::StoreOptions small;
  small.directory = options.directory;
  small.flush_mode = options.flush_mode;
  small.segment_bytes = std::uint64_t{1} << 20U;
  small.record_bytes_max = std::uint64_t{64} << 10U;
  small.memtable_flush_bytes = std::uint64_t{1} << 20U;
  small.compaction_threshold = 2;
  return small;
}

kifa::Status write_until_killed(const WriterOptions& options, Progress& progress) {
  auto opened = store::Store::open(store_options(options), store::this_machine());
  if (!opened) {
    return opened.error();
  }
  store::Store& log = **opened;
  const std::uint64_t found = log.durable_lsn().value;
  progress.opened_at.store(found + 1);
  std::atomic<bool> failed{false};
  kifa::Status failure;
  progress.acknowledged = found;
  for (std::uint64_t number = found + 1; number <= found + options.records_max && failure;) {
    const std::uint64_t last = number + number % kBatchMax;
    while (!failed && last > progress.acknowledged + kInFlightMax) {
      ::usleep(20);
    }
    if (failed) {
      break;
    }
    progress.attempted.store(last);
    failure =
        append_batch(log, number, last, options.seed, [&, last](const store::Receipt& receipt) {
          if (receipt.status) {
            progress.acknowledged.store(last);
          } else {
            failed = true;
          }
        });
    number = last + 1;
  }
  if (failed || !failure) {
    return failure ? kifa::Status(kifa::Code::io, "the store refused a record") : failure;
  }
  for (;;) {
    ::pause();
  }
}

}  // namespace crash
