#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_regex() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Texts = TestInstance::Texts;
using Record = FramingDriver::Record;
using Skip = FramingDriver::Skip;
using namespace std::string_literals;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kPartial = KIFA_RECORD_PARTIAL;

// One framing with one stream.
struct Lines {
  explicit Lines(const Texts& texts, std::uint32_t flags = 0)
      : framing(*kifa_builtin_regex(), host) {
    const kifa_status status = framing.configure(texts);
    INFO(framing.message());
    REQUIRE(status == KIFA_OK);
    driver = std::make_unique<FramingDriver>(framing, flags);
  }

  FakeHost host;
  TestInstance framing;
  std::unique_ptr<FramingDriver> driver;
};

std::string stripped(std::string text) {
  if (text.ends_with('\n')) {
    text.pop_back();
    if (text.ends_with('\r')) {
      text.pop_back();
    }
  }
  return text;
}

// What the framing promises for `start: ^S` and `end: E$`, said line by line on the whole text.
std::vector<Record> expected_records(const std::string& text, bool has_start, bool has_end) {
  std::vector<Record> records;
  std::string gathered;
  bool inside = !has_start;
  const auto flush = [&](bool keeps_blank, std::uint32_t flags) {
    const bool is_blank = gathered.find_first_not_of("\r\n") == std::string::npos;
    if (!gathered.empty() && (inside || keeps_blank || !is_blank)) {
      records.push_back({stripped(gathered), flags});
    }
    gathered.clear();
    inside = !has_start;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (has_start && stripped(line).starts_with('S')) {
      flush(false, inside && has_end ? kPartial : 0U);
      inside = true;
    }
    gathered += line;
    if (has_end && stripped(line).ends_with('E')) {
      flush(true, line.ends_with('\n') ? 0U : kPartial);
    } else if (at == text.size()) {
      flush(false, !line.ends_with('\n') || (inside && has_end) ? kPartial : 0U);
    }
  }
  return records;
}

}  // namespace

TEST_CASE("a record of several lines ends where the next one starts", "[plugins][regex]") {
  Lines lines(Texts{{"start", "^\\d{4}-"}});
  lines.driver->feed("2024-05-01 failed\r\n  at a\r\n  at b\r\n2024-05-02 fine\r\n");
  CHECK(lines.driver->records == std::vector<Record>{{"2024-05-01 failed\r\n  at a\r\n  at b", 0}});
  lines.driver->end();
  CHECK(lines.driver->records.back() == Record{"2024-05-02 fine", 0});
  CHECK(lines.driver->held_bytes() == 0);
}

TEST_CASE("a receipt ends with the line that says so", "[plugins][regex]") {
  Lines lines(Texts{{"end", "^Thank you"}});
  lines.driver->feed("TOTAL 5.00\nThank you!\nTOTAL 6.00\nThank you");
  CHECK(lines.driver->records == std::vector<Record>{{"TOTAL 5.00\nThank you!", 0}});
  lines.driver->end();
  CHECK(lines.driver->records.back() == Record{"TOTAL 6.00\nThank you", kPartial});
}

TEST_CASE("lines outside of records are kept, empty ones are not", "[plugins][regex]") {
  Lines lines(Texts{{"start", "^BEGIN"}, {"end", "^END"}});
  lines.driver->feed("\n\nBEGIN 1\nEND\nodd\n\nBEGIN 2\nBEGIN 3\nEND\n");
  lines.driver->end();
  CHECK(lines.driver->records ==
        std::vector<Record>{
            {"BEGIN 1\nEND", 0}, {"odd\n", 0}, {"BEGIN 2", kPartial}, {"BEGIN 3\nEND", 0}});
  CHECK(lines.driver->skips == std::vector<Skip>{{2, KIFA_GAP_DELIMITER}});
}

TEST_CASE("random lines give the same records wherever they are cut", "[plugins][regex]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1500; ++round) {
    const bool has_start = random() % 3 != 0;
    const bool has_end = !has_start || random() % 2 == 0;
    Texts texts;
    if (has_start) {
      texts["start"] = "^S";
    }
    if (has_end) {
      texts["end"] = "E$";
    }
    std::string text;
    for (std::size_t i = random() % 60; i > 0; --i) {
      text += "SE\r\n\na"[random() % 6];
    }
    Lines lines(texts);
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t piece = std::min<std::size_t>(rest.size(), random() % 5);
      lines.driver->feed(rest.substr(0, piece));
      rest.remove_prefix(piece);
    }
    lines.driver->end();
    INFO("start " << has_start << " end " << has_end << " text "
                  << Catch::StringMaker<std::string>::convert(text));
    REQUIRE(lines.driver->faults.empty());
    REQUIRE(lines.driver->records == expected_records(text, has_start, has_end));
    REQUIRE(lines.driver->held_bytes() == 0);
  }
}

