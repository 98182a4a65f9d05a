#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"

extern "C" const kifa_plugin* kifa_builtin_stx_etx() noexcept;

using kifa::testing::FakeHost;
using kifa::testing::FramingDriver;
using kifa::testing::TestInstance;
using Texts = TestInstance::Texts;
using Record = FramingDriver::Record;
using Skip = FramingDriver::Skip;
using namespace std::string_literals;

namespace {

const std::string kAck = "\x06";
const std::string kNak = "\x15";

std::string lrc_of(const std::string& bytes) {
  char sum = 0;
  for (const char byte : bytes) {
    sum = static_cast<char>(sum ^ byte);
  }
  return {sum};
}

// As devices send it: STX, payload, ETX, XOR of payload and ETX.
std::string frame(const std::string& payload) {
  return "\x02" + payload + "\x03" + lrc_of(payload + "\x03");
}

// One framing with one stream.
struct Line {
  explicit Line(const Texts& texts = {}, std::uint32_t flags = KIFA_STREAM_REPLY)
      : framing(*kifa_builtin_stx_etx(), host) {
    const kifa_status status = framing.configure(texts);
    INFO(framing.message());
    REQUIRE(status == KIFA_OK);
    driver = std::make_unique<FramingDriver>(framing, flags);
  }

  void settle(kifa_status status = KIFA_OK) {
    driver->durable({{status < 0 ? 0U : 1U, status, 0}});
  }
  // Bytes of no frame.
  [[nodiscard]] std::size_t malformed() const {
    std::size_t bytes = 0;
    for (const Skip& skip : driver->skips) {
      bytes += skip.reason == KIFA_GAP_MALFORMED ? skip.bytes : 0;
    }
    return bytes;
  }

  FakeHost host;
  TestInstance framing;
  std::unique_ptr<FramingDriver> driver;
};

void feed_split(FramingDriver& driver, std::string_view all, std::mt19937_64& random) {
  while (!all.empty()) {
    const std::size_t piece = std::min<std::size_t>(all.size(), random() % 7);
    driver.feed(all.substr(0, piece));
    all.remove_prefix(piece);
  }
}

}  // namespace

TEST_CASE("a frame is what stands between start and end when its check is right",
          "[plugins][stx_etx]") {
  Line line;
  line.driver->feed(frame("SALE 12.50") + frame("") + frame("\x10\xFF\0"s));
  CHECK(line.driver->records ==
        std::vector<Record>{{"SALE 12.50", 0}, {"", 0}, {"\x10\xFF\0"s, 0}});
  CHECK(line.driver->skips.empty());
  CHECK(line.driver->replies.empty());
}

TEST_CASE("the checks are those of the published examples", "[plugins][stx_etx]") {
  const auto [texts, bytes, payload] = GENERATE(table<Texts, std::string, std::string>(
      {// Of the catalogue of CRC algorithms: the check of "123456789".
       {{{"check", "crc16_kermit"}, {"check_covers_end", "false"}},
        "\x02"
        "123456789\x03\x89\x21",
        "123456789"},
       {{{"check", "crc16_ccitt"}, {"check_covers_end", "false"}, {"check_order", "high_first"}},
        "\x02"
        "123456789\x03\x31\xC3",
        "123456789"},
       {{{"check", "crc16_ccitt"},
         {"check_initial", "65535"},
         {"check_covers_end", "false"},
         {"check_order", "high_first"}},
        "\x02"
        "123456789\x03\x29\xB1",
        "123456789"},
       {{{"check", "crc16_arc"}, {"check_covers_end", "false"}},
        "\x02"
        "123456789\x03\x3D\xBB",
        "123456789"},
       // A payment terminal's registration, ZVT 700.
       {{{"check", "crc16_kermit"}, {"dle", "doubled"}},
        "\x10\x02\x80\0\0\x10\x03\xF5\x1F"s,
        "\x80\0\0"s},
       // An Italian till: the XOR begins with 7F.
       {{{"check", "lrc"}, {"check_initial", "127"}},
        "\x02"
        "A\x03\x3D",
        "A"},
       {{{"check", "lrc"}, {"check_covers_start", "true"}},
        "\x02"
        "A\x03\x40",
        "A"}}));
  Line line(texts);
  line.driver->feed(bytes);
  CHECK(line.driver->records == std::vector<Record>{{payload, 0}});
  CHECK(line.malformed() == 0);
}

