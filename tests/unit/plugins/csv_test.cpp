#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/payloads.hpp"
#include "tests/unit/plugins/records.hpp"
#include "tests/unit/plugins/strict_json.hpp"

extern "C" const kifa_plugin* kifa_builtin_csv() noexcept;

namespace testing = kifa::plugins::testing;
using testing::Formatter;
using testing::record;
using testing::str;

namespace {

constexpr std::int64_t kTime = 1'769'884'200'123'456'789;  // 2026-01-31T18:30:00.123456789Z

const std::vector<kifa_attr> kOrigin = {{str("kifa.pipeline"), str("till-1")},
                                        {str("kifa.source"), str("app")}};

// The cells of one row, read to the letter of RFC 4180.
std::vector<std::string> cells_of(std::string_view row, char delimiter = ',') {
  REQUIRE(row.ends_with("\r\n"));
  row.remove_suffix(2);
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t at = 0; at < row.size(); ++at) {
    if (row[at] == '"') {
      if (quoted && at + 1 < row.size() && row[at + 1] == '"') {
        cells.back() += row[++at];
      } else {
        quoted = !quoted;
      }
    } else if (row[at] == delimiter && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += row[at];
    }
  }
  REQUIRE_FALSE(quoted);
  return cells;
}

std::string payload_of(const std::vector<std::string>& cells) {
  REQUIRE(cells.size() == 6);
  REQUIRE((cells[4].empty() || cells[5].empty()));
  return cells[4].empty() ? testing::decode_base64(cells[5]) : cells[4];
}

}  // namespace

TEST_CASE("a record is a row below the names of its columns", "[plugins][csv][W28]") {
  Formatter formatter(kifa_builtin_csv());
  CHECK(formatter.begin() == "lsn,timestamp,pipeline,source,data,data_base64\r\n");
  CHECK(formatter.format({record(1, kTime, R"({"txn":"TXN-001"})", kOrigin),
                          record(0, kTime, "\xFF"), record(3, -1, "", kOrigin)}) ==
        "1,2026-01-31T18:30:00.123456789Z,\"till-1\",\"app\",\"{\"\"txn\"\":\"\"TXN-001\"\"}\",\r\n"
        ",2026-01-31T18:30:00.123456789Z,\"\",\"\",,/w==\r\n"
        "3,1969-12-31T23:59:59.999999999Z,\"till-1\",\"app\",\"\",\r\n");
}

TEST_CASE("any payload comes back from its row", "[plugins][csv][W24][W25]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Formatter formatter(kifa_builtin_csv());
  for (int round = 0; round < 3000; ++round) {
    std::string payload = testing::random_utf8(random, random() % 60);
    constexpr std::string_view kOften = "\",\r\n\"";
    for (std::uint64_t changed = random() % 9; changed > 0 && !payload.empty(); --changed) {
      payload[random() % payload.size()] =
          random() % 8 == 0 ? static_cast<char>(random()) : kOften[random() % kOften.size()];
    }
    REQUIRE(payload_of(cells_of(formatter.format({record(1, kTime, payload, kOrigin)}))) ==
            payload);
  }
}

TEST_CASE("quotes are doubled at every place of a block", "[plugins][csv]") {
  Formatter formatter(kifa_builtin_csv());
  for (std::size_t size = 1; size < 70; ++size) {
    for (std::size_t place = 0; place < size; ++place) {
      std::string payload(size, 'a');
      payload[place] = '"';
      REQUIRE(payload_of(cells_of(formatter.format({record(1, kTime, payload)}))) == payload);
    }
    const std::string all(size, '"');
    REQUIRE(payload_of(cells_of(formatter.format({record(1, kTime, all)}))) == all);
  }
}

TEST_CASE("a payload is text unless a control byte or a wrong byte is in it", "[plugins][csv]") {
  Formatter formatter(kifa_builtin_csv());
  const auto is_text = [&formatter](const std::string& payload) {
    return cells_of(formatter.format({record(1, kTime, payload)}))[5].empty();
  };
  CHECK(is_text("two\r\nlines\tand a tab"));
  CHECK(is_text("café ₦5,000 😀 and more than sixteen bytes"));
  for (unsigned byte = 0; byte < 0x20; ++byte) {
    const bool allowed = byte == '\t' || byte == '\r' || byte == '\n';
    for (const std::size_t lead : {0U, 5U, 16U, 40U}) {
      CHECK(is_text(std::string(lead, 'x') + static_cast<char>(byte) + "tail of some bytes") ==
            allowed);
    }
  }
  for (const char* bytes : {"\x7F", "\xC2\x80", "\xC2\x9F", "\xC3", "\xED\xA0\x80"}) {
    CHECK_FALSE(is_text(bytes));
  }
  CHECK(is_text("\xC2\xA0"));
}

