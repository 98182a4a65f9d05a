// kifa-store-bench: what the store costs behind its interface, in one table: bursts, sustained
// writing with flush, compaction and hashing, single records, many waiters, recovery, opening.
//
// Every row names the raw disk path that it is compared with, measured in the same run.

#include <getopt.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "examples/gen-transactions/stream.hpp"
#include "tests/bench/raw_disk.hpp"
#include "tests/bench/statistics.hpp"

namespace kifa::bench {
namespace {

constexpr double kMebi = 1024.0 * 1024.0;
constexpr std::size_t kRecordBytes = 200;
constexpr std::size_t kBatchRecords = 4096;
constexpr std::uint64_t kWarmBytes = 96_MiB;  // fits into the spares that a store keeps
constexpr unsigned kWaiters = 64;

constexpr std::string_view kUsage =
    R"(usage: kifa-store-bench [--quick] [--dir DIR] [--mib N]

  --quick    small sizes: shows that it works, measures nothing
  --dir DIR  the folder to measure in (it makes and removes kifa-store-bench-data there); default: .
  --mib N    MiB of payload of the sustained measurement; default 2048
)";

struct Arguments {
  std::string directory = ".";
  std::uint64_t sustained_bytes = 2048_MiB;
  std::uint64_t warm_bytes = kWarmBytes;
  std::uint64_t recovery_bytes = 256_MiB;
  std::uint32_t singles = 2000;
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double seconds_of(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return seconds_of(usage);
}

// Batches of generated transactions, made beforehand: what is measured is the store. They come
// round again after 13 MB, which no block of a table is large enough to notice.
class Transactions final {
 public:
  explicit Transactions(std::size_t batches = kBatches) {
    gen::RecordStream stream({.size = kRecordBytes + 1});
    for (std::size_t i = 0; i < batches; ++i) {
      std::string& text = texts_.emplace_back();
      while (text.size() < kBatchRecords * (kRecordBytes + 1)) {
        text += stream.next(1, kRecordBytes + 1).bytes;
      }
      std::vector<store::RecordView>& records = records_.emplace_back(kBatchRecords);
      for (std::size_t n = 0; n < kBatchRecords; ++n) {
        records[n].payload =
            as_byte_view(std::string_view(text).substr(n * (kRecordBytes + 1), kRecordBytes));
      }
    }
  }
  // The next batch, of records observed now.
  store::BatchView batch(std::size_t count) {
    std::vector<store::RecordView>& records = records_[next_++ % records_.size()];
    const std::int64_t now = clock_.now_unix_ns();
    for (std::size_t i = 0; i < count; ++i) {
      records[i].observed_unix_ns = now + static_cast<std::int64_t>(i) * 1000;
    }
    return {.pipeline = "till-1",
            .source = "journal",
            .records = std::span(records).first(count),
            .checkpoints = {},
            .events = {}};
  }

 private:
  static constexpr std::size_t kBatches = 16;

