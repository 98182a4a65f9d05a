#include "tests/crash/image_check.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "tests/support/fake_clock.hpp"

namespace kifa::crash {

namespace {

std::string read_before_open(io::MemoryFileSystem& image, const Expectation& expectation,
                             std::uint64_t& shown) {
  const bool was_changed = image.is_changed();
  auto reader = store::Reader::open(std::string(kDirectory), image);
  if (!reader) {
    // Without space a store opens before it has anything on the disk.
    const bool may_be_missing = expectation.least_records == 0 && expectation.least_batches == 0;
    if (may_be_missing && reader.error().code() == Code::not_found) {
      return {};
    }
    return fmt::format("a reader cannot open: {}", reader.error().message());
  }
  Observed observed;
  std::string violation = observe(**reader, expectation, observed);
  Found found;
  if (violation.empty()) {
    violation = match(expectation, observed.records, &observed, nullptr, found);
  }
  if (violation.empty() && image.is_changed() != was_changed) {
    violation = "reading has changed something";
  }
  shown = observed.records;
  return violation.empty() ? violation : "first reader: " + violation;
}

std::string read_after_close(io::MemoryFileSystem& image, const History& history) {
  const Expectation expectation = history.now();
  auto reader = store::Reader::open(std::string(kDirectory), image);
  if (!reader) {
    return fmt::format("last reader: cannot open: {}", reader.error().message());
  }
  Observed observed;
  std::string violation = observe(**reader, expectation, observed);
  Found found;
  if (violation.empty()) {
    violation = match(expectation, observed.records, &observed, nullptr, found);
  }
  return violation.empty() ? violation : "last reader: " + violation;
}

void let_pass_a_second(store::Store& store, test::FakeClock& clock) {
  clock.advance(std::chrono::seconds(1));
  while (store.tick()) {
  }
}

constexpr int kSecondsMax = 5;  // in which a store resumes by itself, when it can make space

// What was taken and waits for space becomes durable in time.
bool resumes(store::Store& store, test::FakeClock& clock, Lsn last) {
  for (int second = 0; second < kSecondsMax && store.durable_lsn() < last; ++second) {
    let_pass_a_second(store, clock);
  }
  return store.durable_lsn() >= last;
}

// What no evidence covers is written again, which may have to wait for space.
bool recovers(store::Store& store, test::FakeClock& clock, Lsn last,
              const ImageCheckOptions& options) {
  if (options.store.disk_budget_bytes != 0) {
    let_pass_a_second(store, clock);
    let_pass_a_second(store, clock);
  }
  return resumes(store, clock, last);
}

Result<Lsn> append_in_time(store::Store& store, test::FakeClock& clock, const OwnedBatch& batch) {
  Result<Lsn> first = store.append_durable(BatchViews(batch).view());
  for (int second = 0; second < kSecondsMax && first.status().code() == Code::no_space; ++second) {
    let_pass_a_second(store, clock);
    first = store.append_durable(BatchViews(batch).view());
  }
  return first;
}

std::string append_some(store::Store& store, test::FakeClock& clock, History& history,
                        std::uint64_t seed, std::uint64_t records) {
  BatchMaker maker(seed ^ 0xA99E'ADEDU);
  for (const BatchSize size : {BatchSize::tiny, BatchSize::medium}) {
    const std::size_t number = history.sent(maker.make(size));
    const OwnedBatch& batch = history.batch(number);
    Result<Lsn> first = append_in_time(store, clock, batch);
    const bool waits = !first && first.error().code() == Code::unavailable;
    if (waits && resumes(store, clock, {records + batch.records.size()})) {
      first = Lsn{records + 1};
    }
    if (!first) {
      return fmt::format("cannot append after recovery: {}", first.error().message());
    }
    if (first->value != records + 1) {
      return fmt::format("the append after recovery got LSN {} instead of {}", first->value,
                         records + 1);
    }
    records += batch.records.size();
    history.acknowledged(number, *first);
  }
  return {};
}

}  // namespace

std::string check_image(io::MemoryFileSystem& image, const Expectation& expectation,
                        const ImageCheckOptions& options, History& history) {
  std::uint64_t shown = 0;
  const bool is_shown = options.seed % 2 == 0;
  if (is_shown) {
    if (auto violation = read_before_open(image, expectation, shown); !violation.empty()) {
      return violation;
    }
    history.shown({shown});
  }
  test::FakeClock clock;
  if (!options.is_same_boot) {
    clock.reboot("b0071d00-0000-4000-8000-000000000002");
  }
  store::StoreOptions store_options = options.store;
  store_options.directory = kDirectory;
  std::string reported;
  const auto report = [&reported](store::Severity severity, const std::string& text) {
    if (severity == store::Severity::error && reported.empty()) {
      reported = text;
    }
  };
  auto opened = store::Store::open(store_options, {.files = image,
                                                   .clock = clock,
                                                   .report = report,
                                                   .random_seed = (options.seed << 20U) + 0xC0FFEE,
                                                   .background_threads = false});
  if (!opened) {
    return fmt::format("cannot open: {}", opened.error().message());
  }
  store::Store& store = **opened;
  const Lsn least{std::max(shown, expectation.least_records)};
  if (!recovers(store, clock, least, options)) {
    return fmt::format("the store has {} records and must have {}", store.durable_lsn().value,
                       least.value);
  }
  const std::uint64_t records = store.durable_lsn().value;
  if (is_shown && records != shown) {
    return fmt::format("the store has {} records after a reader had shown {}", records, shown);
  }
  const CheckpointMap checkpoints = checkpoints_of(store);
  Found found;
  if (auto violation = match(expectation, records, nullptr, &checkpoints, found);
      !violation.empty()) {
    return violation;
  }
  history.opened(found.batches, found.records);
  if (auto violation = append_some(store, clock, history, options.seed, records);
      !violation.empty()) {
    return violation;
  }
  if (options.seed % 5 < 2) {  // old files go when nothing has changed for a second
    let_pass_a_second(store, clock);
    let_pass_a_second(store, clock);
  }
  if (options.seed % 3 != 0) {
    if (const Status closed = store.close(); !closed) {
      return fmt::format("cannot close after recovery: {}", closed.message());
    }
  }
  opened->reset();
  if (!reported.empty()) {
    return fmt::format("on a good disk the store complains: {}", reported);
  }
  return read_after_close(image, history);
}

}  // namespace kifa::crash
