#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/payloads.hpp"
#include "tests/unit/plugins/records.hpp"

extern "C" const kifa_plugin* kifa_builtin_text() noexcept;

namespace testing = kifa::plugins::testing;
using testing::Formatter;
using testing::record;

namespace {

constexpr std::int64_t kTime = 1'769'884'200'123'999'999;

std::string shown(const std::string& payload) {
  Formatter formatter(kifa_builtin_text(), {{"prefix", "false"}});
  return formatter.format({record(1, kTime, payload)});
}

}  // namespace

TEST_CASE("a record is a line with number, time and payload", "[plugins][text][W28]") {
  Formatter formatter(kifa_builtin_text());
  CHECK(formatter.format({record(1, kTime, R"({"txn":"TXN-001"})"), record(2, -1, "")}) ==
        "[1] 2026-01-31 18:30:00.123 UTC {\"txn\":\"TXN-001\"}\n"
        "[2] 1969-12-31 23:59:59.999 UTC \n");
}

TEST_CASE("a record that is not stored has no number", "[plugins][text]") {
  Formatter formatter(kifa_builtin_text());
  CHECK(formatter.format({record(0, kTime, "x")}) == "2026-01-31 18:30:00.123 UTC x\n");
}

TEST_CASE("line breaks and control bytes cannot forge a record", "[plugins][text][W25]") {
  CHECK(shown("a\n[2] 2026-01-31 18:30:00.123 UTC forged\r\t\x1b[2J\x7f") ==
        "a\\n[2] 2026-01-31 18:30:00.123 UTC forged\\r\\t\\x1b[2J\\x7f\n");
  CHECK(shown(std::string("\0\x01", 2)) == "\\x00\\x01\n");
  std::string payload;
  for (const std::uint32_t code_point : {0x85U, 0x9BU, 0x2028U, 0x202EU, 0x2066U}) {
    testing::append_code_point(payload, code_point);
    payload += ' ';
  }
  CHECK(shown(payload) == "\\u0085 \\u009b \\u2028 \\u202e \\u2066 \n");
}

TEST_CASE("text of any language passes, bytes that are not UTF-8 are shown", "[plugins][text]") {
  CHECK(shown("café ₦5,000 😀 Ọjà አማርኛ") == "café ₦5,000 😀 Ọjà አማርኛ\n");
  CHECK(shown("caf\xE9 \xF0\x9F\x98") == "caf\\xe9 \\xf0\\x9f\\x98\n");
  CHECK(shown("\xED\xA0\x80\xC0\xAF") == "\\xed\\xa0\\x80\\xc0\\xaf\n");
}

TEST_CASE("any payload is one line of valid UTF-8 without control bytes", "[plugins][text][W25]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1000; ++round) {
    std::string payload = testing::random_utf8(random, random() % 60);
    if (!payload.empty()) {
      payload[random() % payload.size()] = static_cast<char>(random());
    }
    const std::string line = shown(payload);
    REQUIRE(line.find('\n') == line.size() - 1);
    REQUIRE(testing::is_utf8_by_the_table(line));
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      REQUIRE(static_cast<unsigned char>(line[i]) >= 0x20);
    }
  }
}

TEST_CASE("large payloads are whole, whatever stands at the borders of their pieces",
          "[plugins][text]") {
  for (const std::size_t lead : {0U, 1U, 2U, 3U}) {
    std::string payload(lead, 'x');
    while (payload.size() < 1'000'000) {
      payload += "😀₦é plain ";
    }
    CHECK(shown(payload) == payload + "\n");
  }
  CHECK(shown(std::string(100'000, '\x01')).size() == 400'001);
}

TEST_CASE("raw without prefix gives back what was read", "[plugins][text]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Formatter formatter(kifa_builtin_text(), {{"raw", "true"}, {"prefix", "false"}});
  std::vector<std::string> payloads;
  std::vector<kifa_record> records;
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    std::string payload(random() % (i == 7 ? 700'000 : 400), '\0');
    for (char& byte : payload) {
      byte = static_cast<char>(random());
    }
    payloads.push_back(std::move(payload));
    expected += payloads.back() + "\n";
  }
  for (const std::string& payload : payloads) {
    records.push_back(record(1, kTime, payload));
  }
  CHECK(formatter.format(records) == expected);
}

TEST_CASE("a writer that fails is told to the host, and the next call starts clean",
          "[plugins][text]") {
  Formatter formatter(kifa_builtin_text());
  kifa::testing::FakeWriter writer;
  writer.fail_after(1);
  CHECK(formatter.format({record(1, kTime, std::string(2'000'000, 'x'))}, writer) == KIFA_IO);
  CHECK(formatter.format({record(9, kTime, "y")}) == "[9] 2026-01-31 18:30:00.123 UTC y\n");
}
