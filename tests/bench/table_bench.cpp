// How fast tables are written and read on one core, and how small they are. Never a timed test.

#include <unistd.h>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "core/io/file_system.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/table_writer.hpp"

using namespace kifa;         // NOLINT: a benchmark
using namespace kifa::store;  // NOLINT: a benchmark

namespace {

constexpr std::uint64_t kRecords = 500'000;

// Transactions of a till, about 200 bytes each, a few milliseconds apart.
const std::vector<std::string>& payloads() {
  static const std::vector<std::string> made = [] {
    std::vector<std::string> all;
    std::mt19937_64 random(1);
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      all.push_back(fmt::format(
          R"({{"transaction":{},"till":"till-{:02}","cashier":"{}","article":"{:013}",)"
          R"("quantity":{},"price":{}.{:02},"currency":"EUR","payment":"{}",)"
          R"("time":"2026-11-22T{:02}:{:02}:{:02}Z"}})",
          4'000'000 + i, random() % 8, random() % 40, 4'000'000'000'000 + random() % 3000,
          1 + random() % 4, random() % 60, random() % 100, random() % 3 == 0 ? "cash" : "card",
          i / 3600 % 24, i / 60 % 60, i % 60));
    }
    return all;
  }();
  return made;
}

Result<TableInfo> write(const std::string& path, TableCodec codec) {
  TableWriterOptions options;
  options.path = path;
  options.number = 1;
  options.codec = codec;
  options.first = {1};
  auto writer = TableWriter::create(io::posix_file_system(), options);
  KIFA_TRY(writer.status());
  std::mt19937_64 random(2);
  RecordView record;
  record.pipeline = "till-1";
  record.source = "app";
  record.boot_ordinal = 1;
  record.observed_unix_ns = 1'700'000'000'000'000'000;
  for (const std::string& payload : payloads()) {
    record.lsn = record.lsn.next();
    record.observed_unix_ns += static_cast<std::int64_t>(random() % 5'000'000);
    record.observed_boot_ns = record.observed_unix_ns - 1'690'000'000'000'000'000;
    record.payload = as_byte_view(payload);
    KIFA_TRY((*writer)->add(record));
  }
  KIFA_TRY((*writer)->end_piece(record.lsn).status());
  return (*writer)->finish();
}

std::string bench_path() { return fmt::format("/dev/shm/kifa-table-bench-{}", ::getpid()); }

void write_table(benchmark::State& state) {
  payloads();
  for (auto _ : state) {  // NOLINT: the library's way
    const auto info = write(bench_path(), static_cast<TableCodec>(state.range(0)));
    if (!info) {
      state.SkipWithError(info.error().message().c_str());
      return;
    }
    state.SetBytesProcessed(state.bytes_processed() +
                            static_cast<std::int64_t>(info->payload_bytes));
    state.counters["stored"] =
        static_cast<double>(info->bytes) / static_cast<double>(info->payload_bytes);
    ignore(io::posix_file_system().remove(bench_path()), "the next create() would say so");
  }
}

template <class Read>
void read_table(benchmark::State& state, const Read& read) {
  const auto info = write(bench_path(), static_cast<TableCodec>(state.range(0)));
  for (auto _ : state) {  // NOLINT: the library's way
    const auto reader = TableReader::open(io::posix_file_system(), bench_path(), {.number = 1});
    if (!info || !reader || !read(**reader)) {
      state.SkipWithError("the table cannot be read");
      break;
    }
    state.SetBytesProcessed(state.bytes_processed() +
                            static_cast<std::int64_t>(info->payload_bytes));
  }
  ignore(io::posix_file_system().remove(bench_path()), "the next create() would say so");
}

void scan_table(benchmark::State& state) {
  read_table(state, [](TableReader& reader) {
    std::uint64_t records = 0;
    const Status status = reader.scan(
        {}, [&](const RecordView&) { return ++records != 0; }, [](const Event&) { return true; },
        [](const TableDamage&) {});
    return status.is_ok() && records == kRecords;
  });
}

void verify_table(benchmark::State& state) {
  read_table(state, [](TableReader& reader) {
    std::uint64_t faults = 0;
    const Status status = reader.verify({}, {}, [&](const TableDamage&) { ++faults; });
    return status.is_ok() && faults == 0;
  });
}

BENCHMARK(write_table)->ArgName("codec")->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
BENCHMARK(scan_table)->ArgName("codec")->DenseRange(0, 2)->Unit(benchmark::kMillisecond);
BENCHMARK(verify_table)->ArgName("codec")->DenseRange(0, 2)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
