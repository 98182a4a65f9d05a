// kifa-bench: what durability costs on this disk, in one table.
//
// Every round measures the raw disk and then kifa on the same disk; the table shows the medians
// over the rounds, and the median of the rounds' ratios.

#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "tests/bench/measure.hpp"
#include "tests/bench/raw_disk.hpp"

namespace kifa::bench {
namespace {

constexpr double kMebi = 1024.0 * 1024.0;
constexpr std::uint32_t kRounds = 5;
constexpr std::uint64_t kQuickBytes = 8_MiB;
constexpr std::uint32_t kQuickCount = 50;

constexpr std::string_view kUsage =
    R"(usage: kifa-bench [--quick] [--dir DIR] [--rounds N] [--mib N] [--kifa FILE] [--plugins DIR]

  --quick        one round of small sizes: shows that it works, measures nothing
  --dir DIR      the folder to measure in (it makes and removes kifa-bench-data there); default: .
  --rounds N     interleaved rounds; default 5
  --mib N        MiB of payload in each bulk measurement; default 1024
  --kifa FILE    the kifa to measure; default: ../bin/kifa beside this program
  --plugins DIR  folder of bench_till.kifa.so; default: bench-plugins beside this program
)";

struct Round {
  double raw_bandwidth = 0;
  double raw_huge_bandwidth = 0;
  BulkRate bulk;
  Latency raw;
  Latency append;
  Latency pipeline;
};

Result<Round> run_round(const Setup& setup, RawDisk& disk) {
  Round round;
  const auto keep = [](auto& into, auto result) {
    if (result.has_value()) {
      into = *result;
    }
    return result.status();
  };
  KIFA_TRY(keep(round.raw_bandwidth, disk.bandwidth()));
  KIFA_TRY(keep(round.raw_huge_bandwidth, disk.bandwidth(RawDisk::Memory::huge_page)));
  KIFA_TRY(keep(round.bulk, measure_bulk_ingest(setup)));
  KIFA_TRY(keep(round.raw, disk.latency(setup.single_count)));
  KIFA_TRY(keep(round.append, measure_append_durable(setup)));
  KIFA_TRY(keep(round.pipeline, measure_read_to_acknowledgement(setup)));
  return round;
}

template <class Pick>
double median_of(const std::vector<Round>& rounds, const Pick& pick) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Round& round : rounds) {
    values.push_back(pick(round));
  }
  return median(values);
}

void print_latency(std::string_view name, const std::vector<Round>& rounds, Latency Round::* which,
                   std::string_view goal) {
  const double p50 = median_of(rounds, [&](const Round& r) { return (r.*which).p50; });
  const double p99 = median_of(rounds, [&](const Round& r) { return (r.*which).p99; });
  const double ratio =
      median_of(rounds, [&](const Round& r) { return (r.*which).p50 / r.raw.p50; });
  fmt::print("{:<46} {:>8.0f} us {:>8.0f} us {:>8.2f}  {}\n", name, p50, p99, ratio, goal);
}

void print_table(const Setup& setup, const std::vector<Round>& rounds) {
  fmt::print("\n{:<46} {:>11} {:>11} {:>8}  {}\n", "bandwidth", "payload", "records/s", "of raw",
             "goal");
  fmt::print("{:<46} {:>6.0f} MiB/s {:>10} {:>8.2f}\n", "raw 1 MiB writes, one in flight",
             median_of(rounds, [](const Round& r) { return r.raw_bandwidth / kMebi; }), "", 1.0);
  fmt::print(
      "{:<46} {:>6.0f} MiB/s {:>10} {:>8.2f}\n", "the same from a huge page",
      median_of(rounds, [](const Round& r) { return r.raw_huge_bandwidth / kMebi; }), "",
      median_of(rounds, [](const Round& r) { return r.raw_huge_bandwidth / r.raw_bandwidth; }));
  fmt::print(
      "{:<46} {:>6.0f} MiB/s {:>10.0f} {:>8.2f}  at least 0.25\n",
      fmt::format("kifa daemon --stdin, {}-byte lines", setup.record_bytes),
      median_of(rounds, [](const Round& r) { return r.bulk.payload_bytes_per_second / kMebi; }),
      median_of(rounds, [](const Round& r) { return r.bulk.records_per_second; }),
      median_of(rounds,
                [](const Round& r) { return r.bulk.payload_bytes_per_second / r.raw_bandwidth; }));

  fmt::print("\n{:<46} {:>11} {:>11} {:>8}  {}\n", "one at a time", "p50", "p99", "of raw", "goal");
  print_latency("raw 4 KiB writes", rounds, &Round::raw, "");
  print_latency(fmt::format("append_durable, one record of {} bytes", setup.record_bytes), rounds,
                &Round::append, "at most 1.25");
  print_latency("from a source's read to its acknowledgement", rounds, &Round::pipeline,
                "at most 1.25");
}

