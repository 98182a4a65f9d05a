#include "core/store/mutants.hpp"

#include <cstdint>
#include <string>

#include "examples/crash-test/cycle.hpp"
#include "tests/realfs/loop_disk_or_skip.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::store {
Mutant active_mutant = Mutant::none;
}  // namespace kifa::store

// Cutting the power of a real file system finds faults, or it would prove nothing.
namespace crash {
namespace {

constexpr int kCyclesMax = 10;

// The violation that the first cycles end in when frames are acknowledged without a flush of the
// disk; empty: there is none.
std::string violation_without_flush(const std::string& type) {
  const kifa::test::TemporaryDirectory directory;
  const auto disk = kifa::test::loop_disk_or_skip(directory.path(), type);
  if (!disk) {
    return "not tested";
  }
  kifa::store::active_mutant = kifa::store::Mutant::acknowledge_before_sync;
  Cycles cycles({.directory = disk->path() + "/store", .seed = 7}, disk.get());
  std::string violation;
  for (int cycle = 1; cycle <= kCyclesMax && violation.empty(); ++cycle) {
    const Cycles::Outcome outcome = cycles.run(true);
    INFO(outcome.obstacle.message());
    REQUIRE(outcome.obstacle);
    violation = outcome.violation;
  }
  kifa::store::active_mutant = kifa::store::Mutant::none;
  return violation;
}

TEST_CASE("an acknowledgement without a flush is found out on ext4", "[realfs]") {
  const std::string violation = violation_without_flush("ext4");
  CHECK_FALSE(violation.empty());
}

TEST_CASE("an acknowledgement without a flush is found out on xfs", "[realfs]") {
  const std::string violation = violation_without_flush("xfs");
  CHECK_FALSE(violation.empty());
}

}  // namespace
}  // namespace crash
