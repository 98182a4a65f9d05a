// kifa-store-bench: what the store costs behind its interface, in one table: bursts, sustained
// writing with flush, compaction and hashing, single records, many waiters, recovery, opening.
//
// Every row names the raw disk path that it is compared with, measured in the same run.

#include <getopt.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/bench/raw_disk.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/this_process.hpp"
#include "tests/bench/transactions.hpp"

namespace kifa::bench {
namespace {

constexpr double kMebi = 1024.0 * 1024.0;
constexpr unsigned kWaiters = 64;
constexpr std::chrono::seconds kTablesWithin{120};

constexpr std::string_view kUsage =
    R"(usage: kifa-store-bench [--quick] [--dir DIR] [--mib N]

  --quick    small sizes: shows that it works, measures nothing
  --dir DIR  the folder to measure in (it makes and removes kifa-store-bench-data there); default: .
  --mib N    MiB of payload of the sustained measurement; default 10240
)";

struct Arguments {
  std::string directory = ".";
  std::uint64_t sustained_bytes = 10_GiB;
  std::uint64_t memory_bytes = 1_GiB;   // memory is looked at here first
  std::uint64_t burst_bytes = 512_MiB;  // with headers it stays below wal_backlog_max
  std::uint64_t recovery_bytes = 256_MiB;
  std::uint32_t singles = 3000;    // they fit into one segment of 16 MiB
  std::uint32_t rotating = 20000;  // they need five
  std::uint32_t paced = 60;
  std::uint32_t rounds = 5;
  std::chrono::seconds rest{3};
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

class Bench final {
 public:
  explicit Bench(Arguments arguments) : arguments_(std::move(arguments)) {}

  Status run() {
    std::filesystem::remove_all(arguments_.directory);
    std::filesystem::create_directories(arguments_.directory);
    auto raw = RawDisk::create(arguments_.directory,
                               std::min<std::uint64_t>(arguments_.burst_bytes, 256_MiB));
    KIFA_TRY(raw.status());
    raw_ = &*raw;
    fmt::print(
        "kifa-store-bench: generated transactions of {} bytes in batches of {}, flush mode "
        "cautious, flush,\ncompaction and hashing on; raw is O_DIRECT and RWF_DSYNC into zeros, 1 "
        "MiB or 4 KiB, one in flight, same run.\n\n",
        kRecordBytes, kBatchRecords);
    print("", "", "of raw", "goal");
    KIFA_TRY(bursts());
    KIFA_TRY(sustained());
    KIFA_TRY(singles());
    KIFA_TRY(many_waiters());
    KIFA_TRY(paced());
    return recovery();
  }

 private:
  using Change = std::function<void(store::StoreOptions&)>;

  // ---- the table ----

  static void print(std::string_view what, std::string_view value, std::string_view ratio,
                    std::string_view goal) {
    fmt::print("{:<56} {:>14} {:>8}  {}\n", what, value, ratio, goal);
    std::fflush(stdout);
  }
  static void print_rate(std::string_view what, double rate, double raw, std::string_view goal) {
    print(what, fmt::format("{:.0f} MiB/s", rate / kMebi), fmt::format("{:.2f}", rate / raw), goal);
  }
  static void print_time(std::string_view what, double microseconds, double raw,
                         std::string_view goal) {
    print(what, fmt::format("{:.0f} us", microseconds), fmt::format("{:.2f}", microseconds / raw),
          goal);
  }
  static void print_memory(std::string_view what, std::uint64_t bytes, std::string_view goal) {
    print(what, fmt::format("{:.0f} MiB", static_cast<double>(bytes) / kMebi), "", goal);
  }

  // ---- the store ----

  [[nodiscard]] std::string data() const { return arguments_.directory + "/data"; }

  Result<std::unique_ptr<store::Store>> open(const Change& change = [](store::StoreOptions&) {}) {
    store::StoreOptions options{.directory = data()};
    change(options);
    return store::Store::open(options, {.files = io::posix_file_system(), .clock = clock_});
  }
  Result<std::unique_ptr<store::Store>> open_new(const Change& change = [](store::StoreOptions&) {
  }) {
    std::filesystem::remove_all(data());
    return open(change);
  }

