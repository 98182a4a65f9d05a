#include <cerrno>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/store/mutants.hpp"
#include "tests/crash/flight.hpp"
#include "tests/crash/profiles.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store {
Mutant active_mutant = Mutant::none;
}  // namespace kifa::store

namespace crash = kifa::crash;
using kifa::store::Mutant;

namespace {

// Switches one fault on for a scope.
class Active final {
 public:
  explicit Active(Mutant mutant) { kifa::store::active_mutant = mutant; }
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
  ~Active() { kifa::store::active_mutant = Mutant::none; }
};

constexpr crash::SweepOptions kPowerCut = {.seeds = 12, .nested_every = 10};
constexpr crash::SweepOptions kKill = {
    .kind = crash::CrashKind::kill, .seeds = 6, .nested_every = 3, .nested_points = 20};
constexpr std::uint64_t kWorkloads = 6;

std::string violation_in(const std::string& profile, const crash::SweepOptions& options,
                         const std::vector<crash::Step>& steps = {}) {
  for (std::uint64_t seed = 1; seed <= kWorkloads; ++seed) {
    crash::Workload workload(crash::profile(profile), seed);
    if (steps.empty()) {
      workload.run();
    } else {
      workload.run(steps);
    }
    if (!workload.violation().empty()) {
      return fmt::format("{}, run {}: {}", profile, seed, workload.violation());
    }
    const crash::SweepResult result =
        crash::sweep(workload.files(), workload.history(), workload.store_options(), options);
    if (!result.violation.empty()) {
      return fmt::format("{}, run {}, state {}: {}", profile, seed, result.states,
                         result.violation);
    }
  }
  return {};
}

std::string violation_in(const crash::FlightPlan& plan) {
  crash::Flight flight(plan);
  flight.run();
  if (!flight.violation().empty()) {
    return flight.violation();
  }
  return crash::sweep(flight.files(), flight.history(), flight.store_options(), {.seeds = 40})
      .violation;
}

// Whatever finds the fault, its sentence is printed: it must be about this fault and no other.
void report(const std::string& violation) {
  REQUIRE_FALSE(violation.empty());
  WARN(violation.substr(0, violation.find('\n')));
}

}  // namespace

TEST_CASE("the store without a fault passes what the mutants do not", "[crash][mutants]") {
  CHECK(violation_in({.first_errno = EIO, .second_errno = EIO, .more = 2}).empty());
}

TEST_CASE("an acknowledgement before the sync is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::acknowledge_before_sync);
  report(violation_in("append", kPowerCut));
}

TEST_CASE("a missing sync of the directory is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::no_directory_sync);
  report(violation_in("rotate", kPowerCut));
}

TEST_CASE("an epoch that is left out of the frame check is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::epoch_not_checked);
  report(violation_in("write errors", kPowerCut));
}

TEST_CASE("a rewritten half-filled block is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::half_block_rewritten);
  report(violation_in("append", kPowerCut));
}

TEST_CASE("a retried sync is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::sync_retried);
  using crash::Step;
  report(violation_in("normal mode", kPowerCut,
                      {Step::append_async, Step::sync_fails, Step::flush, Step::append_async}));
}

TEST_CASE("an append into the segment that recovery has read is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::append_into_torn_segment);
  report(violation_in("normal mode", kKill));
}

TEST_CASE("an acknowledgement out of order is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::acknowledge_out_of_order);
  report(violation_in(crash::FlightPlan{}));
}

TEST_CASE("a later header as evidence is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::evidence_by_later_header);
  report(violation_in(crash::FlightPlan{.before = 3}));
}

TEST_CASE("a window by count is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::window_by_count);
  report(violation_in(crash::FlightPlan{.more = 4}));
}

TEST_CASE("a recovery that writes its header first is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::recovery_header_first);
  report(violation_in("write errors in normal mode", kPowerCut));
}

TEST_CASE("a durable write as a barrier is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::durable_write_as_barrier);
  report(violation_in("normal mode", kPowerCut));
}

TEST_CASE("a switch of the mode without a sync is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::switch_without_sync);
  report(violation_in("mode switch", kPowerCut));
}

TEST_CASE("one forgotten error of two is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::one_error_ignored);
  report(violation_in(crash::FlightPlan{.first_errno = EIO, .second_errno = EIO}));
}

TEST_CASE("an LSN that is shown before it is durable is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::show_before_durable);
  report(violation_in(crash::FlightPlan{}));
}

TEST_CASE("a manifest without a sync of its directory is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::no_manifest_directory_sync);
  report(violation_in("tables", kPowerCut));
}

TEST_CASE("a table without a sync of its directory is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::no_table_directory_sync);
  report(violation_in("tables", kPowerCut));
}

TEST_CASE("a table that was not synced is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::table_not_synced);
  report(violation_in("tables", kPowerCut));
}

TEST_CASE("a file that goes before the manifest does is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::unlink_before_manifest);
  report(violation_in("tables", kPowerCut));
}

TEST_CASE("a table of frames that are not durable is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::flush_above_durable);
  using crash::Step;
  report(violation_in("tables in normal mode", kPowerCut,
                      {Step::append_medium, Step::append_async, Step::append_async,
                       Step::sync_fails, Step::append_async, Step::append_async, Step::append_async,
                       Step::flush, Step::append_medium, Step::reopen}));
}

TEST_CASE("a record that changes while tables are joined is refused", "[crash][mutants]") {
  const Active mutant(Mutant::compaction_changes_record);
  const std::string violation = violation_in("tables", kPowerCut);
  CHECK(violation.find("on a good disk the store complains") != std::string::npos);
  CHECK(violation.find("is not what it was") != std::string::npos);
}

TEST_CASE("a compaction that does not check what it writes is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::compaction_not_checked);
  report(violation_in("tables", kPowerCut));
}

TEST_CASE("retention that believes a wrong clock is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::wrong_clock_believed);
  using crash::Step;
  report(violation_in("a wrong clock", kPowerCut,
                      {Step::append_medium, Step::append_medium, Step::append_medium,
                       Step::jump_clock, Step::read, Step::jump_clock, Step::read}));
}

TEST_CASE("retention that ignores a hold is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::hold_ignored);
  using crash::Step;
  std::vector<Step> steps(4, Step::append_medium);
  steps.push_back(Step::hold);
  steps.insert(steps.end(), 10, Step::append_medium);
  steps.push_back(Step::read);
  report(violation_in("retention and holds", kPowerCut, steps));
}

TEST_CASE("retention that does not say what it does is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::purge_not_told);
  report(violation_in("retention", kPowerCut));
}

TEST_CASE("a log that is read through the page cache is noticed", "[crash][mutants]") {
  // After a failed sync only the cache has what was written. Who reads it there shows a record that
  // the next cut takes away.
  using crash::Step;
  const std::vector<Step> steps = {Step::append_async, Step::sync_fails, Step::flush};
  constexpr crash::SweepOptions kill = {
      .kind = crash::CrashKind::kill, .points = 4, .seeds = 1, .nested_every = 1};
  CHECK(violation_in("normal mode", kill, steps).empty());
  const Active mutant(Mutant::log_read_through_cache);
  report(violation_in("normal mode", kill, steps));
}

TEST_CASE("a number of a segment that is given again is noticed", "[crash][mutants]") {
  const Active mutant(Mutant::number_given_again);
  report(violation_in("reopen", kPowerCut));
}

TEST_CASE("checkpoints that go with their records are noticed", "[crash][mutants]") {
  const Active mutant(Mutant::checkpoints_lost_with_purge);
  report(violation_in("retention", kPowerCut));
}