  SystemClock clock_;
  std::deque<std::string> texts_;
  std::vector<std::vector<store::RecordView>> records_;
  std::size_t next_ = 0;
};

// Seconds of processor time that the threads called `name` have had since the store was opened.
double thread_seconds(std::string_view name) {
  double seconds = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string text;
    std::getline(std::ifstream(task.path() / "stat"), text);
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (close == std::string::npos || text.substr(open + 1, close - open - 1) != name) {
      continue;
    }
    std::istringstream fields(text.substr(close + 2));  // from field 3 on
    std::string skipped;
    for (int i = 3; i < 14; ++i) {
      fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    seconds += (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
  return seconds;
}

class Bench final {
 public:
  explicit Bench(Arguments arguments) : arguments_(std::move(arguments)) {}

  Status run() {
    std::filesystem::remove_all(arguments_.directory);
    std::filesystem::create_directories(arguments_.directory);
    auto raw = RawDisk::create(arguments_.directory,
                               std::max<std::uint64_t>(arguments_.warm_bytes, 64_MiB));
    KIFA_TRY(raw.status());
    raw_ = &*raw;
    fmt::print(
        "kifa-store-bench: generated transactions of {} bytes in batches of {}, flush mode "
        "cautious, "
        "flush,\ncompaction and hashing on; raw is O_DIRECT and RWF_DSYNC into zeros, 1 MiB or 4 "
        "KiB, one "
        "in flight, same run.\n\n{:<50} {:>14} {:>8}  {}\n",
        kRecordBytes, kBatchRecords, "", "", "of raw", "goal");
    KIFA_TRY(bursts());
    KIFA_TRY(sustained());
    KIFA_TRY(singles());
    KIFA_TRY(many_waiters());
    KIFA_TRY(recovery());
    return {};
  }

 private:
  [[nodiscard]] std::string data() const { return arguments_.directory + "/data"; }

  Result<std::unique_ptr<store::Store>> open(
      const std::function<void(store::StoreOptions&)>& change = [](store::StoreOptions&) {}) {
    store::StoreOptions options{.directory = data()};
    change(options);
    return store::Store::open(options, {.files = io::posix_file_system(), .clock = clock_});
  }

  // Appends about `bytes` of payload as fast as the store takes them and waits for the last.
  Result<double> append_all(store::Store& store, std::uint64_t bytes) {
    const auto start = SteadyClock::now();
    std::atomic<bool> failed{false};
    for (std::uint64_t sent = 0; sent < bytes; sent += kBatchRecords * kRecordBytes) {
      KIFA_TRY(store.append(transactions_.batch(kBatchRecords), [&](const store::Receipt& receipt) {
        failed = failed || !receipt.status;
      }));
    }
    KIFA_TRY(store.flush(std::chrono::minutes(10)));
    return failed ? Result<double>(Status(Code::io, "an append failed"))
                  : Result<double>(static_cast<double>(bytes) / seconds_since(start));
  }

  void print_rate(std::string_view what, double rate, double raw, std::string_view goal) {
    fmt::print("{:<50} {:>8.0f} MiB/s {:>8.2f}  {}\n", what, rate / kMebi, rate / raw, goal);
  }

  Status bursts() {
    const auto raw = raw_->bandwidth();
    KIFA_TRY(raw.status());
    print_rate("raw 1 MiB writes", *raw, *raw, "");
    std::filesystem::remove_all(data());
    auto store = open();
    KIFA_TRY(store.status());
    const auto cold = append_all(**store, arguments_.warm_bytes);
    KIFA_TRY(cold.status());
    print_rate("burst into a new store (no spare segments)", *cold, *raw, "at least 0.3");
    // What was just written is flushed and its segments become spares.
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const auto warm = append_all(**store, arguments_.warm_bytes);
    KIFA_TRY(warm.status());
    print_rate("burst into spare segments", *warm, *raw, "at least 0.5");
    return (*store)->close();
  }

  Status sustained() {
    const auto raw = raw_->bandwidth();
    KIFA_TRY(raw.status());
    std::filesystem::remove_all(data());
    auto store = open();
    KIFA_TRY(store.status());
    const double cpu = cpu_seconds();
    rusage before{};
    ::getrusage(RUSAGE_THREAD, &before);
    const double own_before = seconds_of(before);
    const auto start = SteadyClock::now();
    const auto rate = append_all(**store, arguments_.sustained_bytes);
    KIFA_TRY(rate.status());
    const double used = cpu_seconds() - cpu;
    const double tables = thread_seconds("kifa-tables");
    const double log = thread_seconds("kifa-log") + thread_seconds("kifa-segments");
    rusage own{};
    ::getrusage(RUSAGE_THREAD, &own);
    const double appending = seconds_of(own) - own_before;
    KIFA_TRY((*store)->close());
    const double wall = seconds_since(start);
    store->reset();
    const double payload = static_cast<double>(arguments_.sustained_bytes);
    print_rate(fmt::format("sustained, {:.0f} MiB, until all is durable", payload / kMebi), *rate,
               *raw, "at least 0.12");
    print_rate("  the same until it is closed", payload / wall, *raw, "");
    const double gibi = payload / 1024 / kMebi;
    fmt::print(
        "{:<50} {:>10.2f} s/GiB\n    appending {:.2f}, log and spares {:.2f}, tables {:.2f}, "
        "reading "
        "ahead and hashing {:.2f}\n",
        "  processor time", used / gibi, appending / gibi, log / gibi, tables / gibi,
        (used - appending - log - tables) / gibi);
    const auto opened = SteadyClock::now();
    auto reader = store::Reader::open(data(), io::posix_file_system());
    KIFA_TRY(reader.status());
    const auto stats = (*reader)->stats();
    KIFA_TRY(stats.status());
    fmt::print("{:<50} {:>12.1f} ms\n", "  a reader opens it", seconds_since(opened) * 1000);
    fmt::print("{:<50} {:>14.2f} {:>8}  {}\n", "  bytes stored for each byte of payload",
               static_cast<double>(stats->table_bytes + stats->log_bytes) / payload, "",
               "at most 0.3");
    fmt::print("{:<50} {:>14.2f} {:>8}  {}\n", "  bytes written for each, with zero-fill",
               static_cast<double>(stats->written_bytes) / payload, "", "at most 1.6");
    const auto again = SteadyClock::now();
    auto clean = open();
    KIFA_TRY(clean.status());
    fmt::print("{:<50} {:>12.1f} ms {:>8}  {}\n", "  the store opens after a clean close",
               seconds_since(again) * 1000, "", "under 100 ms");
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    fmt::print("{:<50} {:>11.0f} MiB\n", "  most memory of this process so far",
               static_cast<double>(usage.ru_maxrss) / 1024);
    return (*clean)->close();
  }

  Status singles() {
    const auto raw = raw_->latency(arguments_.singles);
    KIFA_TRY(raw.status());
    std::filesystem::remove_all(data());
    auto store = open();
    KIFA_TRY(store.status());
    std::vector<double> times(arguments_.singles);
    for (double& time : times) {
      const auto start = SteadyClock::now();
      KIFA_TRY((*store)->append_durable(transactions_.batch(1)).status());
      time = Microseconds(SteadyClock::now() - start).count();
    }
    const Latency latency = latency_of(std::move(times));
    fmt::print("{:<50} {:>11.0f} us {:>8.2f}\n", "raw 4 KiB write, p50", raw->p50, 1.0);
    fmt::print("{:<50} {:>11.0f} us {:>8.2f}  at most 1.15\n", "one record until durable, p50",
               latency.p50, latency.p50 / raw->p50);
    fmt::print("{:<50} {:>11.0f} us {:>8.2f}  at most 1.5\n", "one record until durable, p99",
               latency.p99, latency.p99 / raw->p99);
    return (*store)->close();
  }

  Status many_waiters() {
    const auto raw = raw_->latency(arguments_.singles);
    KIFA_TRY(raw.status());
    std::filesystem::remove_all(data());
    auto store = open();
    KIFA_TRY(store.status());
    std::atomic<std::uint64_t> failures{0};
    const auto start = SteadyClock::now();
    {
      std::vector<std::jthread> waiters;
      for (unsigned i = 0; i < kWaiters; ++i) {
        waiters.emplace_back([&] {
          Transactions own(1);
          for (std::uint32_t n = 0; n < arguments_.singles; ++n) {
            failures += (*store)->append_durable(own.batch(1)) ? 0 : 1;
          }
        });
      }
    }
    const double rate = kWaiters * static_cast<double>(arguments_.singles) / seconds_since(start);
    const double raw_rate = 1e6 / raw->p50;
    fmt::print("{:<50} {:>8.0f} rec/s {:>8.1f}  at least 12\n",
               fmt::format("{} threads, each waiting for its own record", kWaiters), rate,
               rate / raw_rate);
    KIFA_TRY((*store)->close());
    return failures == 0 ? Status() : Status(Code::io, "an append failed");
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
    const auto start = SteadyClock::now();
    auto store = open();
    KIFA_TRY(store.status());
    fmt::print("{:<50} {:>12.0f} ms {:>8}  {}\n",
               fmt::format("recovery after kill -9 with {:.0f} MiB of log",
                           static_cast<double>(arguments_.recovery_bytes) / kMebi),
               seconds_since(start) * 1000, "", "under 1000 ms");
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
      arguments.warm_bytes = 8_MiB;
      arguments.recovery_bytes = 8_MiB;
      arguments.singles = 20;
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
