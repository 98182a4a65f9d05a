#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_none() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;

namespace {
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kBegin = 1000 * kMillisecond;
}  // namespace

TEST_CASE("a datagram is a record", "[plugins][none]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_none(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("one\n");
  driver.feed_and_end(std::string(2, '\0'));
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"one\n", 0}, {std::string(2, '\0'), 0}});
}

TEST_CASE("a byte stream's record ends when the sender falls silent", "[plugins][none]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_none(), host);
  REQUIRE(framing.configure({{"silence", "200ms"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.set_now_mono_ns(kBegin);
  driver.feed("Total ");
  REQUIRE(driver.wake_at == kBegin + 200 * kMillisecond);
  driver.set_now_mono_ns(kBegin + 150 * kMillisecond);
  driver.feed("12.50\n");
  // Asked for by the first piece; the second came since.
  driver.tick(kBegin + 250 * kMillisecond);
  CHECK(driver.records.empty());
  REQUIRE(driver.wake_at == kBegin + 350 * kMillisecond);
  driver.tick(kBegin + 350 * kMillisecond);
  CHECK(driver.records == std::vector<Record>{{"Total 12.50\n", 0}});
  driver.tick(kBegin + 400 * kMillisecond);  // nothing there, nothing made
  CHECK(driver.records.size() == 1);
  CHECK_FALSE(driver.wake_at.has_value());
}

TEST_CASE("the end of a byte stream ends its record", "[plugins][none]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_none(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("all of it");
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"all of it", 0}});
}

TEST_CASE("silence ends an oversize record, whatever is left of it", "[plugins][none][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_none(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.set_now_mono_ns(kBegin);
  driver.feed("head");
  driver.drop_head();
  driver.feed("tail");
  driver.tick(kBegin + 50 * kMillisecond);
  driver.feed("head");
  driver.drop_head();
  driver.tick(kBegin + 100 * kMillisecond);
  CHECK(driver.records == std::vector<Record>{{"tail", 0}, {"", 0}});
}
