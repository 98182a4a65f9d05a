#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/payloads.hpp"
#include "tests/unit/plugins/records.hpp"
#include "tests/unit/plugins/strict_json.hpp"

extern "C" const kifa_plugin* kifa_builtin_json() noexcept;

namespace testing = kifa::plugins::testing;
using testing::Json;
using testing::record;
using testing::str;
using testing::StrictJsonParser;

namespace {

constexpr std::int64_t kTime = 1'769'884'200'123'456'789;  // 2026-01-31T18:30:00.123456789Z

const std::vector<kifa_attr> kOrigin = {{str("kifa.pipeline"), str("till-1")},
                                        {str("kifa.source"), str("app")}};

class JsonFormatter final {
 public:
  std::string line(const kifa_record& one) { return formatter_.format({one}); }
  Json parsed(const kifa_record& one) {
    const std::string out = line(one);
    REQUIRE(out.ends_with("}\n"));
    REQUIRE(out.find('\n') == out.size() - 1);
    return StrictJsonParser::parse(std::string_view(out).substr(0, out.size() - 1));
  }
  std::string payload_of(const kifa_record& one) {
    const Json object = parsed(one);
    if (object.has("data_base64")) {
      REQUIRE_FALSE(object.has("data"));
      return testing::decode_base64(object.at("data_base64").text);
    }
    return object.at("data").text;
  }

 private:
  testing::Formatter formatter_{kifa_builtin_json()};
};

}  // namespace

TEST_CASE("a record is one object with number, times, origin and data", "[plugins][json][W28]") {
  JsonFormatter formatter;
  CHECK(formatter.line(record(1, kTime, R"({"txn":"TXN-001"})", kOrigin)) ==
        R"({"lsn":1,"timestamp":"2026-01-31T18:30:00.123456789Z","timestamp_ms":1769884200123,)"
        R"("timestamp_ns":1769884200123456789,"pipeline":"till-1","source":"app",)"
        R"("data":"{\"txn\":\"TXN-001\"}"})"
        "\n");
}

TEST_CASE("non-ASCII text comes out as it went in", "[plugins][json][W24]") {
  JsonFormatter formatter;
  const std::string line = formatter.line(record(1, kTime, "café ₦5,000 😀", kOrigin));
  CHECK(line.find(R"("data":"café ₦5,000 😀"})") != std::string::npos);
}

TEST_CASE("valid UTF-8 comes back byte for byte as data", "[plugins][json][W24]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  JsonFormatter formatter;
  for (int round = 0; round < 2000; ++round) {
    const std::string payload = testing::random_utf8(random, random() % 80);
    const kifa_record one = record(1, kTime, payload, kOrigin);
    REQUIRE(formatter.parsed(one).at("data").text == payload);
  }
}

TEST_CASE("quotes and backslashes come back at every place of a block", "[plugins][json]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  JsonFormatter formatter;
  for (int round = 0; round < 2000; ++round) {
    std::string payload(random() % 150, 'a');
    for (char& byte : payload) {
      const std::uint64_t roll = random() % (round % 2 == 0 ? 6 : 60);
      byte = roll == 0 ? '"' : (roll == 1 ? '\\' : static_cast<char>('a' + random() % 26));
    }
    REQUIRE(formatter.parsed(record(1, kTime, payload, kOrigin)).at("data").text == payload);
  }
}

TEST_CASE("any bytes come back, as base64 exactly when they are not UTF-8", "[plugins][json]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  JsonFormatter formatter;
  for (int round = 0; round < 3000; ++round) {
    std::string payload = testing::random_utf8(random, random() % 30);
    for (std::size_t spoiled = random() % 3; spoiled > 0 && !payload.empty(); --spoiled) {
      payload[random() % payload.size()] = static_cast<char>(random());
    }
    payload.resize(random() % (payload.size() + 1));
    const kifa_record one = record(1, kTime, payload, kOrigin);
    REQUIRE(formatter.parsed(one).has("data") == testing::is_utf8_by_the_table(payload));
    REQUIRE(formatter.payload_of(one) == payload);
  }
}

