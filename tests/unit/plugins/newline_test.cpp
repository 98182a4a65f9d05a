#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_newline() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Record = FramingDriver::Record;

namespace {

// What the framing promises, said in the simplest way.
std::vector<Record> expected_records(const std::string& bytes, bool strip_cr, bool skip_empty) {
  std::vector<Record> records;
  std::size_t from = 0;
  for (std::size_t at = bytes.find('\n'); at != std::string::npos; at = bytes.find('\n', from)) {
    std::string line = bytes.substr(from, at - from);
    if (strip_cr && line.ends_with('\r')) {
      line.pop_back();
    }
    if (!skip_empty || !line.empty()) {
      records.push_back({line, 0});
    }
    from = at + 1;
  }
  if (from < bytes.size()) {
    records.push_back({bytes.substr(from), KIFA_RECORD_PARTIAL});
  }
  return records;
}

// Bytes in which everything that matters is frequent.
std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  constexpr std::string_view kFrequent("\n\n\r\r\r\n\0\xff{a", 10);
  std::string bytes;
  while (bytes.size() < size) {
    bytes +=
        random() % 3 == 0 ? kFrequent[random() % kFrequent.size()] : static_cast<char>(random());
  }
  return bytes;
}

// Feeds `all` in random pieces, then the end.
void feed_split(FramingDriver& driver, std::string_view all, std::mt19937_64& random,
                std::size_t piece_max) {
  while (!all.empty()) {
    const std::size_t piece = std::min<std::size_t>(all.size(), random() % (piece_max + 1));
    driver.feed(all.substr(0, piece));
    all.remove_prefix(piece);
  }
  driver.end();
  REQUIRE(driver.faults.empty());
}

std::string text_of(bool value) { return value ? "true" : "false"; }

}  // namespace

TEST_CASE("lines are records, without their line end, empty ones too", "[plugins][newline]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("one\r\n\ntwo\r\r\n\r\nlast\r");
  driver.end();
  CHECK(driver.records ==
        std::vector<Record>{
            {"one", 0}, {"", 0}, {"two\r", 0}, {"", 0}, {"last\r", KIFA_RECORD_PARTIAL}});
  CHECK(driver.held_bytes() == 0);
}

TEST_CASE("random bytes give the same records wherever they are cut", "[plugins][newline]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    const bool strip_cr = random() % 2 == 0;
    const bool skip_empty = random() % 2 == 0;
    const std::string bytes = random_bytes(random, random() % 600);
    FakeHost host;
    TestInstance framing(*kifa_builtin_newline(), host);
    REQUIRE(framing.configure(
                {{"strip_cr", text_of(strip_cr)}, {"skip_empty", text_of(skip_empty)}}) == KIFA_OK);
    FramingDriver driver(framing);
    feed_split(driver, bytes, random, round % 2 == 0 ? 3 : 100);
    REQUIRE(driver.records == expected_records(bytes, strip_cr, skip_empty));
    REQUIRE(driver.held_bytes() == 0);
  }
}

TEST_CASE("without strip_cr random bytes come back to the last one", "[plugins][newline]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const std::string bytes = random_bytes(random, 200'000) + "\n";
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure({{"strip_cr", "false"}}) == KIFA_OK);
  FramingDriver driver(framing);
  feed_split(driver, bytes, random, 5000);
  std::string back;
  for (const Record& record : driver.records) {
    back += record.payload + "\n";
  }
  CHECK(back == bytes);
}

TEST_CASE("empty lines are skipped as separators when asked", "[plugins][newline]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure({{"skip_empty", "true"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("\n\r\na\n\n");
  driver.end();
  CHECK(driver.records == std::vector<Record>{{"a", 0}});
  CHECK(driver.skips == std::vector<FramingDriver::Skip>{{1, KIFA_GAP_DELIMITER},
                                                         {2, KIFA_GAP_DELIMITER},
                                                         {1, KIFA_GAP_DELIMITER}});
}

TEST_CASE("the end of an oversize line is found, also when nothing is left of it",
          "[plugins][newline][W19]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure({{"skip_empty", "true"}}) == KIFA_OK);
  FramingDriver driver(framing);
  driver.feed("a very long line");
  driver.drop_head();
  driver.feed("its tail\r\nnext\n");
  driver.feed("another long line");
  driver.drop_head();
  driver.feed("\n");
  driver.feed("last");
  driver.drop_head();
  driver.feed("x");
  driver.end();
  CHECK(driver.records ==
        std::vector<Record>{{"its tail", 0}, {"next", 0}, {"", 0}, {"x", KIFA_RECORD_PARTIAL}});
  CHECK(driver.skips.empty());
}

TEST_CASE("the end of a datagram ends its last line", "[plugins][newline]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  FramingDriver driver(framing, KIFA_STREAM_DATAGRAM);
  driver.feed_and_end("a\nb");
  driver.feed_and_end("c\n");
  CHECK(driver.records == std::vector<Record>{{"a", 0}, {"b", 0}, {"c", 0}});
}

TEST_CASE("a long line in small chunks is searched once", "[plugins][newline]") {
  // The host's table called directly, for a view that grows without being copied: bytes that are
  // not fresh change behind the framing's back, so searching them again would find a line end.
  FakeHost host;
  TestInstance framing(*kifa_builtin_newline(), host);
  REQUIRE(framing.configure() == KIFA_OK);
  const kifa_framing& calls = framing.framing();
  kifa_stream stream{};
  stream.struct_size = sizeof stream;
  kifa_framing_state* state = nullptr;
  REQUIRE(calls.open(framing.raw(), &stream, &state, framing.error()) == KIFA_OK);
  std::vector<std::string> records;
  kifa_framing_out out{};
  out.struct_size = sizeof out;
  out.ctx = &records;
  out.record = [](const kifa_framing_out* to, kifa_bytes payload, std::size_t,
                  std::uint32_t) noexcept {
    static_cast<std::vector<std::string>*>(to->ctx)->emplace_back(kifa::sdk::text_of(payload));
  };
  std::string line(1000, 'x');
  for (std::size_t size = 10; size <= line.size(); size += 10) {
    const kifa_bytes view{reinterpret_cast<const std::uint8_t*>(line.data()), size};
    REQUIRE(calls.feed(framing.raw(), state, &out, view, size - 10, 0, framing.error()) == KIFA_OK);
    std::fill_n(line.begin(), size, '\n');
  }
  CHECK(records.empty());
  calls.close(framing.raw(), state);
}
