#include "core/observability/repeat_limiter.hpp"

#include <cstdint>
#include <string>

#include "tests/support/catch.hpp"

using kifa::observability::kLogRepeatsMax;
using kifa::observability::kLogTrackedMax;
using kifa::observability::LogLevel;
using kifa::observability::RepeatLimiter;

namespace {
constexpr std::int64_t kSecond = 1'000'000'000;
}

TEST_CASE("ten of one message pass in a window, the others are counted", "[observability]") {
  RepeatLimiter limiter;
  int passed = 0;
  for (std::int64_t i = 0; i < 100; ++i) {
    passed += limiter.admit(LogLevel::warn, "till", "gone", i) ? 1 : 0;
  }
  CHECK(passed == static_cast<int>(kLogRepeatsMax));
  CHECK(limiter.take_due(10 * kSecond - 1).empty());
  const auto due = limiter.take_due(10 * kSecond);
  REQUIRE(due.size() == 1);
  CHECK(due[0].level == LogLevel::warn);
  CHECK(due[0].subject == "till");
  CHECK(due[0].message == "gone");
  CHECK(due[0].suppressed == 90);
  CHECK(limiter.take_due(11 * kSecond).empty());
  CHECK(limiter.admit(LogLevel::warn, "till", "gone", 11 * kSecond));
}

TEST_CASE("messages differ by level, subject or text", "[observability]") {
  RepeatLimiter limiter;
  for (std::uint32_t i = 0; i < kLogRepeatsMax; ++i) {
    REQUIRE(limiter.admit(LogLevel::warn, "a", "x", 0));
  }
  CHECK_FALSE(limiter.admit(LogLevel::warn, "a", "x", 0));
  CHECK(limiter.admit(LogLevel::error, "a", "x", 0));
  CHECK(limiter.admit(LogLevel::warn, "b", "x", 0));
  CHECK(limiter.admit(LogLevel::warn, "a", "y", 0));
}

TEST_CASE("the number of messages that are watched is limited and no count is lost",
          "[observability]") {
  RepeatLimiter limiter;
  for (std::uint32_t i = 0; i < kLogRepeatsMax + 5; ++i) {
    static_cast<void>(limiter.admit(LogLevel::warn, "first", "x", 0));
  }
  for (std::size_t i = 0; i < kLogTrackedMax; ++i) {
    REQUIRE(limiter.admit(LogLevel::warn, "other", std::to_string(i), 1));
  }
  const auto due = limiter.take_due(1);
  REQUIRE(due.size() == 1);
  CHECK(due[0].subject == "first");
  CHECK(due[0].suppressed == 5);
  CHECK(limiter.take_all().empty());
}
