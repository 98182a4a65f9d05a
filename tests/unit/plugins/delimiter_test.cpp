#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_delimiter() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;
using namespace std::string_literals;

namespace {

// What the framing promises, said in the simplest way.
std::vector<Record> expected_records(const std::string& bytes, const std::string& delimiter,
                                     bool keep, bool skip_empty) {
  std::vector<Record> records;
  std::size_t from = 0;
  for (std::size_t at = bytes.find(delimiter); at != std::string::npos;
       at = bytes.find(delimiter, from)) {
    const std::size_t end = at + delimiter.size();
    if (!skip_empty || at != from) {
      records.push_back({bytes.substr(from, (keep ? end : at) - from), 0});
    }
    from = end;
  }
  if (from < bytes.size()) {
    records.push_back({bytes.substr(from), KIFA_RECORD_PARTIAL});
  }
  return records;
}

std::string text_of(bool value) { return value ? "true" : "false"; }

}  // namespace

TEST_CASE("records end with the delimiter, which is dropped or kept", "[plugins][delimiter]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_delimiter(), host);
  const auto [keep, expected] = GENERATE(
      std::pair{"false"s, std::vector<Record>{{"a", 0}, {"", 0}, {"b\r", KIFA_RECORD_PARTIAL}}},
      std::pair{"true"s,
                std::vector<Record>{{"a\r\n", 0}, {"\r\n", 0}, {"b\r", KIFA_RECORD_PARTIAL}}});
  REQUIRE(framing.configure({{"delimiter", "\r\n"}, {"keep", keep}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("a\r");
  driver.feed("\n\r\nb\r");
  driver.end();
  CHECK(driver.records == expected);
  CHECK(driver.held_bytes() == 0);
}

TEST_CASE("a delimiter in hexadecimal may hold any byte", "[plugins][delimiter]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_delimiter(), host);
  REQUIRE(framing.configure({{"delimiter", "hex:1d 5600FF"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("receipt 1\x1D\x56\0\xFFreceipt 2\x1D\x56\0\xFF"s);
  CHECK(driver.records == std::vector<Record>{{"receipt 1", 0}, {"receipt 2", 0}});
}

TEST_CASE("random bytes give the same records wherever they are cut, for any delimiter",
          "[plugins][delimiter]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 600; ++round) {
    // Two letters: delimiters that overlap themselves are frequent.
    const auto random_text = [&random](std::size_t size) {
      std::string text;
      while (text.size() < size) {
        text += random() % 3 == 0 ? 'b' : 'a';
      }
      return text;
    };
    const std::string delimiter = random_text(1 + random() % 5);
    const std::string bytes = random_text(random() % 300);
    const bool keep = random() % 2 == 0;
    const bool skip_empty = random() % 2 == 0;
    FakeHost host;
    TestInstance framing(*kifa_builtin_delimiter(), host);
    REQUIRE(framing.configure({{"delimiter", delimiter},
                               {"keep", text_of(keep)},
                               {"skip_empty", text_of(skip_empty)}}) == KIFA_OK);
    FramingDriver driver(framing);
    for (std::string_view rest = bytes; !rest.empty();) {
      const std::size_t piece = std::min<std::size_t>(rest.size(), random() % 7);
      driver.feed(rest.substr(0, piece));
      rest.remove_prefix(piece);
    }
    driver.end();
    INFO("delimiter " << delimiter << ", bytes " << bytes);
    REQUIRE(driver.faults.empty());
    REQUIRE(driver.records == expected_records(bytes, delimiter, keep, skip_empty));
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("the end of an oversize record is found, and it is no empty one",
          "[plugins][delimiter][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_delimiter(), host);
  REQUIRE(framing.configure({{"delimiter", "||"}, {"skip_empty", "true"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("a very long record");
  driver.drop_head();
  driver.feed("||next||");
  CHECK(driver.records == std::vector<Record>{{"", 0}, {"next", 0}});
}

TEST_CASE("the end of a datagram ends its last delimited record", "[plugins][delimiter]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_delimiter(), host);
  REQUIRE(framing.configure({{"delimiter", ";"}}) == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("a;b");
  driver.feed_and_end("c;");
  CHECK(driver.records == std::vector<Record>{{"a", 0}, {"b", 0}, {"c", 0}});
}

TEST_CASE("a delimiter that is none is refused with what is possible", "[plugins][delimiter]") {
  FakeHost host;
  for (const std::string& wrong :
       {""s, "hex:"s, "hex:1"s, "hex:0D 0"s, "hex:xy"s, std::string(257, 'x')}) {
    CAPTURE(wrong);
    TestInstance framing(*kifa_builtin_delimiter(), host);
    CHECK(framing.configure({{"delimiter", wrong}}) == KIFA_INVALID);
  }
}
