// kifa-make-store DIR RECORDS APART_MS: a new store of generated transactions of 200 bytes, so many
// milliseconds apart, the last one observed about now, nearly all of them in tables. For
// benchmarks of reading: a store that was filled at once has no times to look for.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/transactions.hpp"

namespace kifa::bench {
namespace {

constexpr std::chrono::seconds kTablesWithin{300};

Status wait_for_tables(const std::string& directory) {
  const auto end = SteadyClock::now() + kTablesWithin;
  while (SteadyClock::now() < end) {
    auto reader = store::Reader::open(directory, io::posix_file_system());
    KIFA_TRY(reader.status());
    const auto stats = (*reader)->stats();
    KIFA_TRY(stats.status());
    if (stats->segments <= store::StoreOptions().flush_segments) {
      return {};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return {Code::unavailable, "the log did not become tables in time"};
}

Status make(const std::string& directory, std::uint64_t records, std::int64_t apart_ns) {
  SystemClock clock;
  auto store = store::Store::open({.directory = directory, .flush_mode = store::FlushMode::normal},
                                  {.files = io::posix_file_system(), .clock = clock});
  KIFA_TRY(store.status());
  Transactions transactions;
  std::int64_t time = clock.now_unix_ns() - static_cast<std::int64_t>(records) * apart_ns;
  while (records != 0) {
    const std::uint64_t count = std::min<std::uint64_t>(records, kBatchRecords);
    store::BatchView batch = transactions.batch(count);
    std::vector<store::RecordView> dated(batch.records.begin(), batch.records.end());
    for (store::RecordView& record : dated) {
      record.observed_unix_ns = time;
      time += apart_ns;
    }
    batch.records = dated;
    KIFA_TRY((*store)->append(batch, [](const store::Receipt&) {}));
    records -= count;
  }
  KIFA_TRY((*store)->flush(std::chrono::minutes(10)));
  KIFA_TRY(wait_for_tables(directory));
  return (*store)->close();
}

bool number_of(std::string_view text, std::uint64_t most, std::uint64_t& into) {
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), into);
  return failure == std::errc() && end == text.end() && into > 0 && into <= most;
}

}  // namespace
}  // namespace kifa::bench

int main(int argc, char** argv) {
  std::uint64_t records = 0;
  std::uint64_t apart_ms = 0;
  if (argc != 4 || !kifa::bench::number_of(argv[2], 1'000'000'000, records) ||
      !kifa::bench::number_of(argv[3], 60'000, apart_ms)) {
    fmt::print(stderr, "usage: kifa-make-store DIR RECORDS APART_MS\n");
    return 64;
  }
  const kifa::Status made =
      kifa::bench::make(argv[1], records, static_cast<std::int64_t>(apart_ms) * 1'000'000);
  if (!made) {
    fmt::print(stderr, "kifa-make-store: {}\n", made.message());
    return 1;
  }
  return 0;
}
