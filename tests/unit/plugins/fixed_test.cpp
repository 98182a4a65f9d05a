#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_fixed() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;

TEST_CASE("every so many bytes are a record, wherever they are cut", "[plugins][fixed]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::size_t size = 1 + random() % 40;
    std::string bytes(random() % 500, '\0');
    std::ranges::generate(bytes, [&random] { return static_cast<char>(random()); });
    FakeHost host;
    TestInstance framing(*kifa_builtin_fixed(), host);
    REQUIRE(framing.configure({{"size", std::to_string(size)}}) == KIFA_OK);
    FramingDriver driver(framing);
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t piece = std::min<std::size_t>(rest.size(), random() % 60);
      driver.feed(rest.substr(0, piece));
      rest.remove_prefix(piece);
    }
    driver.end();
    REQUIRE(driver.faults.empty());
    std::vector<Record> expected;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      const bool is_whole = at + size <= bytes.size();
      const std::uint32_t flags = is_whole ? 0 : std::uint32_t{KIFA_RECORD_PARTIAL};
      expected.push_back({bytes.substr(at, size), flags});
    }
    REQUIRE(driver.records == expected);
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("a fixed record longer than the limit ends where it should", "[plugins][fixed][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_fixed(), host);
  REQUIRE(framing.configure({{"size", "10"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("0123456");
  driver.drop_head();
  driver.feed("789abcdefghij");
  CHECK(driver.records == std::vector<Record>{{"789", 0}, {"abcdefghij", 0}});
}

TEST_CASE("records of fixed size begin anew with each datagram", "[plugins][fixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_fixed(), host);
  REQUIRE(framing.configure({{"size", "2"}}) == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("abcde");
  driver.feed_and_end("fg");
  CHECK(driver.records ==
        std::vector<Record>{{"ab", 0}, {"cd", 0}, {"e", KIFA_RECORD_PARTIAL}, {"fg", 0}});
}