TEST_CASE("random payloads come back from every stuffing, wherever they are cut",
          "[plugins][stx_etx]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 600; ++round) {
    const char* const stuffings[] = {"none", "doubled", "escape"};
    const std::string stuffing = stuffings[random() % 3];
    const bool has_check = random() % 2 == 0;
    const bool keep_frame = random() % 4 == 0;
    std::string bytes;
    std::vector<Record> expected;
    std::size_t outside = 0;
    for (std::size_t i = random() % 8; i > 0; --i) {
      std::string payload;
      std::string stuffed;
      for (std::size_t length = random() % 12; length > 0; --length) {
        const char byte =
            "\x02\x03\x10"
            "ab"[random() % 5];
        const bool is_control = byte == '\x02' || byte == '\x03' || byte == '\x10';
        if (stuffing == "none" && is_control && byte != '\x10') {
          continue;
        }
        payload += byte;
        if (stuffing == "escape" ? is_control : stuffing == "doubled" && byte == '\x10') {
          stuffed += '\x10';
        }
        stuffed += byte;
      }
      const std::string dle = stuffing == "doubled" ? "\x10" : "";
      const std::string whole =
          dle + "\x02" + stuffed + dle + "\x03" + (has_check ? lrc_of(payload + "\x03") : "");
      const std::string noise(random() % 3, 'z');
      outside += noise.size();
      bytes += noise + whole;
      expected.push_back({keep_frame ? whole : payload, 0});
    }
    Line line(Texts{{"dle", stuffing},
                    {"check", has_check ? "lrc" : "none"},
                    {"keep_frame", keep_frame ? "true" : "false"}});
    feed_split(*line.driver, bytes, random);
    line.driver->end();
    INFO("dle " << stuffing << ", bytes " << Catch::StringMaker<std::string>::convert(bytes));
    REQUIRE(line.driver->faults.empty());
    REQUIRE(line.driver->records == expected);
    REQUIRE(line.malformed() == outside);
    REQUIRE(line.driver->held_bytes() == 0);
  }
}

TEST_CASE("random bytes are cut the same way in one piece and in many, and all are accounted for",
          "[plugins][stx_etx]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 1500; ++round) {
    const char* const stuffings[] = {"none", "doubled", "escape"};
    const char* const checks[] = {"none", "lrc", "crc16_arc"};
    const Texts texts = {{"dle", stuffings[random() % 3]},
                         {"check", checks[random() % 3]},
                         {"frame_max", "16"},
                         {"keep_frame", "true"},
                         {"replies", "true"}};
    std::string bytes;
    for (std::size_t i = random() % 80; i > 0; --i) {
      bytes +=
          "\x02\x03\x10\x06"
          "a\0"s[random() % 6];
    }
    Line whole(texts);
    whole.driver->feed(bytes);
    whole.driver->end();
    Line pieces(texts);
    feed_split(*pieces.driver, bytes, random);
    pieces.driver->end();
    REQUIRE(pieces.driver->faults.empty());
    REQUIRE(pieces.driver->records == whole.driver->records);
    REQUIRE(pieces.driver->replies == whole.driver->replies);
    REQUIRE(pieces.malformed() == whole.malformed());
    std::size_t together = 0;
    for (const Record& record : pieces.driver->records) {
      together += record.payload.size();
      REQUIRE(record.payload.size() <= 16);
    }
    for (const Skip& skip : pieces.driver->skips) {
      together += skip.bytes;
    }
    REQUIRE(together == bytes.size());
  }
}

TEST_CASE("a bad frame is answered NAK at once, counted and no record", "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}});
  line.driver->feed(
      "\x02"
      "abc\x03");
  CHECK(line.driver->replies.empty());
  line.driver->feed("?");
  CHECK(line.driver->replies == kNak);
  CHECK(line.driver->records.empty());
  CHECK(line.malformed() == 6);
  CHECK(line.host.metric("frames_bad_check") == 1);
  line.driver->feed(frame("abc"));
  CHECK(line.driver->records == std::vector<Record>{{"abc", 0}});
  CHECK(line.driver->replies == kNak);
}

TEST_CASE("a frame is answered ACK when its record is durable, not before", "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}, {"ack", "hex:10 06"}});
  line.driver->feed(frame("one"));
  CHECK(line.driver->replies.empty());
  line.settle();
  CHECK(line.driver->replies == "\x10\x06");
}

TEST_CASE(
    "a frame whose record could not be stored is answered NAK, and is new when it comes again",
    "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}, {"resends", "drop"}});
  line.driver->feed(frame("one"));
  line.settle(KIFA_IO);
  CHECK(line.driver->replies == kNak);
  line.driver->feed(frame("one"));
  CHECK(line.driver->records == std::vector<Record>{{"one", 0}, {"one", 0}});
}

