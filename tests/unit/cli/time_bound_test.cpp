#include "core/cli/time_bound.hpp"

#include <time.h>

#include <cstdlib>
#include <string>

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'769'688'000 * kSecond;  // 2026-01-29T12:00:00Z
constexpr std::int64_t kMidnight = kNow - 12 * 3600 * kSecond;

// The zone of the process while a test runs.
class LocalZone final {
 public:
  explicit LocalZone(const char* name) {
    const char* const before = std::getenv("TZ");
    had_one_ = before != nullptr;
    before_ = had_one_ ? before : "";
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  LocalZone(const LocalZone&) = delete;
  LocalZone& operator=(const LocalZone&) = delete;
  ~LocalZone() {
    if (had_one_) {
      ::setenv("TZ", before_.c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }

 private:
  std::string before_;
  bool had_one_ = false;
};

// Central European time by its rules, so that no zone files are needed.
constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";

std::int64_t bound(std::string_view text, RangeEnd end, Zone zone = Zone::utc) {
  const auto time = parse_time_bound(text, end, {.now_unix_ns = kNow, .zone = zone});
  INFO(text << ": " << time.status().message());
  REQUIRE(time.has_value());
  return *time;
}
std::int64_t first(std::string_view text, Zone zone = Zone::utc) {
  return bound(text, RangeEnd::first, zone);
}
std::int64_t last(std::string_view text, Zone zone = Zone::utc) {
  return bound(text, RangeEnd::last, zone);
}
std::string refusal(std::string_view text, Zone zone = Zone::utc) {
  const auto time = parse_time_bound(text, RangeEnd::first, {.now_unix_ns = kNow, .zone = zone});
  INFO(text);
  REQUIRE_FALSE(time.has_value());
  REQUIRE(time.error().code() == Code::invalid);
  return time.error().message();
}

TEST_CASE("a duration is so long ago, at both ends", "[cli][time]") {
  for (const RangeEnd end : {RangeEnd::first, RangeEnd::last}) {
    CHECK(bound("now", end) == kNow);
    CHECK(bound("1h", end) == kNow - 3600 * kSecond);
    CHECK(bound("30m", end) == kNow - 1800 * kSecond);
    CHECK(bound("2d", end) == kNow - 2 * 86400 * kSecond);
    CHECK(bound("1h30m", end) == kNow - 5400 * kSecond);
    CHECK(bound("250ms", end) == kNow - kSecond / 4);
  }
}

TEST_CASE("a date or time begins at its beginning and ends at its end", "[cli][time]") {
  CHECK(first("2026-01-29") == kMidnight);
  CHECK(last("2026-01-29") == kMidnight + 86400 * kSecond - 1);
  CHECK(first("2026-01-29 12:00") == kNow);
  CHECK(last("2026-01-29 12:00") == kNow + 60 * kSecond - 1);
  CHECK(first("2026-01-29 12:00:00") == kNow);
  CHECK(last("2026-01-29 12:00:00") == kNow + kSecond - 1);
  CHECK(first("2026-01-29T12:00:00.5") == kNow + kSecond / 2);
  CHECK(last("2026-01-29T12:00:00.5") == kNow + 600'000'000 - 1);
  CHECK(first("2026-01-29 12:00:00.123456789") == kNow + 123'456'789);
  CHECK(last("2026-01-29 12:00:00.123456789") == kNow + 123'456'789);
  CHECK(first("2024-02-29") == 1'709'164'800 * kSecond);
  CHECK(first("1969-12-31 23:59:59") == -kSecond);
}

TEST_CASE("a zone that is written counts, whatever the zone of the process", "[cli][time]") {
  const LocalZone zone(kBerlin);
  for (const Zone meant : {Zone::utc, Zone::local}) {
    CHECK(first("2026-01-29T12:00:00Z", meant) == kNow);
    CHECK(first("2026-01-29t12:00:00z", meant) == kNow);
    CHECK(first("2026-01-29 12:00:00.000 UTC", meant) == kNow);  // as the text formatter prints it
    CHECK(first("2026-01-29T13:00:00+01:00", meant) == kNow);
    CHECK(first("2026-01-29T13:00:00 +0100", meant) == kNow);
    CHECK(first("2026-01-29T06:30:00-05:30", meant) == kNow);
    CHECK(first("2026-01-29Z", meant) == kMidnight);
    CHECK(first("@1769688000", meant) == kNow);
    CHECK(first("@1769688000.25", meant) == kNow + kSecond / 4);
    CHECK(last("@1769688000", meant) == kNow + kSecond - 1);
  }
}

TEST_CASE("local times follow the zone of the process", "[cli][time]") {
  const LocalZone zone(kBerlin);
  CHECK(first("2026-01-29 13:00", Zone::local) == kNow);
  CHECK(first("2026-01-29 13:00", Zone::utc) == kNow + 3600 * kSecond);
  CHECK(first("2026-07-01 02:00", Zone::local) == 1'782'864'000 * kSecond);  // 00:00 UTC
  CHECK(first("2026-01-29", Zone::local) == kMidnight - 3600 * kSecond);
}

TEST_CASE("a day with a change of the clock has 23 or 25 hours", "[cli][time]") {
  const LocalZone zone(kBerlin);
  constexpr std::int64_t kHour = 3600 * kSecond;
  CHECK(last("2026-03-29", Zone::local) - first("2026-03-29", Zone::local) == 23 * kHour - 1);
  CHECK(last("2026-10-25", Zone::local) - first("2026-10-25", Zone::local) == 25 * kHour - 1);
}

TEST_CASE("a local time that comes twice is taken so that the range is the wider", "[cli][time]") {
  const LocalZone zone(kBerlin);
  constexpr std::int64_t kHour = 3600 * kSecond;
  const std::int64_t early = first("2026-10-25 02:30:00", Zone::local);
  CHECK(early == first("2026-10-25T02:30:00+02:00"));
  CHECK(last("2026-10-25 02:30:00", Zone::local) == early + kHour + kSecond - 1);
}

TEST_CASE("a local time that a change of the clock leaves out is refused", "[cli][time]") {
  const LocalZone zone(kBerlin);
  CHECK(refusal("2026-03-29 02:30:00", Zone::local) ==
        "there was no local time `2026-03-29 02:30:00`: the clock was put forward then; name "
        "another time, or its zone");
  CHECK(first("2026-03-29 02:30:00", Zone::utc) == 1'774'751'400 * kSecond);
}

TEST_CASE("a local day that begins after midnight begins when it begins", "[cli][time]") {
  const LocalZone zone("ABC3DEF,M3.5.0/0,M10.5.0/0");  // put forward at 00:00, to 01:00
  CHECK(first("2026-03-29", Zone::local) == first("2026-03-29T03:00:00Z"));
  CHECK(last("2026-03-28", Zone::local) == first("2026-03-29T03:00:00Z") - 1);
}

TEST_CASE("what is no time is refused with what would be one", "[cli][time]") {
  for (const char* const text : {"",
                                 "yesterday",
                                 "1h ago",
                                 "30",
                                 "h",
                                 "2026",
                                 "2026-01",
                                 "2026-1-29",
                                 "26-01-29",
                                 "2026-01-29 ",
                                 "2026-01-29T",
                                 "2026-01-29 12",
                                 "2026-01-29 24:00",
                                 "2026-01-29 12:60",
                                 "2026-01-29 12:00:60",
                                 "2026-01-29 12:00:00.",
                                 "2026-01-29 12:00:00.1234567890",
                                 "2026-01-29 12:00:00+1",
                                 "2026-01-29 12:00:00+24:00",
                                 "2026-01-29 12:00:00 CET",
                                 "2026-01-29 12:00:00Zx",
                                 "2026-01-29  12:00",
                                 "-1h",
                                 "@",
                                 "@x",
                                 "@-1",
                                 "@1.",
                                 "12:00"}) {
    INFO(text);
    CHECK(refusal(text).starts_with("`" + std::string(text) + "` is no time; write how long ago"));
  }
}

TEST_CASE("days that there are not and years out of reach are refused", "[cli][time]") {
  CHECK(refusal("2026-02-30") == "there is no such day as in `2026-02-30`");
  CHECK(refusal("2025-02-29") == "there is no such day as in `2025-02-29`");
  CHECK(refusal("2026-13-01") == "there is no such day as in `2026-13-01`");
  CHECK(refusal("2026-00-01") == "there is no such day as in `2026-00-01`");
  const std::string reach = "lies outside the years 1678 to 2261, which kifa can tell";
  for (const char* const text :
       {"1677-12-31", "2262-01-01", "9999-12-31", "@9223372037", "@99999999999999999999"}) {
    CHECK(refusal(text) == "`" + std::string(text) + "` " + reach);
  }
  CHECK(first("1678-01-01") == -9'214'560'000 * kSecond);
  CHECK(last("2261-12-31") == 9'214'646'400 * kSecond - 1);
}

}  // namespace
}  // namespace kifa::cli
