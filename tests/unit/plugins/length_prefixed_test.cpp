#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_length_prefixed() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;
using namespace std::string_literals;

namespace {

std::string encoded(const std::string& encoding, std::size_t width, std::uint64_t number) {
  std::string bytes;
  if (encoding == "varint") {
    for (; number >= 0x80; number >>= 7U) {
      bytes += static_cast<char>((number & 0x7FU) | 0x80U);
    }
    return bytes + static_cast<char>(number);
  }
  for (std::size_t i = 0; i < width; ++i) {
    if (encoding == "digits") {
      bytes.insert(bytes.begin(), static_cast<char>('0' + number % 10));
      number /= 10;
    } else if (encoding == "bcd") {
      bytes.insert(bytes.begin(), static_cast<char>(number % 10 + number / 10 % 10 * 16));
      number /= 100;
    } else {
      bytes.insert(encoding == "big" ? bytes.begin() : bytes.end(),
                   static_cast<char>(number & 0xFFU));
      number >>= 8U;
    }
  }
  return bytes;
}

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  std::ranges::generate(bytes, [&random] { return static_cast<char>(random()); });
  return bytes;
}

void feed_split(FramingDriver& driver, std::string_view all, std::mt19937_64& random) {
  while (!all.empty()) {
    const std::size_t piece = std::min<std::size_t>(all.size(), random() % 40);
    driver.feed(all.substr(0, piece));
    all.remove_prefix(piece);
  }
}

}  // namespace

TEST_CASE("records of any length come back from any header, wherever they are cut",
          "[plugins][length_prefixed]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const char* const encodings[] = {"big", "little", "digits", "bcd", "varint"};
    const std::string encoding = encodings[random() % 5];
    const bool is_binary = encoding == "big" || encoding == "little";
    const std::size_t width = is_binary ? std::size_t{2} << random() % 3 : 3 + random() % 4;
    const std::size_t offset = random() % 4;
    const std::size_t trailer = random() % 4;
    const bool counts_header = random() % 2 == 0;
    const bool keep_header = random() % 2 == 0;
    FakeHost host;
    TestInstance framing(*kifa_builtin_length_prefixed(), host);
    REQUIRE(framing.configure({{"encoding", encoding},
                               {"width", std::to_string(width)},
                               {"offset", std::to_string(offset)},
                               {"trailer", std::to_string(trailer)},
                               {"counts_header", counts_header ? "true" : "false"},
                               {"keep_header", keep_header ? "true" : "false"}}) == KIFA_OK);
    std::string bytes;
    std::vector<Record> expected;
    for (std::size_t i = random() % 12; i > 0; --i) {
      const std::string payload = random_bytes(random, random() % 3 == 0 ? 0 : random() % 300);
      // The length of a varint counts itself: it is as long as the number that results.
      std::size_t header_bytes = offset + trailer + (encoding == "varint" ? 1 : width);
      if (counts_header && encoding == "varint" && payload.size() + header_bytes >= 0x80) {
        ++header_bytes;
      } else if (!counts_header && encoding == "varint" && payload.size() >= 0x80) {
        ++header_bytes;
      }
      const std::string header =
          random_bytes(random, offset) +
          encoded(encoding, width, payload.size() + (counts_header ? header_bytes : 0)) +
          random_bytes(random, trailer);
      bytes += header + payload;
      expected.push_back({keep_header ? header + payload : payload, 0});
    }
    FramingDriver driver(framing);
    feed_split(driver, bytes, random);
    driver.end();
    INFO(encoding << " width " << width << " offset " << offset << " trailer " << trailer);
    REQUIRE(driver.faults.empty());
    REQUIRE(driver.skips.empty());
    REQUIRE(driver.records == expected);
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("bytes that begin no header are skipped and counted until one comes",
          "[plugins][length_prefixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  REQUIRE(framing.configure({{"encoding", "digits"}, {"width", "4"}, {"length_max", "100"}}) ==
          KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("0003abc");
  driver.feed("9999noise");
  driver.feed("0002de");
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"abc", 0}, {"de", 0}});
  std::size_t skipped = 0;
  for (const FramingDriver::Skip& skip : driver.skips) {
    CHECK(skip.reason == KIFA_GAP_MALFORMED);
    skipped += skip.bytes;
  }
  CHECK(skipped == 9);
}

