#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/framing_driver.hpp"

extern "C" const kifa_plugin* kifa_builtin_none() noexcept;

using kifa::plugins::testing::FramingDriver;
using kifa::plugins::testing::Host;
using kifa::plugins::testing::Instance;
using Record = FramingDriver::Record;

namespace {
constexpr std::int64_t kMillisecond = 1'000'000;
}  // namespace

TEST_CASE("a datagram is a record", "[plugins][none]") {
  Host host;
  Instance framing(kifa_builtin_none, host);
  FramingDriver driver(framing, host, KIFA_STREAM_DATAGRAM);
  driver.feed("one\n");
  driver.feed(std::string(2, '\0'));
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"one\n", 0}, {std::string(2, '\0'), 0}});
}

TEST_CASE("a byte stream's record ends when the sender falls silent", "[plugins][none]") {
  Host host;
  Instance framing(kifa_builtin_none, host, {{"silence", "200ms"}});
  FramingDriver driver(framing, host);
  driver.feed("Total ");
  REQUIRE(driver.wake_at == host.mono_ns + 200 * kMillisecond);
  host.mono_ns += 150 * kMillisecond;
  driver.feed("12.50\n");
  host.mono_ns += 100 * kMillisecond;
  driver.tick();  // asked for by the first piece; the second came since
  CHECK(driver.records.empty());
  REQUIRE(driver.wake_at == host.mono_ns + 100 * kMillisecond);
  host.mono_ns += 100 * kMillisecond;
  driver.tick();
  CHECK(driver.records == std::vector<Record>{{"Total 12.50\n", 0}});
  driver.tick();  // nothing there, nothing made
  CHECK(driver.records.size() == 1);
  CHECK_FALSE(driver.wake_at.has_value());
}

TEST_CASE("the end of a byte stream ends its record", "[plugins][none]") {
  Host host;
  Instance framing(kifa_builtin_none, host);
  FramingDriver driver(framing, host);
  driver.feed("all of it");
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"all of it", 0}});
}

TEST_CASE("silence ends an oversize record, whatever is left of it", "[plugins][none][W19]") {
  Host host;
  Instance framing(kifa_builtin_none, host);
  FramingDriver driver(framing, host);
  driver.feed("head");
  driver.drop_head();
  driver.feed("tail");
  host.mono_ns += 50 * kMillisecond;
  driver.tick();
  driver.feed("head");
  driver.drop_head();
  host.mono_ns += 50 * kMillisecond;
  driver.tick();
  CHECK(driver.records == std::vector<Record>{{"tail", 0}, {"", 0}});
}
