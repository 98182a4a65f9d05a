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
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "examples/crash-test/arguments.hpp"
#include "examples/crash-test/cycle.hpp"

namespace {

using crash::Arguments;

constexpr int kExitLost = 1;
constexpr int kExitNotRun = 2;
constexpr std::uint64_t kCheckAllEvery = 10;  // cycles

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
}

// A file system that keeps what it is given in memory says nothing about a disk.
bool is_in_memory(const std::string& directory) {
  const auto facts = kifa::io::posix_file_system().facts(directory);
  return facts && facts->is_memory;
}

// Where the test takes place: a folder, and perhaps a disk of its own in it.
struct Place {
  std::string directory;  // of the store
  std::unique_ptr<crash::LoopDisk> disk;
  bool was_made = false;  // the folder was not there
};

kifa::Result<Place> prepare(const Arguments& arguments) {
  Place place;
  place.was_made = ::mkdir(arguments.directory.c_str(), 0700) == 0;
  if (!place.was_made && errno != EEXIST) {
    return kifa::Status::from_errno(errno, "cannot make " + arguments.directory);
  }
  std::string base = arguments.directory;
  const std::string earlier = base + (arguments.power_cut.empty() ? "/store" : "/disk.img");
  if (::access(earlier.c_str(), F_OK) == 0) {  // it may be evidence
    return kifa::Status(kifa::Code::invalid,
                        earlier + " is there already; remove it or give another --dir");
  }
  if (!arguments.power_cut.empty()) {
    auto made = crash::LoopDisk::create(arguments.directory, arguments.power_cut);
    if (!made) {
      if (place.was_made) {
        ::rmdir(arguments.directory.c_str());
      }
      return made.error().with_context(
          "THE POWER CANNOT BE CUT HERE, NOTHING WAS TESTED (without --power-cut the process is "
          "killed instead)");
    }
    place.disk = std::move(*made);
    base = place.disk->path();
  } else if (is_in_memory(base)) {
    std::fprintf(stderr,
                 "crash-test: %s is in memory: nothing in it survives power loss, and this says "
                 "nothing about a disk\n",
                 base.c_str());
  }
  place.directory = base + "/store";
  return place;
}

// What passed is of no use to anybody; what did not is evidence.
void clear_up(const Arguments& arguments, Place& place, int exit_code) {
  if (exit_code == 0 && !arguments.keep) {
    std::error_code failure;
    std::filesystem::remove_all(place.directory, failure);
    if (failure) {
      std::fprintf(stderr, "crash-test: cannot remove %s: %s\n", place.directory.c_str(),
                   failure.message().c_str());
    }
    place.disk.reset();
    if (place.was_made) {
      ::rmdir(arguments.directory.c_str());  // others may have put something there
    }
    return;
  }
  if (place.disk) {
    place.disk->keep_image();
  }
  std::printf("What is left stays in %s%s.\n",
              place.disk ? arguments.directory.c_str() : place.directory.c_str(),
              place.disk ? "/disk.img" : "");
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = crash::arguments_from(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "crash-test: %s (see `crash-test --help`)\n",
                 arguments.error().message().c_str());
    return kExitNotRun;
  }
  if (arguments->help) {
    return std::fputs(crash::kUsage, stdout) < 0 ? kExitNotRun : 0;
  }
  auto place = prepare(*arguments);
  if (!place) {
    std::fprintf(stderr, "crash-test: %s\n", place.error().message().c_str());
    return kExitNotRun;
  }
  crash::Cycles cycles(
      {.directory = place->directory, .flush_mode = arguments->flush_mode, .seed = arguments->seed},
      place->disk.get());
  Tally tally;
  const int exit_code = run_cycles(*arguments, cycles, tally);
  tell_verdict(*arguments, exit_code, tally);
  clear_up(*arguments, *place, exit_code);
  return exit_code;
}