TEST_CASE("a frame sent again before its answer is flagged, and both get one answer",
          "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}});
  line.driver->feed(frame("one") + frame("one"));
  CHECK(line.driver->records == std::vector<Record>{{"one", 0}, {"one", KIFA_RECORD_RESENT}});
  line.driver->durable({{1, KIFA_OK, 0}, {2, KIFA_OK, 0}});
  CHECK(line.driver->replies == kAck);
  CHECK(line.host.metric("frames_resent") == 1);
}

TEST_CASE("a frame sent again before its answer can be dropped, and its bytes are no loss",
          "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}, {"resends", "drop"}});
  line.driver->feed(frame("one") + frame("one"));
  CHECK(line.driver->records == std::vector<Record>{{"one", 0}});
  CHECK(line.driver->skips == std::vector<Skip>{{6, KIFA_GAP_DELIMITER}});
  line.settle();
  CHECK(line.driver->replies == kAck);
}

TEST_CASE("equal frames are two sales once the first was answered, or when nobody answers",
          "[plugins][stx_etx]") {
  const bool replies = GENERATE(true, false);
  Line line(Texts{{"replies", replies ? "true" : "false"}, {"resends", "drop"}});
  line.driver->feed(frame("1.00"));
  line.settle();
  line.driver->feed(frame("1.00"));
  CHECK(line.driver->records == std::vector<Record>{{"1.00", 0}, {"1.00", 0}});
}

TEST_CASE("with a sequence field a repeated frame is known after its answer too",
          "[plugins][stx_etx]") {
  Line line(Texts{
      {"replies", "true"}, {"resends", "drop"}, {"sequence_offset", "1"}, {"sequence_bytes", "2"}});
  line.driver->feed(frame("S01 a"));
  line.settle();
  CHECK(line.driver->replies == kAck);
  SECTION("the same frame is dropped and told again that it is stored") {
    line.driver->feed(frame("S01 a"));
    CHECK(line.driver->records.size() == 1);
    CHECK(line.driver->replies == kAck + kAck);
  }
  SECTION("other bytes under the same number are never dropped") {
    line.driver->feed(frame("S01 b"));
    CHECK(line.driver->records == std::vector<Record>{{"S01 a", 0}, {"S01 b", KIFA_RECORD_RESENT}});
    line.settle();
    CHECK(line.driver->replies == kAck + kAck);
  }
  SECTION("equal bytes beside another number are new") {
    line.driver->feed(frame("S02 a"));
    CHECK(line.driver->records == std::vector<Record>{{"S01 a", 0}, {"S02 a", 0}});
  }
}

TEST_CASE("a stream that begins anew does not answer the next frame for the one before",
          "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}});
  line.driver->feed(frame("one"));
  // What the host does after idle_timeout: a new state for the same stream, then the old one goes.
  auto again = std::make_unique<FramingDriver>(line.framing, KIFA_STREAM_REPLY);
  line.driver = std::move(again);
  line.driver->feed(frame("two"));
  line.settle();
  CHECK(line.driver->replies == kAck);
  line.settle();
  CHECK(line.driver->replies == kAck + kAck);
}

TEST_CASE("a source that cannot answer is warned about once, and its frames are kept",
          "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}}, 0);
  line.driver->feed(
      "\x02"
      "bad\x03?" +
      frame("one"));
  line.settle();
  const FramingDriver other(line.framing);
  CHECK(line.driver->records == std::vector<Record>{{"one", 0}});
  CHECK(line.driver->replies.empty());
  CHECK(line.host.logs().size() == 1);
}

TEST_CASE("bytes between frames are counted, but for those that devices send there",
          "[plugins][stx_etx]") {
  Line line;
  line.driver->feed("noise\x05\x04" + frame("a") + "\x06" + frame("b"));
  CHECK(line.driver->records == std::vector<Record>{{"a", 0}, {"b", 0}});
  CHECK(line.driver->skips == std::vector<Skip>{{5, KIFA_GAP_MALFORMED},
                                                {2, KIFA_GAP_DELIMITER},
                                                {1, KIFA_GAP_DELIMITER}});
}

TEST_CASE("a frame that was cut off does not take the next one with it", "[plugins][stx_etx]") {
  const std::string check = GENERATE("lrc"s, "none"s);
  Line line(Texts{{"check", check}, {"replies", "true"}});
  line.driver->feed(
      "\x02"
      "half a sale" +
      (check == "lrc" ? frame("whole") : "\x02whole\x03"s));
  CHECK(line.driver->records == std::vector<Record>{{"whole", 0}});
  CHECK(line.malformed() == 12);
  CHECK(line.host.metric("frames_cut") == 1);
  CHECK(line.driver->replies.empty());
}

