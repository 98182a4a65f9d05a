#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_octet_counted() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;
using namespace std::string_literals;

namespace {

constexpr std::size_t kLengthMax = 99;

struct Expected {
  std::vector<Record> records;
  std::size_t malformed = 0;
};

// What the framing promises, said on the whole text at once.
Expected expected_of(const std::string& text) {
  static const std::regex counted("([1-9][0-9]?) ([\\s\\S]*)");
  static const std::regex recovered("[1-9][0-9]? <[\\s\\S]*");
  Expected expected;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string rest = text.substr(at);
    std::smatch parts;
    if (rest[0] < '1' || rest[0] > '9') {
      const std::size_t end = rest.find('\n');
      if (end == std::string::npos) {
        expected.records.push_back({rest, KIFA_RECORD_PARTIAL});
        return expected;
      }
      std::string line = rest.substr(0, end);
      if (line.ends_with('\r')) {
        line.pop_back();
      }
      if (!line.empty()) {
        expected.records.push_back({line, 0});
      }
      at += end + 1;
    } else if (std::regex_match(rest, parts, counted)) {
      const std::size_t length = std::stoul(parts[1]);
      const std::string message = parts[2];
      if (message.size() < length) {
        expected.records.push_back({message, KIFA_RECORD_PARTIAL});
        return expected;
      }
      expected.records.push_back({message.substr(0, length), 0});
      at += static_cast<std::size_t>(parts.length(1)) + 1 + length;
    } else if (rest.size() <= 2 &&
               std::ranges::all_of(rest, [](char c) { return c >= '0' && c <= '9'; })) {
      expected.records.push_back({rest, KIFA_RECORD_PARTIAL});
      return expected;
    } else {
      std::size_t to = 1;
      while (to < rest.size() && rest[to - 1] != '\n' &&
             ((rest[to - 1] >= '0' && rest[to - 1] <= '9') ||
              !std::regex_match(rest.substr(to), recovered))) {
        ++to;
      }
      expected.malformed += to;
      at += to;
    }
  }
  return expected;
}

void feed_split(FramingDriver& driver, std::string_view all, std::mt19937_64& random) {
  while (!all.empty()) {
    const std::size_t piece = std::min<std::size_t>(all.size(), random() % 9);
    driver.feed(all.substr(0, piece));
    all.remove_prefix(piece);
  }
}

std::size_t malformed_bytes(const FramingDriver& driver) {
  std::size_t bytes = 0;
  for (const FramingDriver::Skip& skip : driver.skips) {
    bytes += skip.reason == KIFA_GAP_MALFORMED ? skip.bytes : 0;
  }
  return bytes;
}

}  // namespace

TEST_CASE("counted records and lines may come in one stream", "[plugins][octet_counted]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("10 <13>a\nb\0c\xFF<14>a line\r\n7 <15>two"s);
  driver.feed("\n3 abc");
  driver.end();
  CHECK(
      driver.records ==
      std::vector<Record>{{"<13>a\nb\0c\xFF"s, 0}, {"<14>a line", 0}, {"<15>two", 0}, {"abc", 0}});
}

TEST_CASE("any mixture gives the same records wherever it is cut", "[plugins][octet_counted]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1500; ++round) {
    std::string text;
    for (std::size_t i = random() % 60; i > 0; --i) {
      if (random() % 8 == 0) {
        const std::string message = "<" + std::string(random() % 30, 'm');
        text += std::to_string(message.size()) + " " + message;
      } else {
        text += "0123 <ab\r\n"[random() % 10];
      }
    }
    FakeHost host;
    TestInstance framing(*kifa_builtin_octet_counted(), host);
    REQUIRE(framing.configure({{"length_max", std::to_string(kLengthMax)}}) == KIFA_OK);
    FramingDriver driver(framing);
    feed_split(driver, text, random);
    driver.end();
    const Expected expected = expected_of(text);
    INFO("text " << text);
    REQUIRE(driver.faults.empty());
    REQUIRE(driver.records == expected.records);
    REQUIRE(malformed_bytes(driver) == expected.malformed);
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("after a length that is none the next record is found", "[plugins][octet_counted]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure({{"length_max", "100"}}) == KIFA_OK);
  FramingDriver driver(framing);
  SECTION("behind a line feed") {
    driver.feed("192.168.1.1 said\nhello\n");
    CHECK(driver.records == std::vector<Record>{{"hello", 0}});
    CHECK(driver.skips == std::vector<FramingDriver::Skip>{{17, KIFA_GAP_MALFORMED}});
  }
  SECTION("at a length with a message of syslog, without any line feed") {
    driver.feed("101 <1>far too long 6 <");
    driver.feed("2>abc5 <3>de");
    CHECK(driver.records == std::vector<Record>{{"<2>abc", 0}, {"<3>de", 0}});
    CHECK(malformed_bytes(driver) == 20);
  }
}

TEST_CASE("a length is held back no longer than one can be", "[plugins][octet_counted]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure({{"length_max", "16MiB"}}) == KIFA_OK);
  FramingDriver driver(framing);
  for (int i = 0; i < 1000; ++i) {
    driver.feed("9");
    REQUIRE(driver.held_bytes() <= 8);
  }
}

TEST_CASE("a counted record longer than the limit ends where it should, without its length",
          "[plugins][octet_counted][W19]") {
  FakeHost host;
  host.set_record_bytes_max(64);
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("100 " + std::string(80, 'x'));
  CHECK(driver.skips == std::vector<FramingDriver::Skip>{{4, KIFA_GAP_DELIMITER}});
  driver.drop_head();
  driver.feed(std::string(20, 'y') + "2 zz");
  CHECK(driver.records == std::vector<Record>{{std::string(20, 'y'), 0}, {"zz", 0}});
}

TEST_CASE("a counted record within the limit keeps its length until it is whole",
          "[plugins][octet_counted]") {
  // Else a stream that is read again could begin behind the length.
  FakeHost host;
  host.set_record_bytes_max(64);
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("64 " + std::string(63, 'x'));
  CHECK(driver.skips.empty());
  CHECK(driver.held_bytes() == 66);
  driver.feed("x");
  CHECK(driver.records == std::vector<Record>{{std::string(64, 'x'), 0}});
}

TEST_CASE("the end of an oversize line of syslog is found", "[plugins][octet_counted][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("<1>a very long line");
  driver.drop_head();
  driver.feed("\n3 abc");
  CHECK(driver.records == std::vector<Record>{{"", 0}, {"abc", 0}});
}

TEST_CASE("the end of a datagram ends its line, but completes no counted record",
          "[plugins][octet_counted]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_octet_counted(), host);
  REQUIRE(framing.configure({{"strip_cr", "false"}}) == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("<1>a\r\n<2>b");
  driver.feed_and_end("4 <3>");
  CHECK(driver.records ==
        std::vector<Record>{{"<1>a\r", 0}, {"<2>b", 0}, {"<3>", KIFA_RECORD_PARTIAL}});
}
