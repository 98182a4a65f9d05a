#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/store/upkeep_fixture.hpp"

// Faults of docs/faults.md that a whole store with tables must not have.
namespace kifa::store::testing {
namespace {

TEST_CASE("one full disk while the manifest is saved spoils nothing, also after a restart",
          "[store][tables][W5]") {
  for (const io::FaultEffect effect : {io::FaultEffect::fail, io::FaultEffect::fail_partly}) {
    UpkeepFixture fixture;
    fixture.options.compaction_enabled = false;
    {
      auto store = fixture.open();
      UpkeepFixture::append_up_to(*store, 20);
      REQUIRE(fixture.manifest().tables.size() == 1);
      fixture.files.add_fault({.effect = effect,
                               .sys_errno = ENOSPC,
                               .kind = io::CallKind::write,
                               .path_contains = "MANIFEST-"});
      UpkeepFixture::append_up_to(*store, 60);
      REQUIRE(fixture.files.faults_fired() == 1);
    }  // and the process ends without closing
    fixture.files.clear_faults();
    {
      auto store = fixture.open();
      CHECK(store->durable_lsn() == Lsn{60});
      UpkeepFixture::append_up_to(*store, 100);
      REQUIRE(store->close().is_ok());
    }
    fixture.check_all(100);
    CHECK(fixture.manifest().tables.size() >= 4);
    CHECK(fixture.loaded().damaged.empty());
  }
}

TEST_CASE("a range of times finds what is in tables on both sides of a clock that went back",
          "[store][tables][W27]") {
  using std::chrono::hours;
  using std::chrono::seconds;
  UpkeepFixture fixture;
  std::vector<std::int64_t> times;
  const auto append = [&](Store& store, std::uint64_t last) {
    while (store.durable_lsn() < Lsn{last}) {
      fixture.clock.advance(seconds(1));
      times.push_back(fixture.clock.now_unix_ns());
      REQUIRE(append_text(store, UpkeepFixture::payload_of(times.size()), times.back()));
    }
  };
  fixture.clock.jump_wall(hours(24) * 365 * 9);
  {
    auto store = fixture.open();
    append(*store, 60);
    fixture.clock.jump_wall(-hours(24) * 365 * 9);
    append(*store, 120);
    REQUIRE(store->close().is_ok());
  }
  REQUIRE(fixture.manifest().tables.size() > 1);
  REQUIRE(times[60] < times[0]);
  const auto reader = fixture.read();
  const auto between = [&](std::uint64_t first, std::uint64_t last) {
    return read_all(*reader, {.min_unix_ns = times[first - 1], .max_unix_ns = times[last - 1]});
  };
  const auto lsns = [](std::uint64_t first, std::uint64_t last) {
    std::vector<Lsn> all;
    for (std::uint64_t n = first; n <= last; ++n) {
      all.push_back({n});
    }
    return all;
  };
  CHECK(between(10, 50).lsns == lsns(10, 50));    // before, in years to come
  CHECK(between(70, 110).lsns == lsns(70, 110));  // after, now
  CHECK(between(61, 60).lsns == lsns(1, 120));    // from the smallest time to the largest
  CHECK(between(120, 1).lsns == std::vector<Lsn>{{1}, {120}});
}

// Bytes that `kifa stats` reads of a closed store with LSN 1 to `last`.
std::uint64_t bytes_read_by_stats(std::uint64_t last) {
  UpkeepFixture fixture;
  fixture.fill(last);
  std::uint64_t bytes = 0;
  fixture.files.add_fault({.kind = io::CallKind::read, .matches = [&](const io::CallInfo& call) {
                             bytes += call.bytes;
                             return false;
                           }});
  const auto stats = fixture.read()->stats();
  REQUIRE(stats.has_value());
  CHECK(stats->total_entries == last);
  return bytes;
}

TEST_CASE("stats reads no more of a big store than of a small one", "[store][reader][W40]") {
  const std::uint64_t small = bytes_read_by_stats(100);
  const std::uint64_t big = bytes_read_by_stats(1'000);  // 60 MB
  INFO("small " << small << ", big " << big);
  CHECK(small > 0);
  CHECK(big < small + 1_MiB);
  CHECK(big < 4_MiB);
}

}  // namespace
}  // namespace kifa::store::testing