Status run(const Setup& setup, std::uint32_t rounds) {
  std::filesystem::create_directories(setup.directory);
  const auto facts = io::posix_file_system().facts(setup.directory);
  KIFA_TRY(facts.status());
  Result<RawDisk> disk = RawDisk::create(setup.directory, setup.bulk_bytes);
  KIFA_TRY(disk.status());

  fmt::print(
      "kifa-bench: {} interleaved rounds, medians. Flush mode cautious; bulk {:.0f} MiB of "
      "payload, {} single writes a round.\nDisk: {} at {}; raw is pwritev2 with O_DIRECT and "
      "RWF_DSYNC into a zero-filled file.\n",
      rounds, static_cast<double>(setup.bulk_bytes) / kMebi, setup.single_count, facts->type_name,
      setup.directory);
  std::vector<Round> done;
  for (std::uint32_t i = 0; i < rounds; ++i) {
    Result<Round> round = run_round(setup, *disk);
    KIFA_TRY(round.status());
    done.push_back(*round);
    fmt::print(stderr,
               "round {} of {}: raw {:.0f} MiB/s, kifa {:.0f} MiB/s; raw {:.0f} us, append "
               "{:.0f} us, read to acknowledgement {:.0f} us\n",
               i + 1, rounds, round->raw_bandwidth / kMebi,
               round->bulk.payload_bytes_per_second / kMebi, round->raw.p50, round->append.p50,
               round->pipeline.p50);
  }
  print_table(setup, done);
  return {};
}

std::uint32_t number_from(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, failure] = std::from_chars(text.begin(), text.end(), number);
  if (failure != std::errc() || end != text.end() || number == 0) {
    fmt::print(stderr, "kifa-bench: '{}' is not a number above 0\n", text);
    std::exit(64);
  }
  return number;
}

struct Arguments {
  Setup setup;
  std::uint32_t rounds = kRounds;
};

Arguments parse(int argc, char** argv) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  Arguments arguments;
  Setup& setup = arguments.setup;
  setup.directory = ".";
  setup.kifa_path = here.parent_path() / "bin" / "kifa";
  setup.plugin_directory = here / "bench-plugins";
  constexpr option kOptions[] = {
      {"quick", no_argument, nullptr, 'q'},        {"dir", required_argument, nullptr, 'd'},
      {"rounds", required_argument, nullptr, 'r'}, {"mib", required_argument, nullptr, 'm'},
      {"kifa", required_argument, nullptr, 'k'},   {"plugins", required_argument, nullptr, 'p'},
      {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};
  for (int key = 0; (key = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (key) {
      case 'q':
        setup.bulk_bytes = kQuickBytes;
        setup.single_count = kQuickCount;
        arguments.rounds = 1;
        break;
      case 'd':
        setup.directory = optarg;
        break;
      case 'r':
        arguments.rounds = number_from(optarg);
        break;
      case 'm':
        setup.bulk_bytes = number_from(optarg) * 1_MiB;
        break;
      case 'k':
        setup.kifa_path = optarg;
        break;
      case 'p':
        setup.plugin_directory = optarg;
        break;
      default:
        fmt::print(key == 'h' ? stdout : stderr, "{}", kUsage);
        std::exit(key == 'h' ? 0 : 64);
    }
  }
  setup.directory = std::filesystem::absolute(setup.directory) / "kifa-bench-data";
  return arguments;
}

}  // namespace
}  // namespace kifa::bench

int main(int argc, char** argv) {
  const kifa::bench::Arguments arguments = kifa::bench::parse(argc, argv);
  const kifa::Status status = kifa::bench::run(arguments.setup, arguments.rounds);
  if (!status) {
    fmt::print(stderr, "kifa-bench: {}\n", status.message());
    return 1;
  }
  std::error_code ignored;
  std::filesystem::remove_all(arguments.setup.directory, ignored);
  return 0;
}