TEST_CASE("overlong forms, surrogates and too large code points are not UTF-8", "[plugins][json]") {
  JsonFormatter formatter;
  for (const std::string payload :
       {"\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\x80", "a\xC3",
        "\xE2\x82", "\xF0\x9F\x98"}) {
    const kifa_record one = record(1, kTime, payload, kOrigin);
    CHECK_FALSE(formatter.parsed(one).has("data"));
    CHECK(formatter.payload_of(one) == payload);
  }
}

TEST_CASE("large payloads come back whole, whatever stands at the borders of their pieces",
          "[plugins][json]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  JsonFormatter formatter;
  for (const std::size_t lead : {0U, 1U, 2U, 3U}) {
    std::string text(lead, 'x');
    while (text.size() < 1'500'000) {
      text += random() % 2 == 0 ? "😀₦é\n" : "plain text \"quoted\" ";
    }
    REQUIRE(formatter.payload_of(record(1, kTime, text, kOrigin)) == text);
    text[text.size() / 2] = '\xFF';
    REQUIRE(formatter.payload_of(record(1, kTime, text, kOrigin)) == text);
  }
}

TEST_CASE("nothing in the output can end a line or steer a terminal", "[plugins][json][W25]") {
  JsonFormatter formatter;
  std::string payload;
  for (std::uint32_t code_point = 0; code_point < 0x3000; ++code_point) {
    testing::append_code_point(payload, code_point);
  }
  const kifa_record one = record(1, kTime, payload, kOrigin);
  const std::string line = formatter.line(one);
  CHECK(line.find('\x7F') == std::string::npos);
  // CSI, line separator, right-to-left override.
  for (const std::uint32_t code_point : {0x9BU, 0x2028U, 0x202EU}) {
    std::string text;
    testing::append_code_point(text, code_point);
    CHECK(line.find(text) == std::string::npos);
  }
  CHECK(formatter.payload_of(one) == payload);
}

