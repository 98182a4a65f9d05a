// crash-test: does this machine keep what kifa's store acknowledges?
//
// A process appends numbered records to a store. It is killed at a random moment (or the power of
// its file system is cut), and everything that it was told to be durable must be there: in order,
// once, with the same bytes. Then the next one opens the store and goes on.
//
// Exits: 0 every cycle passed; 1 something acknowledged is missing or wrong; 2 the test could not
// be carried out, or a cycle said nothing.

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "examples/crash-test/cycle.hpp"

namespace {

constexpr int kExitLost = 1;
constexpr int kExitNotRun = 2;
constexpr std::uint64_t kCheckAllEvery = 10;  // cycles

constexpr const char* kUsage =
    "usage: crash-test --dir DIR [--cycles N] [--flush-mode MODE] [--seed N] [--power-cut TYPE]\n"
    "\n"
    "  --dir DIR          a folder on the disk to be tested; made if it is not there\n"
    "  --cycles N         crashes; 20 if not given\n"
    "  --flush-mode MODE  normal, cautious (if not given) or emergency\n"
    "  --seed N           repeats the random moments of an earlier run, roughly\n"
    "  --power-cut TYPE   ext4 or xfs: cuts the power of such a file system, in a file in DIR, "
    "instead\n"
    "                     of killing the process; needs root, loop devices and mkfs\n";

struct Arguments {
  std::string directory;
  std::uint64_t cycles = 20;
  std::uint64_t seed = std::random_device{}();
  kifa::store::FlushMode flush_mode = kifa::store::FlushMode::cautious;
  std::string power_cut;
};

bool take_number(std::string_view text, std::uint64_t& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

std::optional<Arguments> arguments_from(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = words[i];
    if (i + 1 == count) {
      return std::nullopt;
    }
    const std::string value = words[i + 1];
    bool is_good = true;
    if (name == "--dir") {
      arguments.directory = value;
    } else if (name == "--cycles") {
      is_good = take_number(value, arguments.cycles) && arguments.cycles != 0;
    } else if (name == "--seed") {
      is_good = take_number(value, arguments.seed);
    } else if (name == "--power-cut") {
      arguments.power_cut = value;
    } else if (name == "--flush-mode") {
      const auto mode = kifa::store::flush_mode_from(value);
      is_good = mode.has_value();
      arguments.flush_mode = mode.value_or(arguments.flush_mode);
    } else {
      is_good = false;
    }
    if (!is_good) {
      return std::nullopt;
    }
  }
  return arguments.directory.empty() ? std::nullopt : std::optional(arguments);
}

struct Tally {
  std::uint64_t passed = 0;
  std::uint64_t invalid = 0;
  std::uint64_t acknowledged = 0;
};

// Returns the exit code.
int run_cycles(const Arguments& arguments, crash::Cycles& cycles, Tally& tally) {
  for (std::uint64_t cycle = 1; cycle <= arguments.cycles; ++cycle) {
    const bool checks_all = cycle % kCheckAllEvery == 0 || cycle == arguments.cycles;
    const crash::Cycles::Outcome outcome = cycles.run(checks_all);
    std::printf("cycle %llu of %llu: ", static_cast<unsigned long long>(cycle),
                static_cast<unsigned long long>(arguments.cycles));
    if (!outcome.obstacle) {
      std::printf("NOT RUN: %s\n", outcome.obstacle.message().c_str());
      return kExitNotRun;
    }
    if (!outcome.violation.empty()) {
      std::printf("LOST: %s\n", outcome.violation.c_str());
      return kExitLost;
    }
    if (outcome.acknowledged == 0) {
      ++tally.invalid;
      std::printf("invalid, nothing was acknowledged\n");
    } else {
      ++tally.passed;
      tally.acknowledged += outcome.acknowledged;
      std::printf("ok, %llu acknowledged, %llu in the store\n",
                  static_cast<unsigned long long>(outcome.acknowledged),
                  static_cast<unsigned long long>(outcome.records));
    }
    std::fflush(stdout);
  }
  return tally.invalid == 0 ? 0 : kExitNotRun;
}

void tell_verdict(const Arguments& arguments, int exit_code, const Tally& tally) {
  const char* verdict = exit_code == 0           ? "PASSED"
                        : exit_code == kExitLost ? "FAILED"
                                                 : "NOT PROVEN";
  std::printf(
      "%s: %llu of %llu cycles passed, %llu invalid, %llu records acknowledged; seed %llu\n",
      verdict, static_cast<unsigned long long>(tally.passed),
      static_cast<unsigned long long>(arguments.cycles),
      static_cast<unsigned long long>(tally.invalid),
      static_cast<unsigned long long>(tally.acknowledged),
      static_cast<unsigned long long>(arguments.seed));
  if (exit_code == kExitLost) {
    std::printf("What is left stays in %s.\n", arguments.directory.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = arguments_from(argc, argv);
  if (!arguments) {
    std::fputs(kUsage, stderr);
    return kExitNotRun;
  }
  if (::mkdir(arguments->directory.c_str(), 0700) != 0 && errno != EEXIST) {
    std::perror(("crash-test: cannot make " + arguments->directory).c_str());
    return kExitNotRun;
  }
  std::string base = arguments->directory;
  std::unique_ptr<crash::LoopDisk> disk;
  if (!arguments->power_cut.empty()) {
    auto made = crash::LoopDisk::create(arguments->directory, arguments->power_cut);
    if (!made) {
      std::fprintf(stderr,
                   "crash-test: THE POWER CANNOT BE CUT HERE, NOTHING WAS TESTED: %s\n"
                   "crash-test: without --power-cut the process is killed instead\n",
                   made.error().message().c_str());
      return kExitNotRun;
    }
    disk = std::move(*made);
    base = disk->path();
  }
  const std::string directory = base + "/store";
  if (::access(directory.c_str(), F_OK) == 0) {
    std::fprintf(stderr, "crash-test: %s is there already; remove it or give another --dir\n",
                 directory.c_str());
    return kExitNotRun;
  }
  crash::Cycles cycles(
      {.directory = directory, .flush_mode = arguments->flush_mode, .seed = arguments->seed},
      disk.get());
  Tally tally;
  const int exit_code = run_cycles(*arguments, cycles, tally);
  tell_verdict(*arguments, exit_code, tally);
  if (disk && exit_code == kExitLost) {
    disk->keep_image();
  }
  return exit_code;
}
