#include "core/store/retention.hpp"

#include <chrono>
#include <string>

#include "core/base/clock.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/unit/store/manifest_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kHour = 3'600'000'000'000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kYear2025 = 1'735'689'600'000'000'000;
constexpr std::int64_t kYear2106 = 4'291'747'200'000'000'000;

// One table for each of these ages in days, oldest first, with 10 records and 1300 bytes each, and
// a clock that was believed an hour ago.
struct Shop {
  explicit Shop(const std::vector<int>& ages) {
    for (std::size_t i = 0; i < ages.size(); ++i) {
      TableInfo table = table_of(i + 1, 10 * i + 1, 10 * i + 10, 1);
      table.max_unix_ns = clock.now_unix_ns() - ages[i] * kDay;
      table.min_unix_ns = table.max_unix_ns - kHour;
      manifest = flushed(manifest, table);
    }
    manifest.clock = {
        .unix_ns = clock.now_unix_ns(), .boot_ns = clock.now_boot_ns(), .boot_id = clock.boot_id()};
    clock.advance(1h);
  }
  [[nodiscard]] ClockFacts now() const {
    return {.unix_ns = clock.now_unix_ns(),
            .boot_ns = clock.now_boot_ns(),
            .boot_id = clock.boot_id(),
            .is_synchronised = clock.is_synchronised()};
  }
  [[nodiscard]] RetentionAnswer ask(std::optional<Lsn> held = std::nullopt) const {
    return decide_retention({.manifest = manifest,
                             .policy = policy,
                             .now = now(),
                             .lowest_held = held,
                             .held_by = "hold `audit` needs LSN 21 and what follows",
                             .last_age_purge_boot_ns = last_age_purge});
  }
  test::FakeClock clock;
  Manifest manifest = empty_manifest();
  RetentionPolicy policy{.age_max = 90 * 24h};
  std::optional<std::int64_t> last_age_purge;
};

}  // namespace

TEST_CASE("without limits nothing is purged", "[store][retention]") {
  Shop shop({4000, 100, 1});
  shop.policy = {};
  CHECK(shop.ask().tables == 0);
  CHECK(shop.ask().paused.empty());
}

TEST_CASE("tables that are too old go, one a minute", "[store][retention]") {
  Shop shop({100, 95, 89, 1});
  const RetentionAnswer answer = shop.ask();
  CHECK(answer.tables == 1);
  CHECK(answer.is_for_age);
  CHECK(answer.paused.empty());
  shop.last_age_purge = shop.clock.now_boot_ns();
  shop.manifest = must(apply(shop.manifest, PurgeEdit{{1}}));
  CHECK(shop.ask().tables == 0);
  CHECK(shop.ask().paused.empty());
  shop.clock.advance(59s);
  CHECK(shop.ask().tables == 0);
  shop.clock.advance(1s);
  CHECK(shop.ask().tables == 1);
  shop.manifest = must(apply(shop.manifest, PurgeEdit{{2}}));
  shop.clock.advance(1h);
  CHECK(shop.ask().tables == 0);
}

TEST_CASE("an old table behind a younger one stays", "[store][retention]") {
  CHECK(Shop({1, 100, 100}).ask().tables == 0);
}

TEST_CASE("a clock that jumps to 2106 does not empty the store", "[store][retention]") {
  Shop shop({30, 20, 10});
  shop.clock.set_unix_ns(kYear2106);
  RetentionAnswer answer = shop.ask();
  CHECK(answer.tables == 0);
  CHECK(answer.paused.find("age does not count, because the clock is ") != std::string::npos);
  CHECK_FALSE(next_trusted_clock(shop.manifest.clock, shop.now()).has_value());
  shop.clock.reboot("b0071d00-0000-4000-8000-000000000002");
  CHECK(shop.ask().tables == 0);
  CHECK_FALSE(next_trusted_clock(shop.manifest.clock, shop.now()).has_value());
  shop.manifest.clock = {};
  CHECK(shop.ask().tables == 0);
  CHECK(shop.ask().paused.find("no time was ever confirmed") != std::string::npos);
}

TEST_CASE("records from a clock that was wrong neither block nor hasten retention",
          "[store][retention]") {
  Shop ahead({100, 100, 1});
  ahead.manifest.tables[0].max_unix_ns = kYear2106;
  CHECK(ahead.ask().tables == 1);  // the table after it is too old, so this one is
  Shop behind({100, 80, 1});
  behind.manifest.tables[0].max_unix_ns = 0;
  CHECK(behind.ask().tables == 0);  // 1970: no battery; no older than what follows it
  behind.manifest.tables[1].max_unix_ns = 0;
  behind.manifest.tables[2].max_unix_ns = kYear2106;
  CHECK(behind.ask().tables == 0);
  // Dated, but before what came before it: it is at least as young as that.
  Shop back({10, 200});
  CHECK(back.ask().tables == 0);
  back.manifest = must(apply(back.manifest, PurgeEdit{{1}}));
  CHECK(back.ask().tables == 0);
}