TEST_CASE("large payloads come back whole", "[plugins][csv]") {
  Formatter formatter(kifa_builtin_csv());
  std::string payload;
  while (payload.size() < 1'000'000) {
    payload += "😀₦é \"plain\" ";
  }
  CHECK(payload_of(cells_of(formatter.format({record(1, kTime, payload)}))) == payload);
  payload[payload.size() / 2] = '\0';
  CHECK(payload_of(cells_of(formatter.format({record(1, kTime, payload)}))) == payload);
}

TEST_CASE("columns, delimiter, header and line ends are chosen", "[plugins][csv]") {
  std::vector<kifa_attr> attrs = kOrigin;
  attrs.push_back({str("peer"), str("10.0.0.7;5140")});
  attrs.push_back({str("raw"), str("\xFF\x01")});
  Formatter formatter(
      kifa_builtin_csv(),
      {{"columns", "size,attr.peer,attr.raw,attr.no,flags,timestamp_ms,timestamp_ns,data_base64"},
       {"delimiter", ";"},
       {"line_end", "lf"}});
  CHECK(formatter.begin() ==
        "size;\"attr.peer\";\"attr.raw\";\"attr.no\";flags;timestamp_ms;"
        "timestamp_ns;data_base64\n");
  CHECK(formatter.format({record(1, kTime, "abc", attrs, KIFA_RECORD_SPLIT | 0x30)}) ==
        "3;\"10.0.0.7;5140\";\"\\xff\\x01\";\"\";split unknown:48;1769884200123;"
        "1769884200123456789;YWJj\n");
  Formatter tabs(kifa_builtin_csv(),
                 {{"columns", "lsn,data,data_base64"}, {"delimiter", "tab"}, {"header", "false"}});
  CHECK(tabs.begin().empty());
  CHECK(cells_of(tabs.format({record(1, kTime, "a\tb")}), '\t') ==
        std::vector<std::string>{"1", "a\tb", ""});
}

TEST_CASE("a guard keeps spreadsheets from taking a payload for a formula", "[plugins][csv]") {
  Formatter formatter(kifa_builtin_csv(), {{"formula_guard", "true"}});
  const auto data = [&formatter](std::string_view payload) {
    const auto cells = cells_of(formatter.format({record(1, kTime, payload)}));
    return cells[4] + cells[5];
  };
  for (const char* risky : {"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'", "'=1",
                            "\xEF\xBC\x9D"
                            "1",
                            "\xEF\xBC\x8B", "\xEF\xBC\x8D", "\xEF\xBC\xA0"}) {
    CHECK(data(risky) == std::string("'") + risky);
  }
  for (const char* harmless : {"", "1", "a=b", " =1", "\"=1\""}) {
    CHECK(data(harmless) == harmless);
  }
  CHECK(data("\xF8\x01") == "'+AE=");  // in base64 it begins with +
  CHECK(data("\xF7\x01") == "9wE=");
  const std::vector<kifa_attr> attrs = {{str("kifa.source"), str("=cmd")}};
  CHECK(cells_of(formatter.format({record(1, kTime, "x", attrs)}))[3] == "'=cmd");
  CHECK(cells_of(formatter.format({record(1, -1'000'000'000, "x")}))[0] == "1");
}

TEST_CASE("csv options that make no sense are told", "[plugins][csv][W39]") {
  const struct {
    kifa::testing::TestInstance::Texts options;
    std::string words;
  } cases[] = {
      {{{"columns", "lsn,tme"}}, "there is no column 'tme'; there are lsn, timestamp,"},
      {{{"columns", "attr."}}, "there is no column 'attr.'"},
      {{{"columns", "lsn,data"}}, "choose data_base64 too"},
      {{{"delimiter", "x"}}, "or one of these itself, not 'x'"},
      {{{"delimiter", ""}}, "or one of these itself, not ''"},
  };
  for (const auto& one : cases) {
    const std::string refusal = testing::refusal_of(kifa_builtin_csv(), one.options);
    INFO(refusal);
    CHECK(refusal.find(one.words) != std::string::npos);
  }
  std::string columns = "data_base64";
  for (int i = 1; i < 64; ++i) {
    columns += ",lsn";
  }
  CHECK(testing::refusal_of(kifa_builtin_csv(), {{"columns", columns}}).empty());
  CHECK(testing::refusal_of(kifa_builtin_csv(), {{"columns", columns + ",lsn"}})
            .find("there are 65; at most 64 are taken") != std::string::npos);
}

TEST_CASE("a writer that fails ends a row, and the next call starts clean", "[plugins][csv]") {
  Formatter formatter(kifa_builtin_csv());
  for (const char first : {'x', '\0'}) {
    kifa::testing::FakeWriter writer;
    writer.fail_after(1);
    std::string payload(2'000'000, 'x');
    payload.front() = first;
    CHECK(formatter.format({record(1, kTime, payload)}, writer) == KIFA_IO);
  }
  CHECK(formatter.format({record(9, kTime, "y")}).starts_with("9,"));
}
