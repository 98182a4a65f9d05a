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

namespace {

// What a program does that reads `exact` text.
std::string undone(std::string_view line) {
  std::string bytes;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] != '\\') {
      bytes += line[at];
      continue;
    }
    const char letter = line.at(++at);
    const std::size_t digits = letter == 'x' ? 2 : (letter == 'u' ? 4 : 0);
    if (digits == 0) {
      bytes += letter == 'n' ? '\n' : (letter == 'r' ? '\r' : (letter == 't' ? '\t' : letter));
      continue;
    }
    const auto number = static_cast<std::uint32_t>(
        std::stoul(std::string(line.substr(at + 1, digits)), nullptr, 16));
    if (letter == 'x') {
      bytes += static_cast<char>(number);
    } else {
      testing::append_code_point(bytes, number);
    }
    at += digits;
  }
  return bytes;
}

}  // namespace

TEST_CASE("exact text gives every byte back", "[plugins][text]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Formatter formatter(kifa_builtin_text(), {{"exact", "true"}, {"prefix", "false"}});
  CHECK(formatter.format({record(1, kTime, "C:\\n \\\\x41\n")}) == "C:\\\\n \\\\\\\\x41\\n\n");
  for (int round = 0; round < 2000; ++round) {
    std::string payload = testing::random_utf8(random, random() % 60);
    for (std::uint64_t spoiled = random() % 3; spoiled > 0 && !payload.empty(); --spoiled) {
      payload[random() % payload.size()] = random() % 2 == 0 ? '\\' : static_cast<char>(random());
    }
    const std::string line = formatter.format({record(1, kTime, payload)});
    REQUIRE(line.find('\n') == line.size() - 1);
    REQUIRE(undone(std::string_view(line).substr(0, line.size() - 1)) == payload);
  }
}

TEST_CASE("a template says what a line is", "[plugins][text]") {
  const std::vector<kifa_attr> attrs = {{testing::str("kifa.pipeline"), testing::str("till-1")},
                                        {testing::str("kifa.source"), testing::str("a\nb")},
                                        {testing::str("peer"), testing::str("10.0.0.7:5140")},
                                        {testing::str("tag"), testing::str("\x1b")}};
  const auto line = [&attrs](const std::string& text) {
    Formatter formatter(kifa_builtin_text(), {{"template", text}});
    return formatter.format({record(7, kTime, "x\ty", attrs, KIFA_RECORD_SPLIT)});
  };
  CHECK(line("{lsn} {time} {data}") == "7 2026-01-31 18:30:00.123 UTC x\\ty\n");
  CHECK(line("{timestamp}|{timestamp_ms}|{timestamp_ns}") ==
        "2026-01-31T18:30:00.123999999Z|1769884200123|1769884200123999999\n");
  CHECK(line("{pipeline}/{source} {size} {flags}") == "till-1/a\\nb 3 split\n");
  CHECK(line("{attr.peer}\\t{attr.none}.") == "10.0.0.7:5140\t.\n");
  CHECK(line("{attributes}") == "peer=10.0.0.7:5140 tag=\\x1b\n");
  CHECK(line("{{{lsn}}} \\x41\\\\") == "{7} A\\\n");
  CHECK(line("").size() == 1);
  Formatter fresh(kifa_builtin_text(), {{"template", "{lsn},{source}"}});
  CHECK(fresh.format({record(0, kTime, "x")}) == "-,\n");
}

TEST_CASE("raw payloads with their sizes are netstrings, whatever they hold", "[plugins][text]") {
  Formatter formatter(kifa_builtin_text(),
                      {{"raw", "true"}, {"template", "{size}:{data},"}, {"end", ""}});
  CHECK(formatter.format({record(1, kTime, "a,\n1:"), record(2, kTime, ""),
                          record(3, kTime, std::string_view("\0\xFF", 2))}) ==
        std::string("5:a,\n1:,0:,2:\0\xFF,", 16));
}

TEST_CASE("records may end with any bytes", "[plugins][text]") {
  Formatter formatter(kifa_builtin_text(), {{"prefix", "false"}, {"end", "\\0"}});
  CHECK(formatter.format({record(1, kTime, "a"), record(2, kTime, "b")}) ==
        std::string("a\0b\0", 4));
}

TEST_CASE("text options that make no sense are told", "[plugins][text][W39]") {
  const struct {
    kifa::testing::TestInstance::Texts options;
    std::string words;
  } cases[] = {
      {{{"template", "{lns}"}}, "there is no field {lns}; there are lsn, time,"},
      {{{"template", "{lsn"}}, "the { at byte 1 is not closed; write {{ for a brace"},
      {{{"template", "lsn}"}}, "the } at byte 4 closes nothing; write }} for one"},
      {{{"template", "{attr.}"}}, "there is no field {attr.}"},
      {{{"template", "\\q"}}, "not by what stands at byte 2"},
      {{{"template", std::string(4097, 'x')}}, "at most 4096 are taken"},
      {{{"end", "\\x4"}}, "end: a backslash is followed by"},
      {{{"end", "\\"}}, "end: a backslash is followed by"},
      {{{"raw", "true"}, {"exact", "true"}}, "raw and exact exclude each other"},
      {{{"template", "{data}"}, {"prefix", "false"}}, "leave prefix out"},
  };
  for (const auto& one : cases) {
    CHECK(testing::refusal_of(kifa_builtin_text(), one.options).find(one.words) !=
          std::string::npos);
  }
}

TEST_CASE("a writer that fails is told to the host, and the next call starts clean",
          "[plugins][text]") {
  Formatter formatter(kifa_builtin_text());
  kifa::testing::FakeWriter writer;
  writer.fail_after(1);
  CHECK(formatter.format({record(1, kTime, std::string(2'000'000, 'x'))}, writer) == KIFA_IO);
  CHECK(formatter.format({record(9, kTime, "y")}) == "[9] 2026-01-31 18:30:00.123 UTC y\n");
}
