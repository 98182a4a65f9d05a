#include <cerrno>
#include <string>

#include <fmt/format.h>

#include "tests/crash/flight.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"

namespace crash = kifa::crash;

namespace {

void sweep_flight(const crash::Flight& flight) {
  INFO(flight.violation());
  REQUIRE(flight.violation().empty());
  const crash::SweepResult result =
      crash::sweep(flight.files(), flight.history(), flight.store_options(),
                   {.seeds = crash::setting("KIFA_CRASH_SEEDS", crash::is_sanitized() ? 2 : 6),
                    .nested_every = crash::is_sanitized() ? 400U : 80U});
  INFO(result.violation);
  REQUIRE(result.violation.empty());
  WARN(fmt::format("{} crash states at {} places, 0 violations", result.states, result.points));
}

void sweep_flight(const crash::FlightPlan& plan) {
  crash::Flight flight(plan);
  flight.run();
  sweep_flight(flight);
}

}  // namespace

TEST_CASE("of two writes in flight the later is acknowledged after the earlier", "[crash]") {
  sweep_flight({});
  sweep_flight({.more = 4});
  sweep_flight({.before = 3});  // in two segments
}

TEST_CASE("of two writes in flight the earlier may fail", "[crash]") {
  sweep_flight({.first_errno = EIO});
}

TEST_CASE("of two writes in flight the later may fail", "[crash]") {
  sweep_flight({.second_errno = EIO});
}

TEST_CASE("two writes in flight may both fail", "[crash]") {
  sweep_flight({.first_errno = EIO, .second_errno = EIO, .more = 1});
}

TEST_CASE("a write in flight without space is written again to its place", "[crash]") {
  sweep_flight({.second_errno = ENOSPC});
}

TEST_CASE("a power cut beside several producers loses nothing acknowledged", "[crash]") {
  for (const kifa::store::FlushMode mode :
       {kifa::store::FlushMode::cautious, kifa::store::FlushMode::normal}) {
    for (std::uint64_t seed = 1; seed <= crash::setting("KIFA_CRASH_WORKLOADS", 1); ++seed) {
      crash::Flight flight({.flush_mode = mode});
      flight.run_producers(seed);
      sweep_flight(flight);
    }
  }
}