TEST_CASE("times before 1970 and at the ends of the range are exact", "[plugins][json]") {
  JsonFormatter formatter;
  const auto time_of = [&](std::int64_t unix_ns) {
    return formatter.parsed(record(1, unix_ns, "", kOrigin));
  };
  CHECK(time_of(0).at("timestamp").text == "1970-01-01T00:00:00.000000000Z");
  CHECK(time_of(-1).at("timestamp").text == "1969-12-31T23:59:59.999999999Z");
  CHECK(time_of(-1).at("timestamp_ms").text == "-1");
  CHECK(time_of(-1).at("timestamp_ns").text == "-1");
  CHECK(time_of(951'782'400'000'000'000).at("timestamp").text == "2000-02-29T00:00:00.000000000Z");
  CHECK(time_of(4'294'967'296'000'000'000).at("timestamp").text ==
        "2106-02-07T06:28:16.000000000Z");
  CHECK(time_of(INT64_MAX).at("timestamp").text == "2262-04-11T23:47:16.854775807Z");
  CHECK(time_of(INT64_MIN).at("timestamp").text == "1677-09-21T00:12:43.145224192Z");
  CHECK(time_of(INT64_MIN).at("timestamp_ns").text == "-9223372036854775808");
}

TEST_CASE("what is not known is null", "[plugins][json]") {
  JsonFormatter formatter;
  const Json object = formatter.parsed(record(0, kTime, "x"));
  CHECK(object.at("lsn").type == Json::Type::null);
  CHECK(object.at("source").type == Json::Type::null);
  CHECK_FALSE(object.has("pipeline"));
  CHECK_FALSE(object.has("attributes"));
  CHECK_FALSE(object.has("flags"));
}

TEST_CASE("attributes are members, or pairs when a key comes twice", "[plugins][json]") {
  JsonFormatter formatter;
  std::vector<kifa_attr> attrs = kOrigin;
  attrs.push_back({str("peer"), str("10.0.0.7:5140")});
  attrs.push_back({str("note"), str("a \"quoted\"\nline")});
  const Json object = formatter.parsed(record(1, kTime, "x", attrs));
  CHECK(object.at("attributes").at("peer").text == "10.0.0.7:5140");
  CHECK(object.at("attributes").at("note").text == "a \"quoted\"\nline");

  attrs.push_back({str("peer"), str("second")});
  const Json repeated = formatter.parsed(record(1, kTime, "x", attrs));
  REQUIRE(repeated.at("attributes").items.size() == 3);
  CHECK(repeated.at("attributes").items[0].items[1].text == "10.0.0.7:5140");
  CHECK(repeated.at("attributes").items[2].items[0].text == "peer");
  CHECK(repeated.at("attributes").items[2].items[1].text == "second");
  CHECK(repeated.at("source").text == "app");
}

TEST_CASE("a second origin attribute is an attribute like others", "[plugins][json][W26]") {
  JsonFormatter formatter;
  std::vector<kifa_attr> attrs = kOrigin;
  attrs.push_back({str("kifa.source"), str("forged")});
  const Json object = formatter.parsed(record(1, kTime, "[tcp:1.2.3.4] forged", attrs));
  CHECK(object.at("source").text == "app");
  CHECK(object.at("data").text == "[tcp:1.2.3.4] forged");
  REQUIRE(object.at("attributes").items.size() == 1);
  CHECK(object.at("attributes").items[0].items[1].text == "forged");
}

TEST_CASE("attributes that are not UTF-8 lose no byte", "[plugins][json]") {
  JsonFormatter formatter;
  const Json value =
      formatter.parsed(record(1, kTime, "x", {{str("raw"), str(std::string_view("\xFF\0", 2))}}));
  CHECK(testing::decode_base64(value.at("attributes").at("raw").at("base64").text) ==
        std::string("\xFF\0", 2));
  const Json key = formatter.parsed(record(1, kTime, "x", {{str("\xC3"), str("v")}}));
  CHECK(testing::decode_base64(key.at("attributes").items[0].items[0].at("base64").text) == "\xC3");
}

TEST_CASE("records that share attributes and records that do not are told apart",
          "[plugins][json]") {
  testing::Formatter formatter(kifa_builtin_json());
  std::vector<kifa_attr> other = kOrigin;
  other[1].value = str("printer");
  const std::string out = formatter.format(
      {record(1, kTime, "a", kOrigin), record(2, kTime, "b", kOrigin), record(3, kTime, "c", other),
       record(4, kTime, "d"), record(5, kTime, "e", kOrigin)});
  std::vector<std::string> sources;
  for (std::size_t at = out.find("\"source\":"); at != std::string::npos;
       at = out.find("\"source\":", at + 1)) {
    sources.push_back(out.substr(at + 9, out.find(',', at) - at - 9));
  }
  CHECK(sources ==
        std::vector<std::string>{"\"app\"", "\"app\"", "\"printer\"", "null", "\"app\""});
  // The same memory with another content in the next call.
  other[1].value = str("scale");
  CHECK(formatter.format({record(6, kTime, "f", other)}).find("\"scale\"") != std::string::npos);
}

TEST_CASE("flags are named, unknown ones numbered", "[plugins][json][W19]") {
  JsonFormatter formatter;
  const auto flags_of = [&](std::uint32_t flags) {
    std::string names;
    const Json object = formatter.parsed(record(1, kTime, "x", {}, flags));
    for (const Json& name : object.at("flags").items) {
      names += name.text + " ";
    }
    return names;
  };
  CHECK(flags_of(KIFA_RECORD_TRUNCATED) == "truncated ");
  CHECK(flags_of(0x0F) == "truncated split partial resent ");
  CHECK(flags_of(0x30 | KIFA_RECORD_SPLIT) == "split unknown:48 ");
  CHECK(flags_of(0x10) == "unknown:16 ");
}

TEST_CASE("a payload that is JSON is embedded when it is asked for", "[plugins][json]") {
  testing::Formatter formatter(kifa_builtin_json(), {{"embed", "true"}});
  const auto shown = [&formatter](std::string_view payload) {
    const std::string line = formatter.format({record(1, kTime, payload, kOrigin)});
    REQUIRE(line.ends_with("}\n"));
    const std::size_t at = line.find(",\"data");
    return line.substr(at + 1, line.size() - at - 3);
  };
  CHECK(shown(R"({"txn":"TXN-001","amount":10.50,"amount":1e999})") ==
        R"("data":{"txn":"TXN-001","amount":10.50,"amount":1e999})");
  CHECK(shown(" [1,\r\n\t[],{}]\n") == "\"data\": [1,   [],{}] ");
  CHECK(shown("[\"\x7F caf\u00e9 \u2028\"]") == "\"data\":[\"\\u007f caf\u00e9 \\u2028\"]");
  // What is not an object or an array stays text, so that nothing is taken for it.
  for (const char* text : {"5", "\"a\"", "null", "true", "", " "}) {
    CHECK(shown(text).starts_with("\"data\":\""));
  }
  CHECK(shown("[\"\xFF\"]").starts_with("\"data_base64\":"));
  testing::Formatter plain(kifa_builtin_json());
  CHECK(plain.format({record(1, kTime, "{}", kOrigin)}).ends_with("\"data\":\"{}\"}\n"));
}

TEST_CASE("only what is JSON to the letter is embedded", "[plugins][json]") {
  testing::Formatter formatter(kifa_builtin_json(), {{"embed", "true"}});
  const auto is_embedded = [&formatter](std::string_view payload) {
    const std::string line = formatter.format({record(1, kTime, payload, kOrigin)});
    return line.find(",\"data\":\"") == std::string::npos;
  };
  for (const char* good :
       {"{}", "[]", "[[]]", R"({"a":{"b":[1,-0,0.5,1E+5,2e-3]}})", R"(["\u00e9\ud83d\ude00\n\/"])",
        "[true,false,null]", R"({"":""})", "[ 1 , 2 ]", R"({ "a" : 1 , "b" : [ ] })"}) {
    INFO(good);
    CHECK(is_embedded(good));
  }
  for (const char* bad : {"{",
                          "[",
                          "]",
                          "[1",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{1:1}",
                          "[01]",
                          "[1.]",
                          "[.5]",
                          "[+1]",
                          "[1e]",
                          "[-]",
                          "[--1]",
                          "[tru]",
                          "[nul]",
                          "[\"]",
                          "[\"\\x41\"]",
                          "[\"\\u12\"]",
                          "[\"\\ud800\"]",
                          "[\"\\udc00\"]",
                          "[\"\\ud800\\u0041\"]",
                          "[\"a\nb\"]",
                          "{}{}",
                          "[]]",
                          "[}",
                          "{]",
                          "[1]x",
                          "[NaN]",
                          "['a']",
                          "{,}",
                          "[1,,2]",
                          "{\"a\":1 \"b\":2}",
                          "[\"a\" \"b\"]",
                          "{\"a\" 1}",
                          "\xEF\xBB\xBF[]"}) {
    INFO(bad);
    CHECK_FALSE(is_embedded(bad));
  }
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(is_embedded(nested(200)));
  CHECK_FALSE(is_embedded(nested(201)));
}

TEST_CASE("a writer that fails is told at once, and the next call starts clean",
          "[plugins][json]") {
  testing::Formatter formatter(kifa_builtin_json());
  const std::string large(2'000'000, 'x');
  for (const int appends : {0, 1, 2}) {
    kifa::testing::FakeWriter writer;
    writer.fail_after(static_cast<std::uint64_t>(appends));
    CHECK(formatter.format({record(1, kTime, large)}, writer) == KIFA_IO);
  }
  CHECK(formatter.format({record(7, kTime, "y")}).starts_with("{\"lsn\":7,"));
}
