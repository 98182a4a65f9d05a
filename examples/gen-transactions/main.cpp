// gen-transactions: prints invented transactions of shops and mobile-money agents, the same for the
// same seed.
//
// Exits: 0 all printed, or the reader went away; 64 usage; 74 cannot write.

#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

#include "examples/gen-transactions/output.hpp"
#include "examples/gen-transactions/stream.hpp"

namespace {

constexpr int kExitUsage = 64;
constexpr int kExitWrite = 74;
constexpr std::size_t kWriteBytes = std::size_t{256} << 10U;

struct Arguments {
  std::uint64_t count = 1000;
  std::uint64_t rate = 0;
  std::string format = "json";
  gen::StreamOptions stream;
};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void wait_until(std::int64_t mono_ns) {
  const timespec until{.tv_sec = mono_ns / 1'000'000'000, .tv_nsec = mono_ns % 1'000'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

// Prints `count` records and returns the exit code.
int print_records(const Arguments& arguments) {
  gen::RecordStream stream(arguments.stream);
  gen::Pacer pacer(arguments.rate, now_ns());
  std::uint64_t left =
      arguments.count > 0 ? arguments.count : std::numeric_limits<std::uint64_t>::max();
  while (left > 0) {
    std::uint64_t allowed = left;
    if (arguments.rate > 0) {
      allowed = std::min(left, pacer.available(now_ns()));
      if (allowed == 0) {
        wait_until(pacer.next_ns());
        continue;
      }
    }
    const gen::RecordStream::Piece piece = stream.next(allowed, kWriteBytes);
    switch (gen::write_all(STDOUT_FILENO, piece.bytes)) {
      case gen::Written::all:
        break;
      case gen::Written::reader_gone:
        return 0;
      case gen::Written::failed:
        std::fprintf(stderr, "gen-transactions: cannot write to standard output: %s\n",
                     std::strerror(errno));
        return kExitWrite;
    }
    pacer.take(arguments.rate > 0 ? piece.records : 0);
    if (arguments.count > 0) {
      left -= piece.records;
    }
  }
  return 0;
}

void declare_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--count", arguments.count, "Records to print; 0: without end")
      ->capture_default_str();
  app.add_option("--seed", arguments.stream.seed, "The same seed gives the same bytes everywhere")
      ->capture_default_str();
  app.add_option("--rate", arguments.rate, "Records a second; 0: as fast as possible")
      ->check(CLI::Range(std::uint64_t{0}, gen::Pacer::kRateMax))
      ->capture_default_str();
  app.add_option("--size", arguments.stream.size,
                 "Exact bytes of every record with its end (json: at least " +
                     std::to_string(gen::kJsonBytesMin) + ", receipt: at least " +
                     std::to_string(gen::kReceiptBytesMin) + "); 0: as it comes")
      ->capture_default_str();
  app.add_option(
         "--format", arguments.format,
         "json: one object a line; receipt: lines of text, each receipt ended by a form feed")
      ->check(CLI::IsMember({"json", "receipt"}))
      ->capture_default_str();
}

// Returns the sentence that says what is wrong, or nothing.
std::string problem_of(const Arguments& arguments) {
  const std::size_t size = arguments.stream.size;
  const std::size_t least =
      arguments.stream.format == gen::Format::json ? gen::kJsonBytesMin : gen::kReceiptBytesMin;
  if (size != 0 && (size < least || size > gen::kRecordBytesMax)) {
    return "--size " + std::to_string(size) + " is outside " + std::to_string(least) + " to " +
           std::to_string(gen::kRecordBytesMax) + " bytes for --format " + arguments.format;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Arguments arguments;
  CLI::App app("Prints invented transactions of shops and mobile-money agents.",
               "gen-transactions");
  declare_options(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  arguments.stream.format = arguments.format == "json" ? gen::Format::json : gen::Format::receipt;
  if (const std::string problem = problem_of(arguments); !problem.empty()) {
    std::fprintf(stderr, "gen-transactions: %s\n", problem.c_str());
    return kExitUsage;
  }
  return print_records(arguments);
}