TEST_CASE("a start byte in a payload with a right check belongs to it", "[plugins][stx_etx]") {
  Line line;
  line.driver->feed(
      frame("a\x02"
            "b"));
  CHECK(line.driver->records == std::vector<Record>{{"a\x02"
                                                     "b",
                                                     0}});
}

TEST_CASE("a check byte that was lost does not hide the next frame", "[plugins][stx_etx]") {
  Line line;
  line.driver->feed(
      "\x02"
      "abc\x03" +
      frame("whole"));
  CHECK(line.driver->records == std::vector<Record>{{"whole", 0}});
  CHECK(line.malformed() == 5);
}

TEST_CASE("a frame without an end is given up at frame_max", "[plugins][stx_etx][W19]") {
  Line line(Texts{{"frame_max", "16"}, {"replies", "true"}});
  const std::string longest = frame(std::string(13, 'x'));
  REQUIRE(longest.size() == 16);
  line.driver->feed(longest);
  CHECK(line.driver->records == std::vector<Record>{{std::string(13, 'x'), 0}});
  line.driver->feed("\x02" + std::string(100, 'y'));
  CHECK(line.host.metric("frames_too_long") == 1);
  CHECK(line.driver->replies == kNak);
  CHECK(line.driver->held_bytes() == 0);
  line.driver->feed(frame("next"));
  CHECK(line.driver->records.back() == Record{"next", 0});
}

TEST_CASE("a frame may be exactly frame_max long, however it is stuffed",
          "[plugins][stx_etx][W19]") {
  const auto [stuffing, head, tail] = GENERATE(
      table<std::string, std::string, std::string>({{"none", "\x02", "xx\x03"},
                                                    {"doubled", "\x10\x02", "\x10\x03"},
                                                    {"doubled", "\x10\x02", "\x10\x10\x10\x03"},
                                                    {"escape", "\x02", "\x10\x03\x03"}}));
  const Texts texts = {{"dle", stuffing}, {"check", "none"}, {"frame_max", "16"}};
  const std::size_t most = 16 - head.size() - tail.size();
  Line fits(texts);
  fits.driver->feed(head + std::string(most, 'x') + tail);
  CHECK(fits.driver->records.size() == 1);
  Line too_long(texts);
  too_long.driver->feed(head + std::string(most + 1, 'x') + tail);
  CHECK(too_long.driver->records.empty());
  CHECK(too_long.host.metric("frames_too_long") == 1);
}

TEST_CASE("an impossible byte behind DLE ends the frame as a bad one", "[plugins][stx_etx]") {
  Line line(Texts{{"dle", "doubled"}, {"check", "none"}, {"replies", "true"}});
  line.driver->feed(
      "\x10\x02"
      "a\x10"
      "b\x10\x02"
      "c\x10\x03");
  CHECK(line.driver->records == std::vector<Record>{{"c", 0}});
  CHECK(line.driver->replies == kNak);
  CHECK(line.host.metric("frames_bad_stuffing") == 1);
}

TEST_CASE("what is unfinished at the end is a partial record and is not answered",
          "[plugins][stx_etx]") {
  Line line(Texts{{"replies", "true"}});
  line.driver->feed("\x02half");
  line.driver->end();
  line.driver->feed("\x02whole\x03");
  line.driver->end();
  CHECK(line.driver->records ==
        std::vector<Record>{{"half", KIFA_RECORD_PARTIAL}, {"whole", KIFA_RECORD_PARTIAL}});
  line.settle();
  line.settle();
  CHECK(line.driver->replies.empty());
}

TEST_CASE("settings that no frame can have are refused with what is possible",
          "[plugins][stx_etx]") {
  const auto [wrong, word] = GENERATE(
      table<Texts, std::string>({{{{"start", "hex:0"}}, "hexadecimal"},
                                 {{{"start", "STX"}}, "1 to 1 are possible"},
                                 {{{"end", ""}}, "1 to 4 are possible"},
                                 {{{"end", "hex:02"}}, "in common"},
                                 {{{"dle", "doubled"}, {"start", "hex:10"}}, "without the DLE"},
                                 {{{"check_initial", "256"}}, "0 to 255"},
                                 {{{"frame_max", "2MiB"}}, "record_bytes_max"},
                                 {{{"ack", "hex:010203040506070809"}}, "1 to 8 are possible"}}));
  FakeHost host;
  TestInstance framing(*kifa_builtin_stx_etx(), host);
  CHECK(framing.configure(wrong) == KIFA_INVALID);
  CHECK(framing.message().find(word) != std::string::npos);
}
