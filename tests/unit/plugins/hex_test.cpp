#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/records.hpp"

extern "C" const kifa_plugin* kifa_builtin_hex() noexcept;

namespace testing = kifa::plugins::testing;
using testing::Formatter;
using testing::record;

namespace {

constexpr std::int64_t kTime = 1'769'884'200'123'456'789;  // 0x188fe44d81ef5d15

std::string bytes_of_digits(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(at, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace

TEST_CASE("a record is its number, its nanoseconds and its bytes in digits",
          "[plugins][hex][W28]") {
  Formatter formatter(kifa_builtin_hex());
  CHECK(formatter.format({record(1, kTime, "{\"a\":1}\n"), record(0, -1, ""),
                          record(UINT64_MAX, INT64_MIN, "\xFF")}) ==
        "0000000000000001 188fe44d81ef5d15 7b2261223a317d0a\n"
        "0000000000000000 ffffffffffffffff \n"
        "ffffffffffffffff 8000000000000000 ff\n");
}

TEST_CASE("any bytes come back from their digits, at every place of a block", "[plugins][hex]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Formatter formatter(kifa_builtin_hex());
  for (std::size_t size = 0; size < 300; ++size) {
    std::string payload(size, '\0');
    for (char& byte : payload) {
      byte = static_cast<char>(random());
    }
    const std::string line = formatter.format({record(2, kTime, payload)});
    REQUIRE(line.size() == 34 + 2 * size + 1);
    REQUIRE(bytes_of_digits(std::string_view(line).substr(34, 2 * size)) == payload);
  }
}

TEST_CASE("a large payload is one line", "[plugins][hex]") {
  Formatter formatter(kifa_builtin_hex());
  const std::string payload(1'000'001, '\xA5');
  const std::string line = formatter.format({record(1, kTime, payload)});
  CHECK(line.size() == 34 + 2 * payload.size() + 1);
  CHECK(line.find_first_not_of("a5", 34) == line.size() - 1);
}

TEST_CASE("a dump is the one of hexdump, with a line before it", "[plugins][hex]") {
  Formatter formatter(kifa_builtin_hex(), {{"layout", "dump"}});
  CHECK(formatter.format({record(1, kTime, "{\"txn\":\"TXN-001\"}"), record(0, kTime, "")}) ==
        "[1] 2026-01-31 18:30:00.123456789 UTC, 17 bytes\n"
        "00000000  7b 22 74 78 6e 22 3a 22  54 58 4e 2d 30 30 31 22  |{\"txn\":\"TXN-001\"|\n"
        "00000010  7d                                                |}|\n"
        "00000011\n"
        "2026-01-31 18:30:00.123456789 UTC, 0 bytes\n");
  CHECK(formatter.format({record(2, kTime, std::string_view("\0\x1b\x7f\xFF ~\n\t9", 9))}) ==
        "[2] 2026-01-31 18:30:00.123456789 UTC, 9 bytes\n"
        "00000000  00 1b 7f ff 20 7e 0a 09  39                       |.... ~..9|\n"
        "00000009\n");
}

TEST_CASE("equal lines of a dump are all shown", "[plugins][hex]") {
  Formatter formatter(kifa_builtin_hex(), {{"layout", "dump"}});
  const std::string dump = formatter.format({record(1, kTime, std::string(64, '\0'))});
  CHECK(dump.find("\n00000030  00") != std::string::npos);
  CHECK(dump.ends_with("\n00000040\n"));
}

TEST_CASE("a writer that fails ends the digits, and the next call starts clean", "[plugins][hex]") {
  for (const char* layout : {"line", "dump"}) {
    Formatter formatter(kifa_builtin_hex(), {{"layout", layout}});
    kifa::testing::FakeWriter writer;
    writer.fail_after(1);
    CHECK(formatter.format({record(1, kTime, std::string(2'000'000, 'x'))}, writer) == KIFA_IO);
    CHECK(formatter.format({record(9, kTime, "y")}).size() < 200);
  }
}
