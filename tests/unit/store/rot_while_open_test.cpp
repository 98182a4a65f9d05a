// What the disk loses, or refuses for a while, under a store that is open: the flush meets it
// first.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/store/format.hpp"
#include "core/store/log_scan.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace kifa::store {
namespace {

using testing::append_text;
using testing::Contents;
using testing::read_all;

constexpr std::uint64_t kFirstFrame = 2 * 4096;

std::string segment(std::uint64_t number) { return "/store/" + segment_file_name(number); }

std::vector<Event> gaps_of(const Contents& contents) {
  std::vector<Event> gaps;
  std::ranges::copy_if(contents.events, std::back_inserter(gaps),
                       [](const Event& event) { return event.kind == EventKind::gap; });
  return gaps;
}

struct RotFixture : testing::StoreFixture {
  RotFixture() {
    options.memtable_flush_bytes = 1_MiB;
    options.flush_segments = 4;
  }
  // One frame with `count` records of `bytes` bytes; record i says its number in its first bytes.
  static void append_frame(Store& store, int count, std::size_t bytes) {
    std::vector<std::string> texts;
    std::vector<RecordView> records;
    for (int i = 0; i < count; ++i) {
      texts.push_back(fmt::format("{:06} ", i));
      texts.back().resize(bytes, static_cast<char>('a' + i % 26));
    }
    for (const std::string& text : texts) {
      RecordView record;
      record.observed_unix_ns = 1;
      record.payload = as_byte_view(text);
      records.push_back(record);
    }
    REQUIRE(store.append_durable({.pipeline = "till-1",
                                  .source = "app",
                                  .records = records,
                                  .checkpoints = {},
                                  .events = {}}));
  }
  // Appends single records until a flush is due.
  static void append_a_table(Store& store) {
    for (int i = 0; i < 20; ++i) {
      REQUIRE(append_text(store, std::string(60'000, 't')));
    }
  }
  static void work(Store& store) {
    while (store.tick()) {
    }
  }
  // Nothing but reading `path` fails, `times` times.
  void refuse(const std::string& path, std::uint64_t from, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      io::Fault fault;
      fault.kind = io::CallKind::read;
      fault.index = i;
      fault.matches = [path, from](const io::CallInfo& call) {
        return call.path == path && call.offset + call.bytes > from && call.offset <= from;
      };
      files.add_fault(fault);
    }
  }
};

TEST_CASE("every record that rots in an open store has its gap, also several of one frame [W22]",
          "[store][rot][W22]") {
  RotFixture fixture;
  auto store = fixture.open();
  RotFixture::append_frame(*store, 100, 200);
  // A sector comes back as zeros: about twenty records, with the first and the last in part.
  const std::array<std::byte, 4096> zeros{};
  REQUIRE(fixture.files.damage(segment(1), kFirstFrame + 3 * 4096, zeros).is_ok());
  // And another record of the frame, by one bit.
  REQUIRE(fixture.files.flip_bit(segment(1), 8 * (kFirstFrame + 4 * 4096 + 2000)).is_ok());
  RotFixture::append_a_table(*store);
  RotFixture::work(*store);
  REQUIRE(fixture.read()->stats()->tables[0] == 1);

  const Contents contents = read_all(*fixture.read());
  const std::vector<Event> gaps = gaps_of(contents);
  REQUIRE(gaps.size() == 2);
  CHECK(gaps[0].records > 18);
  CHECK(gaps[1].records == 1);
  std::uint64_t told = 0;
  for (const Event& gap : gaps) {
    told += gap.last_lost.value - gap.first_lost.value + 1;
    for (const Lsn lsn : contents.lsns) {
      CHECK_FALSE((gap.first_lost <= lsn && lsn <= gap.last_lost));
    }
  }
  CHECK(contents.lsns.size() + told == 120);
  CHECK(fixture.read()->stats()->lost_records == told);
  REQUIRE(store->close().is_ok());

  // Told once: not again when the store is opened.
  auto again = fixture.open();
  REQUIRE(again->close().is_ok());
  CHECK(gaps_of(read_all(*fixture.read())).size() == 2);
}

TEST_CASE("a loss goes on where the one before ends, and never from damage without LSNs",
          "[store][rot]") {
  const Damage four{.segment = 1, .offset = 0, .first_lost = {1}, .last_lost = {4}, .why = ""};
  CHECK(goes_on(four, {5}));
  CHECK_FALSE(goes_on(four, {6}));
  // In front of LSN 1: else the first record would be lost without a gap.
  CHECK_FALSE(
      goes_on({.segment = 1, .offset = 0, .first_lost = {}, .last_lost = {}, .why = ""}, {1}));
}

TEST_CASE("what was known to be lost at the open is not told again when more of it rots",
          "[store][rot]") {
  RotFixture fixture;
  {
    auto store = fixture.open();
    RotFixture::append_frame(*store, 100, 200);
    REQUIRE(store->close().is_ok());
  }
  REQUIRE(fixture.files.flip_bit(segment(1), 8 * (kFirstFrame + 3 * 4096)).is_ok());
  auto store = fixture.open();
  const std::vector<Event> first = gaps_of(read_all(*fixture.read()));
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].records == 1);
  const std::array<std::byte, 600> zeros{};
  REQUIRE(fixture.files.damage(segment(1), kFirstFrame + 3 * 4096 - 300, zeros).is_ok());
  RotFixture::append_a_table(*store);
  RotFixture::work(*store);
  REQUIRE(fixture.read()->stats()->tables[0] == 1);
  const Contents contents = read_all(*fixture.read());
  std::vector<std::uint64_t> lost;
  for (const Event& gap : gaps_of(contents)) {
    for (Lsn lsn = gap.first_lost; lsn <= gap.last_lost; lsn = lsn.next()) {
      lost.push_back(lsn.value);
    }
  }
  std::ranges::sort(lost);
  CHECK(std::ranges::adjacent_find(lost) == lost.end());
  CHECK(lost.size() >= 3);
  CHECK(contents.lsns.size() + lost.size() == 120);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a gap is durable before the manifest does without the log that had the records",
          "[store][rot]") {
  RotFixture fixture;
  fixture.options.flush_mode = FlushMode::normal;
  auto store = fixture.open();
  RotFixture::append_frame(*store, 100, 200);
  REQUIRE(fixture.files.flip_bit(segment(1), 8 * (kFirstFrame + 3 * 4096)).is_ok());
  const io::Trace before = fixture.files.trace();
  RotFixture::append_a_table(*store);
  RotFixture::work(*store);
  const io::Trace trace = fixture.files.trace();
  std::uint64_t with_table = 0;
  for (std::size_t at = before.events.size(); at < trace.events.size(); ++at) {
    INFO("power cut after event " << at << " of " << trace.events.size());
    const io::CrashImage image = io::crash_after(trace, at, at);
    auto reader = Reader::open(fixture.options.directory, *image);
    REQUIRE(reader.has_value());
    if ((*reader)->stats()->tables[0] == 1) {
      ++with_table;
      const Contents contents = read_all(**reader);
      const std::vector<Event> gaps = gaps_of(contents);
      REQUIRE(gaps.size() == 1);
      CHECK(gaps[0].records == 1);
      CHECK(contents.lsns.back().value == contents.lsns.size() + 1);
    }
  }
  CHECK(with_table > 0);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("what is put aside of a damaged log stays as it is", "[store][rot]") {
  RotFixture fixture;
  auto store = fixture.open();
  RotFixture::append_frame(*store, 100, 200);
  REQUIRE(fixture.files.flip_bit(segment(1), 8 * (kFirstFrame + 3 * 4096)).is_ok());
  const auto damaged = fixture.files.content(segment(1));
  REQUIRE(damaged.has_value());
  for (int table = 0; table < 8; ++table) {
    RotFixture::append_a_table(*store);
    RotFixture::work(*store);
  }
  CHECK_FALSE(fixture.files.info(segment(1)).has_value());
  CHECK(std::ranges::any_of(fixture.reports, [](const std::string& report) {
    return report.ends_with("; it is kept as " + segment_file_name(1) + ".damaged");
  }));
  const auto aside = fixture.files.content(segment(1) + ".damaged");
  REQUIRE(aside.has_value());
  for (std::size_t at = 0; at < 7 * std::size_t{4096}; ++at) {
    INFO("offset " << at);
    REQUIRE((*aside)[at] == (*damaged)[at]);
  }
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a disk that does not read for a while costs no record", "[store][rot]") {
  RotFixture fixture;
  auto store = fixture.open();
  RotFixture::append_frame(*store, 100, 200);
  fixture.refuse(segment(1), kFirstFrame, 12);
  RotFixture::append_a_table(*store);
  RotFixture::work(*store);
  CHECK(fixture.read()->stats()->tables[0] == 0);
  CHECK(std::ranges::any_of(fixture.reports, [](const std::string& report) {
    return report.find("is asked again before records are given up for lost") != std::string::npos;
  }));
  fixture.files.clear_faults();
  fixture.clock.advance(std::chrono::seconds(2));
  RotFixture::work(*store);
  CHECK(fixture.read()->stats()->tables[0] == 1);
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.lsns.size() == 120);
  CHECK(gaps_of(contents).empty());
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a disk that never reads a place again does not stop the store for ever",
          "[store][rot]") {
  RotFixture fixture;
  auto store = fixture.open();
  RotFixture::append_frame(*store, 100, 200);
  io::Fault fault;
  fault.kind = io::CallKind::read;
  fault.matches = [](const io::CallInfo& call) {
    return call.path == segment(1) && call.offset + call.bytes > kFirstFrame + 3 * 4096 &&
           call.offset <= kFirstFrame + 3 * 4096;
  };
  fault.is_lasting = true;
  fixture.files.add_fault(fault);
  RotFixture::append_a_table(*store);
  for (int round = 0; round < 5; ++round) {
    RotFixture::work(*store);
    fixture.clock.advance(std::chrono::minutes(1));
  }
  REQUIRE(fixture.read()->stats()->tables[0] == 1);
  const Contents contents = read_all(*fixture.read());
  const std::vector<Event> gaps = gaps_of(contents);
  REQUIRE(gaps.size() == 1);
  CHECK(contents.lsns.size() + gaps[0].records == 120);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("when the manifest cannot be changed any more the store says so instead of waiting",
          "[store][rot]") {
  std::uint64_t said = 0;
  for (std::uint64_t call = 0; call < 8; ++call) {
    INFO("sync of the directory number " << call << " fails");
    RotFixture fixture;
    std::uint64_t taken = 0;
    {
      auto store = fixture.open();
      io::Fault fault;
      fault.kind = io::CallKind::sync_directory;
      fault.index = call;
      fixture.files.add_fault(fault);
      Status refused;
      for (int i = 0; i < 100 && refused; ++i) {
        refused = append_text(*store, std::string(60'000, 't')).status();
      }
      taken = store->durable_lsn().value;
      INFO(refused.message());
      const bool is_manifest =
          refused.message().find("cannot change its manifest any more") != std::string::npos;
      const bool is_segment =
          refused.message().find("cannot make a new log segment") != std::string::npos;
      CHECK((refused.is_ok() || is_manifest || is_segment));
      said += is_manifest ? 1 : 0;
    }
    auto store = fixture.open();
    CHECK(read_all(*fixture.read()).lsns.size() == taken);
    REQUIRE(append_text(*store, "one more"));
    REQUIRE(store->close().is_ok());
  }
  CHECK(said > 0);
}

TEST_CASE("thousands of damaged places at once leave a log that can be read", "[store][rot]") {
  RotFixture fixture;
  fixture.options.memtable_flush_bytes = 1_GiB;
  fixture.options.flush_segments = 1000;
  constexpr int kRecords = 9'000;
  {
    auto store = fixture.open();
    for (int frame = 0; frame < 9; ++frame) {
      RotFixture::append_frame(*store, kRecords / 9, 40);
    }
    REQUIRE(store->close().is_ok());
  }
  // Every second record: each is a range of its own.
  auto content = fixture.files.content(segment(1));
  REQUIRE(content.has_value());
  const auto is_odd_number = [](std::string_view text) {
    return std::ranges::all_of(text.substr(0, 6), [](char c) { return c >= '0' && c <= '9'; }) &&
           (text[5] - '0') % 2 == 1 && text[6] == ' ';
  };
  std::uint64_t damaged = 0;
  for (std::size_t at = kFirstFrame; at + 7 <= content->size(); ++at) {
    if (is_odd_number(as_text(*content).substr(at, 7))) {
      (*content)[at] = std::byte{'#'};
      ++damaged;
    }
  }
  REQUIRE(damaged == kRecords / 2);
  REQUIRE(fixture.files.damage(segment(1), 0, *content).is_ok());
  {
    auto store = fixture.open_threaded();
    REQUIRE(append_text(*store, "after the damage"));
    REQUIRE(store->close().is_ok());
  }
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.payloads.back() == "after the damage");
  CHECK(contents.lsns.size() == kRecords - damaged + 1);
  CHECK(gaps_of(contents).size() == damaged);
}

}  // namespace
}  // namespace kifa::store
