#include "tests/support/fake_clock.hpp"

#include <chrono>

#include "tests/support/catch.hpp"

using kifa::test::FakeClock;
using namespace std::chrono_literals;

TEST_CASE("a fake clock moves only when told, each clock as it should", "[clock]") {
  FakeClock clock;
  const auto wall = clock.now_unix_ns();
  const auto mono = clock.now_mono_ns();
  const auto boot = clock.now_boot_ns();
  CHECK(clock.now_unix_ns() == wall);
  clock.advance(5ns);
  CHECK(clock.now_unix_ns() == wall + 5);
  CHECK(clock.now_mono_ns() == mono + 5);
  CHECK(clock.now_boot_ns() == boot + 5);
  clock.jump_wall(-10ns);
  CHECK(clock.now_unix_ns() == wall - 5);
  CHECK(clock.now_boot_ns() == boot + 5);
  clock.suspend(100ns);
  CHECK(clock.now_unix_ns() == wall + 95);
  CHECK(clock.now_mono_ns() == mono + 5);
  CHECK(clock.now_boot_ns() == boot + 105);
  CHECK(clock.boot_id().size() == 36);
  clock.reboot("11111111-1111-4111-8111-111111111111");
  CHECK(clock.now_boot_ns() == 0);
  CHECK(clock.boot_id().front() == '1');
}
