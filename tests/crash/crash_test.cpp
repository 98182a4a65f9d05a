#include <string>

#include <fmt/format.h>

#include "tests/crash/profiles.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/catch.hpp"

namespace crash = kifa::crash;

namespace {

constexpr std::uint64_t kSeeds = 4;  // the long form: 40
constexpr std::uint64_t kWorkloads = 1;

void sweep_profile(const std::string& name, crash::CrashKind kind = crash::CrashKind::power_cut) {
  const std::uint64_t workloads = crash::setting("KIFA_CRASH_WORKLOADS", kWorkloads);
  std::uint64_t states = 0;
  std::uint64_t points = 0;
  for (std::uint64_t seed = 1; seed <= workloads; ++seed) {
    CAPTURE(name, seed);
    crash::Workload workload(crash::profile(name), seed);
    workload.run();
    INFO(workload.violation());
    REQUIRE(workload.violation().empty());
    const crash::SweepResult result = crash::sweep(
        workload.files(), workload.history(), workload.store_options(),
        {.kind = kind,
         .seeds = crash::setting("KIFA_CRASH_SEEDS", crash::is_sanitized() ? 2 : kSeeds),
         .nested_every = crash::is_sanitized() ? 400U : 60U});
    INFO(result.violation);
    REQUIRE(result.violation.empty());
    states += result.states;
    points += result.points;
  }
  WARN(fmt::format("{}: {} crash states at {} places, 0 violations", name, states, points));
}

}  // namespace

TEST_CASE("a power cut while appending loses nothing acknowledged", "[crash]") {
  sweep_profile("append");
}
TEST_CASE("a power cut in a rotation loses nothing acknowledged", "[crash]") {
  sweep_profile("rotate");
}
TEST_CASE("a power cut in normal mode loses nothing acknowledged", "[crash]") {
  sweep_profile("normal mode");
}
TEST_CASE("a power cut in a rotation in normal mode loses nothing acknowledged", "[crash]") {
  sweep_profile("rotate in normal mode");
}
TEST_CASE("a power cut around a switch of the flush mode loses nothing acknowledged", "[crash]") {
  sweep_profile("mode switch");
}
TEST_CASE("a power cut around closing and opening loses nothing acknowledged", "[crash]") {
  sweep_profile("reopen");
}
TEST_CASE("a power cut around opening in normal mode loses nothing acknowledged", "[crash]") {
  sweep_profile("reopen in normal mode");
}
TEST_CASE("a power cut around write errors loses nothing acknowledged", "[crash]") {
  sweep_profile("write errors");
}
TEST_CASE("a power cut around write errors in normal mode loses nothing acknowledged", "[crash]") {
  sweep_profile("write errors in normal mode");
}
TEST_CASE("a power cut around errors and mode switches loses nothing acknowledged", "[crash]") {
  sweep_profile("errors and mode switch");
}
TEST_CASE("a power cut on a full disk loses nothing acknowledged", "[crash]") {
  sweep_profile("full disk");
}
TEST_CASE("a power cut without direct files loses nothing acknowledged", "[crash]") {
  sweep_profile("fallback without direct files");
}
TEST_CASE("a power cut without durable writes loses nothing acknowledged", "[crash]") {
  sweep_profile("fallback without durable writes");
}
TEST_CASE("a power cut around errors in the fallback loses nothing acknowledged", "[crash]") {
  sweep_profile("errors in the fallback");
}
TEST_CASE("a power cut beside helper threads loses nothing acknowledged", "[crash]") {
  sweep_profile("helper threads");
}
TEST_CASE("a power cut around flushing and joining tables loses nothing acknowledged", "[crash]") {
  sweep_profile("tables");
}
TEST_CASE("a power cut around tables in normal mode loses nothing acknowledged", "[crash]") {
  sweep_profile("tables in normal mode");
}
TEST_CASE("a power cut around tables of several segments loses nothing acknowledged", "[crash]") {
  sweep_profile("tables and rotation");
}
TEST_CASE("a power cut around opening a store with tables loses nothing acknowledged", "[crash]") {
  sweep_profile("tables and opening");
}
TEST_CASE("a power cut around tables and mode switches loses nothing acknowledged", "[crash]") {
  sweep_profile("tables and modes");
}
TEST_CASE("a power cut around tables and write errors loses nothing acknowledged", "[crash]") {
  sweep_profile("tables and errors");
}
TEST_CASE("a power cut around tables on a full disk loses nothing acknowledged", "[crash]") {
  sweep_profile("tables on a full disk");
}
TEST_CASE("a power cut around tables in a small budget loses nothing acknowledged", "[crash]") {
  sweep_profile("tables in a small budget");
}
TEST_CASE("a power cut around tables without direct files loses nothing acknowledged", "[crash]") {
  sweep_profile("tables in the fallback");
}
TEST_CASE("a power cut around retention loses nothing but what it may remove", "[crash]") {
  sweep_profile("retention");
}
TEST_CASE("a power cut around holds loses nothing that is held", "[crash]") {
  sweep_profile("retention and holds");
}
TEST_CASE("a power cut while the clock is wrong loses nothing acknowledged", "[crash]") {
  sweep_profile("a wrong clock");
}
TEST_CASE("a power cut beside a thread that makes tables loses nothing acknowledged", "[crash]") {
  sweep_profile("tables with helper threads");
}
TEST_CASE("a kill of the process loses nothing acknowledged, in any mode", "[crash]") {
  sweep_profile("rotate", crash::CrashKind::kill);
  sweep_profile("rotate in normal mode", crash::CrashKind::kill);
  sweep_profile("errors and mode switch", crash::CrashKind::kill);
  sweep_profile("fallback without direct files", crash::CrashKind::kill);
  sweep_profile("tables", crash::CrashKind::kill);
  sweep_profile("tables and opening", crash::CrashKind::kill);
  sweep_profile("retention and holds", crash::CrashKind::kill);
}