TEST_CASE("of a long line the patterns see the beginning, however it comes",
          "[plugins][regex][W19]") {
  const std::size_t piece = GENERATE(1U, 700U, 100'000U);
  Lines lines(Texts{{"start", "^S"}, {"end", "E$"}});
  const std::string seen = "S" + std::string(2046, 'x') + "E";
  const std::string shorter = "S" + std::string(2045, 'x') + "E";
  const std::string longer = "S" + std::string(2047, 'x') + "E";
  const std::string text = seen + "behind\n" + seen + "\r\n" + shorter + "\r\n" + longer + "\nS\n";
  for (std::size_t at = 0; at < text.size(); at += piece) {
    lines.driver->feed(text.substr(at, piece));
  }
  CHECK(lines.driver->records ==
        std::vector<Record>{{seen + "behind", 0}, {seen, 0}, {shorter, 0}, {longer, kPartial}});
}

TEST_CASE("the end of an oversize record of lines is found", "[plugins][regex][W19]") {
  SECTION("where the next one starts") {
    Lines lines(Texts{{"start", "^S"}});
    lines.driver->feed("S a very long record\n");
    lines.driver->drop_head();
    lines.driver->feed("more\nS 2\n");
    CHECK(lines.driver->records == std::vector<Record>{{"more", 0}});
    lines.driver->end();
    CHECK(lines.driver->records.back() == Record{"S 2", 0});
  }
  SECTION("behind a last line whose head is gone") {
    Lines lines(Texts{{"end", "^E"}});
    lines.driver->feed("E" + std::string(3000, 'x'));
    lines.driver->drop_head();
    lines.driver->feed("tail\nnext\n");
    CHECK(lines.driver->records == std::vector<Record>{{"tail", 0}});
  }
}

TEST_CASE("silence ends a record at its time and not before", "[plugins][regex]") {
  Lines lines(Texts{{"start", "^S"}, {"silence", "2s"}});
  lines.driver->set_now_mono_ns(kSecond);
  lines.driver->feed("S 1\n");
  REQUIRE(lines.driver->wake_at == 3 * kSecond);
  lines.driver->tick(2 * kSecond);
  CHECK(lines.driver->records.empty());
  CHECK(lines.driver->wake_at == 3 * kSecond);
  lines.driver->tick(3 * kSecond);
  CHECK(lines.driver->records == std::vector<Record>{{"S 1", 0}});
  CHECK_FALSE(lines.driver->wake_at);
}

TEST_CASE("a record that silence ended before its own end is partial", "[plugins][regex]") {
  const auto [bytes, payload] =
      GENERATE(std::pair{"S 1\n"s, "S 1"s}, std::pair{"S 1\nhalf"s, "S 1\nhalf"s});
  Lines lines(Texts{{"start", "^S"}, {"end", "^E"}});
  lines.driver->feed(bytes);
  lines.driver->tick(kSecond);
  CHECK(lines.driver->records == std::vector<Record>{{payload, kPartial}});
}

TEST_CASE("silence ends nothing in a file unless it was asked to, and never half a line",
          "[plugins][regex]") {
  SECTION("not asked") {
    Lines lines(Texts{{"start", "^S"}}, KIFA_STREAM_RESUMABLE);
    lines.driver->feed("S 1\n");
    CHECK_FALSE(lines.driver->wake_at);
  }
  SECTION("asked") {
    Lines lines(Texts{{"start", "^S"}, {"silence", "1s"}}, KIFA_STREAM_RESUMABLE);
    lines.driver->feed("S 1\nha");
    lines.driver->tick(kSecond);
    CHECK(lines.driver->records.empty());
    lines.driver->feed("lf\n");
    lines.driver->tick(2 * kSecond);
    CHECK(lines.driver->records == std::vector<Record>{{"S 1\nhalf", 0}});
  }
}

TEST_CASE("the end of a datagram ends its last line", "[plugins][regex]") {
  Lines lines(Texts{{"start", "^S"}}, KIFA_STREAM_DATAGRAM);
  lines.driver->feed_and_end("S 1\nmore\nS 2");
  CHECK(lines.driver->records == std::vector<Record>{{"S 1\nmore", 0}, {"S 2", 0}});
}

TEST_CASE("a pattern that RE2 refuses is named with RE2's words", "[plugins][regex]") {
  const auto [texts, words] = GENERATE(table<Texts, std::string>(
      {{{{"start", "a("}}, "start \"a(\" is not a regular expression of RE2: missing ): a("},
       {{{"end", "(?=x)"}}, "end \"(?=x)\" is not a regular expression of RE2: invalid"},
       {{{"start", "((a{100}){100}){100}"}}, "of RE2: "},
       {Texts{}, "start and end are both missing"},
       {{{"start", ""}}, "start and end are both missing"}}));
  FakeHost host;
  TestInstance framing(*kifa_builtin_regex(), host);
  CHECK(framing.configure(texts) == KIFA_INVALID);
  INFO(framing.message());
  CHECK(framing.message().find(words) != std::string::npos);
}
