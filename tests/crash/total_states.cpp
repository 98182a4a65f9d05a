#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 2: listeners outside of main

#include <iostream>

#include <fmt/format.h>

#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"

// Says at the end of a run how many crash states all of its tests together have recovered.
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
    if (const std::uint64_t states = kifa::crash::states_so_far(); states != 0) {
      std::cerr << fmt::format("{} crash states in all, {} of {} tests failed\n", states,
                               run.totals.testCases.failed, run.totals.testCases.total());
    }
  }
};

CATCH_REGISTER_LISTENER(TotalStates)

}  // namespace