TEST_CASE("a length that is less than its header, or no varint, is not believed",
          "[plugins][length_prefixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  SECTION("less than the header") {
    REQUIRE(framing.configure({{"width", "1"}, {"counts_header", "true"}}) == KIFA_OK);
    FramingDriver driver(framing);
    driver.feed("\0\0\3ab"s);
    CHECK(driver.records == std::vector<Record>{{"ab", 0}});
    CHECK(driver.skips == std::vector<FramingDriver::Skip>{{2, KIFA_GAP_MALFORMED}});
  }
  SECTION("a varint without an end") {
    REQUIRE(framing.configure({{"encoding", "varint"}}) == KIFA_OK);
    FramingDriver driver(framing);
    driver.feed(std::string(30, '\xFF') + "\x01z");
    driver.end();
    CHECK_FALSE(driver.skips.empty());
    CHECK(driver.faults.empty());
    CHECK(driver.held_bytes() == 0);
  }
}

TEST_CASE("what is unfinished at the end is a partial record", "[plugins][length_prefixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("\0\5abc"s);
  driver.end();
  driver.feed("\0"s);
  driver.end();
  CHECK(driver.records ==
        std::vector<Record>{{"abc", KIFA_RECORD_PARTIAL}, {"\0"s, KIFA_RECORD_PARTIAL}});
}

TEST_CASE("a prefixed record longer than the limit ends where it should",
          "[plugins][length_prefixed][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("\0\12abcdef"s);
  driver.drop_head();
  driver.feed("ghij\0\1k"s);
  CHECK(driver.records == std::vector<Record>{{"ghij", 0}, {"k", 0}});
}

TEST_CASE("of a prefixed record longer than the limit the header is no part",
          "[plugins][length_prefixed][W19]") {
  const bool keep_header = GENERATE(false, true);
  FakeHost host;
  host.set_record_bytes_max(64);
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  REQUIRE(framing.configure({{"width", "1"}, {"keep_header", keep_header ? "true" : "false"}}) ==
          KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("\144" + std::string(80, 'x'));
  const std::vector<FramingDriver::Skip> header = {{1, KIFA_GAP_DELIMITER}};
  CHECK(driver.skips == (keep_header ? std::vector<FramingDriver::Skip>() : header));
  driver.drop_head();
  driver.feed(std::string(20, 'y') + "\2zz");
  CHECK(driver.records ==
        std::vector<Record>{{std::string(20, 'y'), 0}, {keep_header ? "\2zz" : "zz", 0}});
  // One within the limit keeps its header until it is whole.
  driver.skips.clear();
  driver.feed("\100" + std::string(63, 'x'));
  CHECK(driver.skips.empty());
}

TEST_CASE("each datagram begins with a header of its own", "[plugins][length_prefixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  REQUIRE(framing.configure({{"width", "1"}}) == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("\2ab\3c");
  driver.feed_and_end("\1d");
  CHECK(driver.records == std::vector<Record>{{"ab", 0}, {"c", KIFA_RECORD_PARTIAL}, {"d", 0}});
}

TEST_CASE("random bytes are records or counted, and never a fault", "[plugins][length_prefixed]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    FakeHost host;
    TestInstance framing(*kifa_builtin_length_prefixed(), host);
    const char* const encodings[] = {"big", "little", "digits", "bcd", "varint"};
    REQUIRE(framing.configure({{"encoding", encodings[random() % 5]},
                               {"keep_header", "true"},
                               {"counts_header", random() % 2 == 0 ? "true" : "false"},
                               {"length_max", "300"}}) == KIFA_OK);
    const std::string bytes = random_bytes(random, random() % 1000);
    FramingDriver driver(framing);
    feed_split(driver, bytes, random);
    driver.end();
    REQUIRE(driver.faults.empty());
    std::size_t together = 0;
    for (const Record& record : driver.records) {
      together += record.payload.size();
    }
    for (const FramingDriver::Skip& skip : driver.skips) {
      together += skip.bytes;
    }
    REQUIRE(together == bytes.size());
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("a width that no binary number has is refused", "[plugins][length_prefixed]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_length_prefixed(), host);
  CHECK(framing.configure({{"width", "3"}}) == KIFA_INVALID);
}
