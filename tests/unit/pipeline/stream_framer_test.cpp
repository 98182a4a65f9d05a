#include "core/pipeline/stream_framer.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/pipeline/limits.hpp"
#include "core/plugin/component_settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/unit/pipeline/test_components.hpp"

namespace kifa::pipeline {
namespace {

struct Told {
  std::string payload;
  std::uint64_t end_position = 0;
  std::uint32_t flags = 0;
  bool operator==(const Told&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Told& told) {
  return out << '"' << told.payload.substr(0, 40) << "\" (" << told.payload.size() << ") @"
             << told.end_position << " flags " << told.flags;
}

class Recorder final : public FramerEvents {
 public:
  void framed_record(Bytes payload, std::uint64_t end_position, std::uint32_t flags) override {
    records.push_back({std::string(reinterpret_cast<const char*>(payload.data()), payload.size()),
                       end_position, flags});
  }
  void framed_skip(std::uint64_t end_position, std::uint64_t bytes,
                   std::uint32_t /*reason*/) override {
    skipped += bytes;
    skip_end = end_position;
  }
  void framed_reject(std::uint64_t end_position, std::uint64_t bytes) override {
    rejects.push_back({"", end_position, static_cast<std::uint32_t>(bytes)});
  }
  void framed_truncation(std::uint64_t bytes) override { truncated += bytes; }
  void framed_reply(Bytes bytes) override {
    replies.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  std::vector<Told> records;
  std::vector<Told> rejects;  // flags: the bytes
  std::string replies;
  std::uint64_t skipped = 0, skip_end = 0, truncated = 0;
};

// A framing of lines and one stream of it.
class Framed {
 public:
  explicit Framed(FramerOptions options = {}, std::uint32_t stream_flags = 0) {
    plugin::HostCallbacks callbacks;
    callbacks.clock = &clock;
    auto made = plugin::Instance::create(test::framing_component(), "till/printer/framing",
                                         std::move(callbacks));
    REQUIRE(made.has_value());
    instance = std::move(*made);
    const plugin::AbiSettings settings({test::script_setting(&script)});
    REQUIRE(instance->configure(settings.view()).is_ok());
    kifa_stream stream{};
    stream.struct_size = sizeof(stream);
    stream.flags = stream_flags;
    stream.stream = 1;
    auto opened = StreamFramer::open(*instance, options, clock, stream);
    REQUIRE(opened.has_value());
    framer = std::move(*opened);
  }

  // Feeds text in chunks that end at `borders`.
  void feed(std::string_view text, const std::vector<std::size_t>& borders) {
    std::size_t at = 0;
    for (const std::size_t border : borders) {
      feed(text.substr(at, border - at));
      at = border;
    }
    feed(text.substr(at));
  }
  void feed(std::string_view text) {
    // A copy of just these bytes, so that the sanitizers see a look beyond them.
    const std::vector<std::uint8_t> chunk(text.begin(), text.end());
    REQUIRE(framer->feed(chunk, position, events).is_ok());
    position += text.size();
  }
  void end() { REQUIRE(framer->end(events).is_ok()); }