TEST_CASE("the clock is believed as far as time can have passed", "[store][retention]") {
  const Shop shop({1});
  const TrustedClock& trusted = shop.manifest.clock;
  ClockFacts now = shop.now();
  CHECK(is_plausible(trusted, now));
  now.unix_ns += kDay;
  CHECK(is_plausible(trusted, now));
  now.unix_ns += 1;
  CHECK_FALSE(is_plausible(trusted, now));
  CHECK(is_plausible(trusted, now, true));
  now.is_synchronised = true;
  CHECK(is_plausible(trusted, now));

  ClockFacts other{.unix_ns = trusted.unix_ns + kDay + 5 * kHour,
                   .boot_ns = 5 * kHour,
                   .boot_id = "b0071d00-0000-4000-8000-000000000002"};
  CHECK(is_plausible(trusted, other));
  other.unix_ns += 1;
  CHECK_FALSE(is_plausible(trusted, other));
  other.unix_ns = INT64_MAX;
  CHECK_FALSE(is_plausible(trusted, other));
  CHECK_FALSE(is_plausible({}, shop.now()));
  const TrustedClock extreme{
      .unix_ns = INT64_MAX, .boot_ns = INT64_MIN, .boot_id = trusted.boot_id};
  CHECK(is_plausible(extreme, shop.now()));
}

TEST_CASE("the trusted time follows a clock that is believed", "[store][retention]") {
  Shop shop({1});
  auto next = next_trusted_clock(shop.manifest.clock, shop.now());
  REQUIRE(next.has_value());
  CHECK(next->unix_ns == shop.clock.now_unix_ns());
  CHECK(next->boot_ns == shop.clock.now_boot_ns());
  shop.clock.jump_wall(-20h);
  CHECK_FALSE(next_trusted_clock(shop.manifest.clock, shop.now()).has_value());
  shop.clock.set_synchronised(true);
  next = next_trusted_clock(shop.manifest.clock, shop.now());
  REQUIRE(next.has_value());
  CHECK(next->unix_ns == shop.clock.now_unix_ns());
  shop.clock.set_synchronised(false);
  CHECK(next_trusted_clock({}, shop.now()).has_value());
  shop.clock.set_unix_ns(kYear2106);
  CHECK(next_trusted_clock(shop.manifest.clock, shop.now(), true).has_value());
}

TEST_CASE("a first clock that was wrong removes nothing when it comes back", "[store][retention]") {
  Shop shop({1});
  const std::int64_t today = shop.clock.now_unix_ns();
  shop.clock.set_unix_ns(kYear2106);
  shop.manifest.clock = *next_trusted_clock({}, shop.now());  // nothing said otherwise then
  shop.clock.set_unix_ns(today);
  const auto earlier = next_trusted_clock(shop.manifest.clock, shop.now());
  REQUIRE(earlier.has_value());
  CHECK(earlier->unix_ns == today);
  shop.manifest.clock = *earlier;
  CHECK(is_plausible(shop.manifest.clock, shop.now()));
  shop.clock.set_unix_ns(kYear2106);
  CHECK(shop.ask().tables == 0);
  CHECK_FALSE(shop.ask().paused.empty());
}

TEST_CASE("a clock without battery does not change what is believed", "[store][retention]") {
  Shop shop({1});
  shop.clock.set_unix_ns(kYear2025 - 1);
  CHECK_FALSE(next_trusted_clock(shop.manifest.clock, shop.now()).has_value());
  shop.clock.set_unix_ns(kYear2025);
  CHECK(next_trusted_clock(shop.manifest.clock, shop.now()).has_value());
}

TEST_CASE("tables beyond the size go at once, the newest never", "[store][retention]") {
  Shop shop({30, 20, 10, 1});
  shop.policy = {.bytes_max = 3 * 1300};
  CHECK(shop.ask().tables == 1);
  CHECK_FALSE(shop.ask().is_for_age);
  shop.policy.bytes_max = 4 * 1300;
  CHECK(shop.ask().tables == 0);
  shop.policy.bytes_max = 2 * 1300 - 1;
  CHECK(shop.ask().tables == 3);
  shop.policy.bytes_max = 1;
  CHECK(shop.ask().tables == 3);
  shop.clock.set_unix_ns(kYear2106);
  CHECK(shop.ask().tables == 3);
  CHECK(shop.ask().paused.empty());
}

TEST_CASE("only tables that end below the LSN go", "[store][retention]") {
  Shop shop({30, 20, 10, 1});
  shop.policy = {.purge_below = {21}};
  CHECK(shop.ask().tables == 2);
  shop.policy.purge_below = {20};
  CHECK(shop.ask().tables == 1);
  shop.policy.purge_below = {1};
  CHECK(shop.ask().tables == 0);
  shop.policy.purge_below = {1000};
  CHECK(shop.ask().tables == 4);
  CHECK(Shop({}).ask().tables == 0);
}

TEST_CASE("nothing that is held is purged, for whatever reason", "[store][retention]") {
  Shop shop({300, 200, 100, 95});
  shop.policy.bytes_max = 1300;
  shop.policy.purge_below = {41};
  CHECK(shop.ask().tables == 4);
  RetentionAnswer answer = shop.ask(Lsn{21});
  CHECK(answer.tables == 2);
  CHECK(answer.paused ==
        "table 3 (LSN 21 to 30) is to go, but hold `audit` needs LSN 21 and what follows");
  CHECK(shop.ask(Lsn{20}).tables == 1);
  CHECK(shop.ask(Lsn{0}).tables == 0);
  answer = shop.ask(Lsn{41});
  CHECK(answer.tables == 4);
  CHECK(answer.paused.empty());
}

TEST_CASE("the system clock can say whether it is synchronised", "[base][clock]") {
  const SystemClock clock;
  const bool first = clock.is_synchronised();
  CHECK(clock.is_synchronised() == first);
}
