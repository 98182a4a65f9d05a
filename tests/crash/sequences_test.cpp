#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "tests/crash/profiles.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/catch.hpp"

namespace crash = kifa::crash;
using crash::Step;

namespace {

constexpr std::array kLogSteps = {Step::append_tiny, Step::append_async, Step::append_large,
                                  Step::switch_mode, Step::reopen,       Step::abandon};
// A large batch is flushed at once, the second joined with the first, and idle time settles.
constexpr std::array kTableSteps = {Step::append_medium, Step::append_large, Step::idle,
                                    Step::switch_mode,   Step::reopen,       Step::abandon};
using Steps = std::array<Step, 6>;

// All sequences of up to so many steps.
std::vector<std::vector<Step>> sequences(const Steps& steps, int length_max) {
  std::vector<std::vector<Step>> all = {{}};
  std::size_t from = 0;
  for (int length = 1; length <= length_max; ++length) {
    const std::size_t to = all.size();
    for (; from < to; ++from) {
      for (const Step step : steps) {
        all.push_back(all[from]);
        all.back().push_back(step);
      }
    }
  }
  return all;
}

std::uint64_t sweep_sequences(const std::string& profile, const Steps& alphabet, int length_max) {
  std::uint64_t states = 0;
  std::uint64_t number = 0;
  const std::uint64_t stride = crash::is_sanitized() ? 17 : 1;
  for (const std::vector<Step>& steps : sequences(alphabet, length_max)) {
    if (number++ % stride != 0) {
      continue;
    }
    CAPTURE(profile, number);
    crash::Workload workload(crash::profile(profile), number);
    workload.run(steps);
    INFO(workload.violation());
    REQUIRE(workload.violation().empty());
    const crash::SweepResult result =
        crash::sweep(workload.files(), workload.history(), workload.store_options(),
                     {.seeds = crash::setting("KIFA_CRASH_SEEDS", 2), .nested_every = 0});
    INFO(result.violation);
    REQUIRE(result.violation.empty());
    states += result.states;
  }
  return states;
}

}  // namespace

TEST_CASE("no sequence of three operations loses anything acknowledged", "[crash]") {
  WARN(fmt::format("{} crash states", sweep_sequences("append", kLogSteps, 3)));
}

TEST_CASE("no sequence of operations in normal mode loses anything acknowledged", "[crash]") {
  WARN(fmt::format("{} crash states",
                   sweep_sequences("normal mode", kLogSteps,
                                   crash::setting("KIFA_CRASH_SEEDS", 0) != 0 ? 3 : 2)));
}

TEST_CASE("no sequence of operations on a store with tables loses anything acknowledged",
          "[crash]") {
  WARN(fmt::format(
      "{} crash states",
      sweep_sequences("tables", kTableSteps, crash::setting("KIFA_CRASH_SEEDS", 0) != 0 ? 3 : 2)));
}
