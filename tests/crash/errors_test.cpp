#include <cerrno>
#include <string>

#include <fmt/format.h>

#include "tests/crash/profiles.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/catch.hpp"

namespace crash = kifa::crash;
namespace io = kifa::io;

namespace {

constexpr std::uint64_t kWorkloadSeed = 3;

// Runs the short workload once for every call that it makes, and lets that call fail.
void fail_every_call(const std::string& profile, const io::Fault& kind_of_fault) {
  crash::keep_freed_memory();
  crash::Workload model(crash::profile(profile), kWorkloadSeed);
  const std::uint64_t before = model.files().call_count();
  model.run();
  REQUIRE(model.violation().empty());
  const std::uint64_t calls = model.files().call_count() - before;
  const std::uint64_t stride = crash::is_sanitized() ? 11 : 1;
  std::uint64_t fired = 0;
  std::uint64_t failed = 0;
  std::uint64_t states = 0;
  for (std::uint64_t index = 0; index < calls; index += stride) {
    CAPTURE(index);
    crash::Workload workload(crash::profile(profile), kWorkloadSeed);
    io::Fault fault = kind_of_fault;
    std::string call;
    fault.index = index;
    fault.matches = [&call, seen = std::uint64_t{0}, index](const io::CallInfo& info) mutable {
      if (seen++ == index) {
        call = fmt::format("{} of {} at {}", io::to_string(info.kind), info.path, info.offset);
      }
      return true;
    };
    workload.files().add_fault(fault);
    workload.run();
    CAPTURE(call);
    INFO(workload.violation());
    REQUIRE(workload.violation().empty());
    fired += workload.files().faults_fired() != 0 ? 1 : 0;
    failed += workload.failed_calls() != 0 ? 1 : 0;
    const crash::SweepResult result =
        crash::sweep(workload.files(), workload.history(), workload.store_options(),
                     {.points = 2, .seeds = 2, .nested_every = 0});
    INFO(result.violation);
    REQUIRE(result.violation.empty());
    states += result.states;
  }
  WARN(fmt::format("{} of {} calls failed, {} runs saw it, {} crash states", fired, calls, failed,
                   states));
}

}  // namespace

TEST_CASE("any call may fail once with EIO", "[crash][errors]") { fail_every_call("short", {}); }

TEST_CASE("any call may fail with EIO from then on", "[crash][errors]") {
  fail_every_call("short", {.is_lasting = true});
}

TEST_CASE("any call may fail once after it has done something", "[crash][errors]") {
  fail_every_call("short", {.effect = io::FaultEffect::fail_partly});
}

TEST_CASE("any call may fail once with ENOSPC", "[crash][errors]") {
  fail_every_call("short", {.sys_errno = ENOSPC});
}

TEST_CASE("any call may fail with ENOSPC from then on", "[crash][errors]") {
  fail_every_call("short", {.sys_errno = ENOSPC, .is_lasting = true});
}

TEST_CASE("any write may be short once", "[crash][errors]") {
  fail_every_call("short", {.effect = io::FaultEffect::short_write});
}

TEST_CASE("any write may be short from then on", "[crash][errors]") {
  fail_every_call("short", {.effect = io::FaultEffect::short_write, .is_lasting = true});
}

TEST_CASE("any call may fail without direct files", "[crash][errors]") {
  fail_every_call("short fallback", {});
  fail_every_call("short fallback", {.is_lasting = true});
  fail_every_call("short fallback", {.effect = io::FaultEffect::fail_partly});
}

TEST_CASE("any call of what goes on behind the log may fail once", "[crash][errors]") {
  fail_every_call("short tables", {});
  fail_every_call("short tables", {.effect = io::FaultEffect::fail_partly});
  fail_every_call("short tables", {.sys_errno = ENOSPC});
  fail_every_call("short tables", {.effect = io::FaultEffect::short_write});
}

TEST_CASE("any call of what goes on behind the log may fail from then on", "[crash][errors]") {
  fail_every_call("short tables", {.is_lasting = true});
  fail_every_call("short tables", {.sys_errno = ENOSPC, .is_lasting = true});
  fail_every_call("short tables", {.effect = io::FaultEffect::short_write, .is_lasting = true});
}
