#include <chrono>
#include <cstdint>
#include <string>

#include "core/store/verify.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

// StoreOptions::table_at_close: little gets an anchor too, and tables do not become many by it.
using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

constexpr std::int64_t kHourNs = std::int64_t{3600} * 1'000'000'000;
constexpr std::int64_t kMorningNs = 500'000 * kHourNs;

struct Shop : UpkeepFixture {
  Shop() { options.table_at_close = true; }

  // Opens, sells once at that hour, and closes.
  void sell_at(std::int64_t hour) {
    auto store = open();
    REQUIRE(append_text(*store, "sale", kMorningNs + hour * kHourNs));
    REQUIRE(store->close().is_ok());
  }
  Lsn anchored() {
    const auto anchor = newest_anchor(files, options.directory);
    REQUIRE(anchor.has_value());
    return *anchor ? (*anchor)->last : Lsn{};
  }
};

}  // namespace

TEST_CASE("a store that closes each day has the anchor of the day, and few tables",
          "[store][close]") {
  Shop shop;
  constexpr std::uint64_t kDays = 40;
  for (std::uint64_t day = 1; day <= kDays; ++day) {
    shop.sell_at(static_cast<std::int64_t>(day) * 24);
    CHECK(shop.anchored() == Lsn{day});
    const std::uint64_t joined = shop.options.compaction_threshold;
    CHECK(shop.manifest().tables.size() <= day / (joined * joined) + 2 * joined);
  }
}

TEST_CASE("closing again within the day makes no table, until the next", "[store][close]") {
  Shop shop;
  shop.sell_at(0);
  CHECK(shop.anchored() == Lsn{1});
  for (int hour = 1; hour < 12; ++hour) {
    shop.sell_at(hour);
    CHECK(shop.anchored() == Lsn{1});
  }
  shop.sell_at(12);
  CHECK(shop.anchored() == Lsn{13});
  CHECK(shop.manifest().tables.size() == 2);
  // Nothing new: nothing is made of it, however late it is.
  const std::uint64_t version = shop.manifest().version;
  shop.clock.advance(std::chrono::hours(24));
  REQUIRE(shop.open()->close().is_ok());
  CHECK(shop.anchored() == Lsn{13});
  CHECK(shop.manifest().tables.size() == 2);
  CHECK(shop.manifest().version <= version + 1);
}

TEST_CASE("without table_at_close little stays in the log", "[store][close]") {
  Shop shop;
  shop.options.table_at_close = false;
  shop.sell_at(0);
  CHECK(shop.anchored() == Lsn{});
  shop.options.table_at_close = true;
  shop.sell_at(1);
  CHECK(shop.anchored() == Lsn{2});
}

TEST_CASE("a clock that has jumped ends tables of little, and nothing else", "[store][close]") {
  Shop shop;
  shop.sell_at(0);
  auto store = shop.open();
  REQUIRE(append_text(*store, "sale", INT64_MAX - 1));
  REQUIRE(store->close().is_ok());
  CHECK(shop.anchored() == Lsn{2});
  shop.sell_at(48);
  CHECK(shop.anchored() == Lsn{2});
}
