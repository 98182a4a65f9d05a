#include <cstdint>
#include <random>
#include <string>

#include "examples/crash-test/check.hpp"
#include "examples/crash-test/cycle.hpp"
#include "tests/realfs/loop_disk_or_skip.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// The cycles of examples/crash-test: the power goes, or the process, in the middle of the work.
namespace crash {
namespace {

#ifdef KIFA_TEST_SMALL
constexpr int kCycles = 3;
#else
constexpr int kCycles = 8;
#endif

// Returns the records that are left.
std::uint64_t run_cycles(Cycles& cycles, int count) {
  std::uint64_t records = 0;
  for (int cycle = 1; cycle <= count; ++cycle) {
    const Cycles::Outcome outcome = cycles.run(cycle == count);
    INFO("cycle " << cycle << ": " << outcome.obstacle.message() << outcome.violation);
    REQUIRE(outcome.obstacle);
    REQUIRE(outcome.violation.empty());
    REQUIRE(outcome.acknowledged > 0);
    records = outcome.records;
  }
  return records;
}

void cut_in_every_mode(const std::string& type) {
  for (const auto mode : {kifa::store::FlushMode::cautious, kifa::store::FlushMode::normal,
                          kifa::store::FlushMode::emergency}) {
    const std::uint64_t seed = std::random_device{}();
    INFO(type << ", " << to_string(mode) << ", seed " << seed);
    const kifa::test::TemporaryDirectory directory;
    const auto disk = kifa::test::loop_disk_or_skip(directory.path(), type);
    if (!disk) {
      return;
    }
    Cycles cycles({.directory = disk->path() + "/store", .flush_mode = mode, .seed = seed},
                  disk.get());
    run_cycles(cycles, kCycles);
  }
}

TEST_CASE("on ext4 the power may go at any moment", "[realfs]") { cut_in_every_mode("ext4"); }

TEST_CASE("on xfs the power may go at any moment", "[realfs]") { cut_in_every_mode("xfs"); }

TEST_CASE("the check of crash-test finds what is missing, changed or invented", "[crash-test]") {
  const kifa::test::TemporaryDirectory directory;
  const std::string store = directory.file("store");
  Cycles cycles({.directory = store, .seed = 7}, nullptr);
  const std::uint64_t records = run_cycles(cycles, 1);
  const Expected good{.seed = 7, .acknowledged = records, .attempted = records};
  CHECK(check_store(store, good).violation.empty());
  Expected more = good;
  more.acknowledged = records + 1;
  more.attempted = records + 1;
  CHECK(check_store(store, more).violation.find("was acknowledged") != std::string::npos);
  Expected other = good;
  other.seed = 8;
  CHECK(check_store(store, other).violation.find("other bytes") != std::string::npos);
  Expected fewer = good;
  fewer.attempted = records - 1;
  CHECK(check_store(store, fewer).violation.find("never offered") != std::string::npos);
}

}  // namespace
}  // namespace crash