  // Appends about `bytes` of payload as fast as the store takes them and waits for the last; calls
  // `reached` once, behind `mark` bytes.
  Result<double> append_all(
      store::Store& store, std::uint64_t bytes, std::uint64_t mark = 0,
      const std::function<void()>& reached = [] {}) {
    const auto start = SteadyClock::now();
    std::atomic<bool> failed{false};
    constexpr std::uint64_t kBatchBytes = kBatchRecords * kRecordBytes;
    for (std::uint64_t sent = 0; sent < bytes; sent += kBatchBytes) {
      if (sent <= mark && mark < sent + kBatchBytes) {
        reached();
      }
      KIFA_TRY(store.append(transactions_.batch(kBatchRecords), [&](const store::Receipt& receipt) {
        failed = failed || !receipt.status;
      }));
    }
    KIFA_TRY(store.flush(std::chrono::minutes(10)));
    return failed ? Result<double>(Status(Code::io, "an append failed"))
                  : Result<double>(static_cast<double>(bytes) / seconds_since(start));
  }

  // Until all but the last few segments of the log are tables, and the others are spares.
  Status wait_for_tables() {
    const auto start = SteadyClock::now();
    while (seconds_since(start) < static_cast<double>(kTablesWithin.count())) {
      auto reader = store::Reader::open(data(), io::posix_file_system());
      KIFA_TRY(reader.status());
      const auto stats = (*reader)->stats();
      KIFA_TRY(stats.status());
      if (stats->segments <= store::StoreOptions().flush_segments) {
        std::this_thread::sleep_for(std::chrono::seconds(2));  // what is superseded goes
        return {};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    return {Code::unavailable, "the log did not become tables in time"};
  }

  // What was removed is still being forgotten by the file system for a while.
  void let_disk_rest() {
    std::filesystem::remove_all(data());
    ::sync();
    std::this_thread::sleep_for(arguments_.rest);
  }

  // ---- the measurements ----

  Status bursts() {
    const auto raw = raw_->bandwidth();
    KIFA_TRY(raw.status());
    print_rate("raw 1 MiB writes", *raw, *raw, "");
    const auto size = static_cast<double>(arguments_.burst_bytes) / kMebi;
    for (const std::uint32_t spares : {8U, 64U}) {
      auto store = open_new([&](store::StoreOptions& options) { options.spare_segments = spares; });
      KIFA_TRY(store.status());
      const auto cold = append_all(**store, arguments_.burst_bytes);
      KIFA_TRY(cold.status());
      if (spares == 8) {
        print_rate(fmt::format("burst of {:.0f} MiB into a new store", size), *cold, *raw,
                   "at least 0.3");
      }
      KIFA_TRY(wait_for_tables());
      const auto warm = append_all(**store, arguments_.burst_bytes);
      KIFA_TRY(warm.status());
      print_rate(fmt::format("the same, {} spare segments there", spares), *warm, *raw,
                 spares == 8 ? "" : "at least 0.5");
      KIFA_TRY((*store)->close());
    }
    return {};
  }

  Status sustained() {
    const auto raw = raw_->bandwidth();
    KIFA_TRY(raw.status());
    auto store = open_new();
    KIFA_TRY(store.status());
    const double cpu = cpu_seconds();
    const double own = own_cpu_seconds();
    const std::uint64_t to_disk = bytes_to_disk();
    const std::uint64_t before = resident_memory();
    std::uint64_t early_peak = 0;
    forget_peak_memory();
    const auto start = SteadyClock::now();
    const auto rate = append_all(**store, arguments_.sustained_bytes, arguments_.memory_bytes,
                                 [&] { early_peak = peak_memory(); });
    KIFA_TRY(rate.status());
    const double used = cpu_seconds() - cpu;
    const double tables = cpu_seconds_of("kifa-tables");
    const double log = cpu_seconds_of("kifa-log") + cpu_seconds_of("kifa-segments");
    const double appending = own_cpu_seconds() - own;
    KIFA_TRY((*store)->close());
    store->reset();
    const double wall = seconds_since(start);
    const double payload = static_cast<double>(arguments_.sustained_bytes);
    print_rate(fmt::format("sustained, {:.0f} MiB, until all is durable", payload / kMebi), *rate,
               *raw, "at least 0.12");
    print_rate("  the same until it is closed", payload / wall, *raw, "");
    const double gibi = payload / 1024 / kMebi;
    print("  processor time", fmt::format("{:.2f} s/GiB", used / gibi), "", "");
    fmt::print(
        "    appending {:.2f}, log and spares {:.2f}, tables {:.2f}, reading ahead, hashing and "
        "compressing {:.2f}\n",
        appending / gibi, log / gibi, tables / gibi, (used - appending - log - tables) / gibi);
    print("  bytes given to the disk for each byte of payload",
          fmt::format("{:.2f}", static_cast<double>(bytes_to_disk() - to_disk) / payload), "",
          "at most 1.6");
    print_memory(fmt::format("  most memory for the store in the first {:.0f} MiB",
                             static_cast<double>(arguments_.memory_bytes) / kMebi),
                 early_peak - before, "");
    print_memory("  and over the whole run", peak_memory() - before, "memtable + queues + 32 MiB");
    return reopen(payload);
  }

  Status reopen(double payload) {
    {
      const auto start = SteadyClock::now();
      auto reader = store::Reader::open(data(), io::posix_file_system());
      KIFA_TRY(reader.status());
      const auto stats = (*reader)->stats();
      KIFA_TRY(stats.status());
      print("  a reader opens it", fmt::format("{:.1f} ms", seconds_since(start) * 1000), "", "");
      print("  bytes stored for each byte of payload",
            fmt::format("{:.2f}",
                        static_cast<double>(stats->table_bytes + stats->log_bytes) / payload),
            "", "at most 0.3");
    }
    const auto start = SteadyClock::now();
    auto store = open();
    KIFA_TRY(store.status());
    print("  the store opens after its clean close",
          fmt::format("{:.1f} ms", seconds_since(start) * 1000), "", "under 100 ms");
    return (*store)->close();
  }

  // `count` records, one at a time, each waited for.
  Result<Latency> single_latency(std::uint32_t count) {
    auto store = open_new();
    KIFA_TRY(store.status());
    std::vector<double> times(count);
    for (double& time : times) {
      const auto start = SteadyClock::now();
      KIFA_TRY((*store)->append_durable(transactions_.batch(1)).status());
      time = Microseconds(SteadyClock::now() - start).count();
    }
    KIFA_TRY((*store)->close());
    return latency_of(std::move(times));
  }

  // Rounds of the raw disk and the store in turn: both drift, and their ratio less.
  Status singles() {
    let_disk_rest();
    std::vector<double> raw_p50;
    std::vector<double> raw_p99;
    std::vector<double> p50;
    std::vector<double> p99;
    std::vector<double> rotating_p99;
    for (std::uint32_t round = 0; round < arguments_.rounds; ++round) {
      const auto raw = raw_->latency(arguments_.singles);
      KIFA_TRY(raw.status());
      const auto calm = single_latency(arguments_.singles);
      KIFA_TRY(calm.status());
      const auto rotating = single_latency(arguments_.rotating);
      KIFA_TRY(rotating.status());
      raw_p50.push_back(raw->p50);
      raw_p99.push_back(raw->p99);
      p50.push_back(calm->p50 / raw->p50);
      p99.push_back(calm->p99 / raw->p99);
      rotating_p99.push_back(rotating->p99 / raw->p99);
    }
    const double p50_us = median(raw_p50);
    const double p99_us = median(raw_p99);
    print_time("raw 4 KiB write, p50", p50_us, p50_us, "");
    print_time("raw 4 KiB write, p99", p99_us, p99_us, "");
    print_time("one record until durable, p50", median(p50) * p50_us, p50_us, "at most 1.15");
    print_time("one record until durable, p99", median(p99) * p99_us, p99_us, "at most 1.5");
    print_time(fmt::format("  p99 of {} in a row, with new segments", arguments_.rotating),
               median(rotating_p99) * p99_us, p99_us, "at most 1.5");
    return {};
  }

  // Records a second of many threads that each wait for their own record.
  Result<double> waiters_rate() {
    auto store = open_new();
    KIFA_TRY(store.status());
    std::atomic<std::uint64_t> failures{0};
    std::latch ready(kWaiters + 1);
    std::vector<std::jthread> waiters;
    for (unsigned i = 0; i < kWaiters; ++i) {
      waiters.emplace_back([&] {
        Transactions own(1);
        ready.arrive_and_wait();
        for (std::uint32_t n = 0; n < arguments_.singles; ++n) {
          failures += (*store)->append_durable(own.batch(1)) ? 0 : 1;
        }
      });
    }
    ready.arrive_and_wait();
    const auto start = SteadyClock::now();
    waiters.clear();
    const double rate = kWaiters * static_cast<double>(arguments_.singles) / seconds_since(start);
    KIFA_TRY((*store)->close());
    return failures == 0 ? Result<double>(rate)
                         : Result<double>(Status(Code::io, "an append failed"));
  }

  Status many_waiters() {
    let_disk_rest();
    std::vector<double> rates;
    std::vector<double> ratios;
    for (std::uint32_t round = 0; round < arguments_.rounds; ++round) {
      const auto raw = raw_->latency(arguments_.singles);
      KIFA_TRY(raw.status());
      const auto rate = waiters_rate();
      KIFA_TRY(rate.status());
      rates.push_back(*rate);
      ratios.push_back(*rate * raw->p50 / 1e6);
    }
    print(fmt::format("{} threads, each waiting for its own record", kWaiters),
          fmt::format("{:.0f} rec/s", median(rates)), fmt::format("{:.1f}", median(ratios)),
          "at least 12");
    return {};
  }

  // A till that sells something every second.
  Status paced() {
    auto store = open_new();
    KIFA_TRY(store.status());
    const store::StoreCounters before = (*store)->counters();
    const auto start = SteadyClock::now();
    for (std::uint32_t n = 0; n < arguments_.paced; ++n) {
      std::this_thread::sleep_until(start + std::chrono::seconds(n));
      KIFA_TRY((*store)->append_durable(transactions_.batch(1)).status());
    }
    const store::StoreCounters after = (*store)->counters();
    print(fmt::format("frames for each of {} records, one a second", arguments_.paced),
          fmt::format("{:.2f}", static_cast<double>(after.commits - before.commits) /
                                    static_cast<double>(arguments_.paced)),
          "", "at most 1.01");
    return (*store)->close();
  }

  // A process is killed with the log full of what no table has yet.
  Status recovery() {
    std::filesystem::remove_all(data());
    const pid_t child = ::fork();
    if (child == 0) {
      auto store = open([](store::StoreOptions& options) {
        options.memtable_flush_bytes = 1_GiB;
        options.flush_segments = 1000;
      });
      const bool done = store && append_all(**store, arguments_.recovery_bytes);
      ::kill(::getpid(), done ? SIGKILL : SIGTERM);
    }
    int how = 0;
    ::waitpid(child, &how, 0);
    if (!WIFSIGNALED(how) || WTERMSIG(how) != SIGKILL) {
      return {Code::io, "the child that was to be killed has failed"};
    }
    const std::uint64_t memory = resident_memory();
    forget_peak_memory();
    const auto start = SteadyClock::now();
    auto store = open();
    KIFA_TRY(store.status());
    print(fmt::format("recovery after kill -9 with {:.0f} MiB of log",
                      static_cast<double>(arguments_.recovery_bytes) / kMebi),
          fmt::format("{:.0f} ms", seconds_since(start) * 1000), "", "under 1000 ms");
    print_memory("  most memory for it", peak_memory() - memory, "memtable + queues + 32 MiB");
    return (*store)->close();
  }

  const Arguments arguments_;
  SystemClock clock_;
  Transactions transactions_;
  RawDisk* raw_ = nullptr;
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  constexpr option kOptions[] = {{"quick", no_argument, nullptr, 'q'},
                                 {"dir", required_argument, nullptr, 'd'},
                                 {"mib", required_argument, nullptr, 'm'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  for (int key = 0; (key = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (key == 'q') {
      arguments.sustained_bytes = 24_MiB;
      arguments.memory_bytes = 8_MiB;
      arguments.burst_bytes = 8_MiB;
      arguments.recovery_bytes = 8_MiB;
      arguments.singles = 20;
      arguments.rotating = 40;
      arguments.paced = 2;
      arguments.rounds = 1;
      arguments.rest = {};
    } else if (key == 'd') {
      arguments.directory = optarg;
    } else if (key == 'm') {
      const std::string_view text(optarg);
      std::uint64_t mib = 0;
      const auto [end, failure] = std::from_chars(text.begin(), text.end(), mib);
      if (failure != std::errc() || end != text.end() || mib == 0) {
        fmt::print(stderr, "kifa-store-bench: '{}' is not a number above 0\n", text);
        std::exit(64);
      }
      arguments.sustained_bytes = mib * 1_MiB;
    } else {
      fmt::print(key == 'h' ? stdout : stderr, "{}", kUsage);
      std::exit(key == 'h' ? 0 : 64);
    }
  }
  arguments.directory = std::filesystem::absolute(arguments.directory) / "kifa-store-bench-data";
  return arguments;
}

}  // namespace
}  // namespace kifa::bench

int main(int argc, char** argv) {
  const kifa::bench::Arguments arguments = kifa::bench::parse(argc, argv);
  const kifa::Status status = kifa::bench::Bench(arguments).run();
  std::error_code ignored;
  std::filesystem::remove_all(arguments.directory, ignored);
  if (!status) {
    fmt::print(stderr, "kifa-store-bench: {}\n", status.message());
    return 1;
  }
  return 0;
}
