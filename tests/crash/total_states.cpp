#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 2: listeners outside of main

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>

#include <fmt/format.h>

#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"

// Says at the end of a run how many crash states all of its tests together have recovered, and adds
// a line to the file that KIFA_CRASH_COUNTS names: ctest runs every test by itself.
namespace {

#ifdef KIFA_CATCH2_V3
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

class TotalStates final : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testRunEnded(const Catch::TestRunStats& run) override {
    ListenerBase::testRunEnded(run);
    write_count(run.totals.testCases.passed);
    if (const std::uint64_t states = kifa::crash::states_so_far(); states != 0) {
      std::cerr << fmt::format("{} crash states in all, {} of {} tests failed\n", states,
                               run.totals.testCases.failed, run.totals.testCases.total());
    }
  }

 private:
  static void write_count(std::uint64_t cases) {
    const char* path = std::getenv("KIFA_CRASH_COUNTS");
    if (path == nullptr) {
      return;
    }
    const std::string line =
        fmt::format("{} test cases, {} states\n", cases, kifa::crash::states_so_far());
    // One write, so that tests that end together do not mix.
    const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ::write(file, line.data(), line.size()) != std::ssize(line)) {
      std::cerr << "cannot write " << path << '\n';
    }
    if (file >= 0) {
      ::close(file);
    }
  }
};

CATCH_REGISTER_LISTENER(TotalStates)

}  // namespace