  test::FakeClock clock;
  test::FramingScript script;
  std::unique_ptr<plugin::Instance> instance;
  std::unique_ptr<StreamFramer> framer;
  Recorder events;
  std::uint64_t position = 0;
};

// What must come out, said in the simplest way.
struct Expected {
  std::vector<Told> records;
  std::vector<Told> rejects;
  std::uint64_t truncated = 0;
};

void expect_line(Expected& expected, std::string_view line, std::uint64_t start, std::uint64_t end,
                 std::uint32_t flags, const FramerOptions& options) {
  const std::size_t max = options.record_bytes_max;
  if (line.size() <= max) {
    expected.records.push_back({std::string(line), end, flags});
    return;
  }
  switch (options.oversize) {
    case Oversize::split:
      while (line.size() > max) {
        start += max;
        expected.records.push_back({std::string(line.substr(0, max)), start, KIFA_RECORD_SPLIT});
        line.remove_prefix(max);
      }
      expected.records.push_back({std::string(line), end, flags});
      break;
    case Oversize::truncate:
      expected.records.push_back({std::string(line.substr(0, max)), end,
                                  flags | static_cast<std::uint32_t>(KIFA_RECORD_TRUNCATED)});
      expected.truncated += line.size() - max;
      break;
    case Oversize::reject:
      expected.rejects.push_back({"", end, static_cast<std::uint32_t>(line.size())});
      break;
  }
}

Expected expect(std::string_view text, const FramerOptions& options) {
  Expected expected;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t feed = text.find('\n', at);
    if (feed == std::string_view::npos) {
      expect_line(expected, text.substr(at), at, text.size(), KIFA_RECORD_PARTIAL, options);
      break;
    }
    std::string_view line = text.substr(at, feed - at);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    expect_line(expected, line, at, feed + 1, 0, options);
    at = feed + 1;
  }
  return expected;
}

void check_same(const Framed& framed, const Expected& expected) {
  CHECK(framed.events.records == expected.records);
  CHECK(framed.events.rejects == expected.rejects);
  CHECK(framed.events.truncated == expected.truncated);
}

// Lines around the limits, with CR, NUL and 0xFF, and perhaps without an end.
std::string random_text(std::mt19937_64& random, std::size_t max) {
  std::string text;
  const int lines = static_cast<int>(random() % 6) + 1;
  for (int i = 0; i < lines; ++i) {
    const std::size_t near = max * (random() % 4) + kFramingOverheadMax * (random() % 2);
    const std::size_t size = random() % 3 == 0 ? random() % 20 : near + random() % 7;
    for (std::size_t k = 0; k < size; ++k) {
      const char letters[] = {'a', 'b', '\r', '\0', '\xFF'};
      text += letters[random() % (random() % 8 == 0 ? 5 : 2)];
    }
    if (i + 1 < lines || random() % 2 == 0) {
      text += random() % 2 == 0 ? "\r\n" : "\n";
    }
  }
  return text;
}

std::vector<std::size_t> random_borders(std::mt19937_64& random, std::size_t size) {
  std::vector<std::size_t> borders;
  const std::size_t step = (std::size_t{1} << (random() % 16)) + 1;
  for (std::size_t at = random() % step + 1; at < size; at += random() % step + 1) {
    borders.push_back(at);
  }
  return borders;
}

}  // namespace

TEST_CASE("chunk borders change nothing of records, positions and counts", "[pipeline][framer]") {
  const std::uint32_t seed = GENERATE(take(1, random(1U, 1'000'000'000U)));
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const Oversize oversize = GENERATE(Oversize::split, Oversize::truncate, Oversize::reject);
  for (int round = 0; round < 150; ++round) {
    const FramerOptions options{.record_bytes_max = 1 + random() % 300, .oversize = oversize};
    const std::string text = random_text(random, options.record_bytes_max);
    INFO("round " << round << ", record_bytes_max " << options.record_bytes_max);
    Framed framed(options);
    framed.feed(text, random_borders(random, text.size()));
    framed.end();
    check_same(framed, expect(text, options));
    if (framed.events.records != expect(text, options).records) {
      break;
    }
  }
}

TEST_CASE("every way to cut a short text in two gives the same records", "[pipeline][framer]") {
  const std::string text = "one\n\ntwo\r\n" + std::string(20, 'x') + "\r\nlast";
  for (const Oversize oversize : {Oversize::split, Oversize::truncate, Oversize::reject}) {
    const FramerOptions options{.record_bytes_max = 8, .oversize = oversize};
    for (std::size_t border = 1; border < text.size(); ++border) {
      INFO("border " << border);
      Framed framed(options);
      framed.feed(text, {border});
      framed.end();
      check_same(framed, expect(text, options));
    }
  }
}

TEST_CASE("a line of 10 MiB is split in pieces and no byte of it is lost",
          "[pipeline][framer][W19]") {
  std::string line(10 << 20, 'x');
  for (std::size_t i = 0; i < line.size(); i += 97) {
    line[i] = static_cast<char>('a' + i % 26);
  }
  Framed framed;
  const std::size_t step = GENERATE(std::size_t{4096}, std::size_t{1} << 20U);
  const std::string text = line + "\nnext\n";
  std::vector<std::size_t> borders;
  for (std::size_t at = step; at < text.size(); at += step) {
    borders.push_back(at);
  }
  framed.feed(text, borders);
  REQUIRE(framed.events.records.size() == 11);
  std::string together;
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(framed.events.records[i].flags ==
          (i < 9 ? static_cast<std::uint32_t>(KIFA_RECORD_SPLIT) : 0U));
    together += framed.events.records[i].payload;
  }
  CHECK(together == line);
  CHECK(framed.events.records[10].payload == "next");
  CHECK(framed.events.records[9].end_position == line.size() + 1);
}

TEST_CASE("a truncated or rejected record is told at its end, behind which the stream stands",
          "[pipeline][framer][W19]") {
  const Oversize oversize = GENERATE(Oversize::truncate, Oversize::reject);
  Framed framed({.record_bytes_max = 100, .oversize = oversize});
  framed.feed(std::string(20'000, 'x'));
  CHECK(framed.events.records.empty());
  CHECK(framed.events.rejects.empty());
  CHECK(framed.framer->held_bytes() <= 200 + kFramingOverheadMax);
  framed.feed("y\n");
  const std::vector<Told>& told =
      oversize == Oversize::truncate ? framed.events.records : framed.events.rejects;
  REQUIRE(told.size() == 1);
  CHECK(told[0].end_position == 20'002);
  CHECK(framed.framer->held_bytes() == 0);
}

TEST_CASE("the framing works on the source's own chunk while nothing is unfinished",
          "[pipeline][framer]") {
  Framed framed;
  std::string text;
  while (text.size() < 1'000'000) {
    text += "a line of a till\n";
  }
  framed.feed(text);
  CHECK(framed.script.feeds == 1);
  // An unfinished line costs one short step; then the rest is looked at in place again.
  framed.feed("half");
  framed.feed(" a line\n" + text);
  CHECK(framed.script.feeds == 4);
  CHECK(framed.framer->held_bytes() == 0);
  // No byte is shown as new twice.
  CHECK(framed.script.bytes_shown == 2 * text.size() + 12);
}

TEST_CASE("bytes behind a jump of the position do not continue an unfinished record",
          "[pipeline][framer]") {
  Framed framed;
  framed.feed("half");
  framed.position = 100;
  framed.feed("whole\n");
  CHECK(framed.events.records ==
        std::vector<Told>{{"half", 4, KIFA_RECORD_PARTIAL}, {"whole", 106, 0}});
}

TEST_CASE("every datagram ends its own record", "[pipeline][framer]") {
  Framed framed({}, KIFA_STREAM_DATAGRAM);
  framed.feed("one\ntwo");
  framed.feed("three");
  CHECK(framed.events.records == std::vector<Told>{{"one", 4, 0}, {"two", 7, 0}, {"three", 12, 0}});
  CHECK(framed.framer->held_bytes() == 0);
}

TEST_CASE("a tick shows what is unfinished and nothing new", "[pipeline][framer]") {
  Framed framed;
  framed.script.silence_ns = 1000;
  framed.feed("one\nhalf");
  CHECK(framed.framer->wake_at() == framed.clock.now_mono_ns() + 1000);
  framed.framer->clear_wake();
  REQUIRE(framed.framer->tick(framed.events).is_ok());
  CHECK(framed.script.heard.all() == std::vector<std::string>{"tick 4"});
  CHECK(framed.events.records.back() == Told{"half", 8, KIFA_RECORD_PARTIAL});
  framed.feed("more\n");
  CHECK(framed.events.records.back() == Told{"more", 13, 0});
}

TEST_CASE("skipped bytes are counted and move the stream on", "[pipeline][framer]") {
  Framed framed;
  framed.feed("#noise\none\n");
  CHECK(framed.events.skipped == 7);
  CHECK(framed.events.skip_end == 7);
  CHECK(framed.events.records == std::vector<Told>{{"one", 11, 0}});
}

TEST_CASE("a framing that fails leaves its unfinished bytes to the host", "[pipeline][framer]") {
  Framed framed;
  framed.script.fails_at = "bad";
  framed.feed("one\nha");
  const std::string text = "lf\nbad\nrest";
  const Status status = framed.framer->feed(
      {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, 6, framed.events);
  CHECK(status.code() == Code::invalid);
  CHECK(status.message().find("this line is not to be") != std::string::npos);
  framed.framer->give_up(framed.events);
  // What it had told before is kept; from there on every byte is in one PARTIAL record.
  CHECK(framed.events.records ==
        std::vector<Told>{{"one", 4, 0}, {"half", 9, 0}, {"bad\nrest", 17, KIFA_RECORD_PARTIAL}});
}

}  // namespace kifa::pipeline
