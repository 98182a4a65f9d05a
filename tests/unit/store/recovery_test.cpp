#include <algorithm>
#include <array>
#include <vector>

#include "core/store/format.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/status_file.hpp"
#include "tests/unit/store/store_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

constexpr std::uint64_t kFirstFrame = 2 * 4096;

// Writes `count` records of one block each and closes, so that record i (from 1) stands in block 1
// + i of segment 1.
void write_blocks(StoreFixture& fixture, int count) {
  auto store = fixture.open();
  for (int i = 1; i <= count; ++i) {
    REQUIRE(append_text(*store, "record " + std::to_string(i)));
  }
  REQUIRE(store->close().is_ok());
}

std::uint64_t block_of(int record) {
  return kFirstFrame + static_cast<std::uint64_t>(record - 1) * 4096;
}

std::string segment(std::uint64_t number) { return "/store/" + segment_file_name(number); }

}  // namespace

TEST_CASE("a crash just after a segment was made leaves a store that opens [W2]", "[store][W2]") {
  StoreFixture fixture;
  {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "one"));
  }
  const io::Trace trace = fixture.files.trace();
  for (io::CrashPoints points(trace); !points.at_end(); points.advance()) {
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      const auto image = points.power_cut(seed);
      auto store = Store::open(fixture.options, fixture.environment(*image));
      INFO("event " << points.passed() << " seed " << seed << ": " << store.status().message());
      REQUIRE(store.has_value());
      REQUIRE(append_text(**store, "two"));
    }
  }
}

TEST_CASE("a lost record is never resurrected by a later one that reached the disk [W3]",
          "[store][W3]") {
  StoreFixture fixture;
  fixture.options.flush_mode = FlushMode::normal;
  {
    auto store = fixture.open();
    RecordView record;
    record.payload = as_byte_view("unsynced");
    for (int i = 0; i < 20; ++i) {
      REQUIRE(store->append({.pipeline = "p",
                             .source = "s",
                             .records = {&record, 1},
                             .checkpoints = {},
                             .events = {}},
                            {}));
    }
    // Power fails: of the twenty unsynced frames the disk has kept all but the fifth.
    const std::array<std::byte, 4096> zeros{};
    const auto image = io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
    REQUIRE(image->damage(segment(1), block_of(5), zeros).is_ok());
    auto reopened = Store::open(fixture.options, fixture.environment(*image));
    REQUIRE(reopened.has_value());
    CHECK((*reopened)->durable_lsn() == Lsn{4});
    CHECK(append_text(**reopened, "next").value() == Lsn{5});
    REQUIRE((*reopened)->close().is_ok());
    auto reader = Reader::open("/store", *image);
    REQUIRE(reader.has_value());
    CHECK(read_all(**reader).payloads ==
          std::vector<std::string>{"unsynced", "unsynced", "unsynced", "unsynced", "next"});
    CHECK((*reader)->stats()->gaps == 0);
  }
}

TEST_CASE("of a store that was closed nothing is read behind its end", "[store]") {
  StoreFixture fixture;
  fixture.options.segment_bytes = 16_MiB;
  write_blocks(fixture, 10);
  // Used before, and now a spare: frames of its own stand in it.
  auto spare = fixture.files.open(segment(2), {.access = io::Access::read_write, .create = true});
  REQUIRE(spare.has_value());
  const std::vector<std::byte> old(16_MiB, std::byte{0x4B});
  REQUIRE((*spare)->write_at(old, 0, io::WriteMode::buffered).has_value());
  const std::uint64_t before = fixture.files.call_count(io::CallKind::read);
  CHECK(read_all(*fixture.read()).payloads.size() == 10);
  const std::uint64_t closed = fixture.files.call_count(io::CallKind::read) - before;
  CHECK(closed < 30);
  // One that was killed is read to its end: what stands there may prove that something is missing.
  {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "one more"));
    const auto image = io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
    const std::uint64_t from = image->call_count(io::CallKind::read);
    auto reader = Reader::open("/store", *image);
    REQUIRE(reader.has_value());
    CHECK(read_all(**reader).payloads.size() == 11);
    CHECK(image->call_count(io::CallKind::read) - from > closed + 10);
    REQUIRE(store->close().is_ok());
  }
}

TEST_CASE("before anything is written into a closed store it durably says that it is open",
          "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 3);
  REQUIRE((*read_status(fixture.files, "/store"))->state == StatusState::stopped);
  const std::size_t closed_at = fixture.files.event_count();
  auto store = fixture.open();
  REQUIRE(append_text(*store, "one more"));
  bool is_written = false;
  for (std::size_t event = closed_at; event < fixture.files.event_count(); ++event) {
    for (std::uint64_t choice = 0; choice < 4; ++choice) {
      const auto cut = io::crash_after(fixture.files.trace(), event, choice);
      auto scan = scan_log(*cut, {.directory = "/store"});
      REQUIRE(scan.has_value());
      if (scan->end.next_lsn > Lsn{4}) {
        is_written = true;
        CHECK(scan->status->state != StatusState::stopped);
      }
    }
  }
  CHECK(is_written);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a store is not taken for closed when the other half of STATUS is spoiled", "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 3);
  const auto closed = read_status(fixture.files, "/store");
  REQUIRE((*closed)->state == StatusState::stopped);
  const std::vector<std::byte> torn(64, std::byte{0x5A});
  const std::uint64_t other = ((*closed)->sequence + 1) % 2 * kStatusSlotStride;
  REQUIRE(fixture.files.damage("/store/STATUS", other, torn).is_ok());
  const auto unsure = read_status(fixture.files, "/store");
  CHECK((*unsure)->state == StatusState::opening);
  CHECK((*unsure)->durable == (*closed)->durable);
  CHECK(read_all(*fixture.read()).payloads.size() == 3);
}

TEST_CASE("a bad sector in the middle costs the records in it and is told for ever [W22]",
          "[store][W22]") {
  StoreFixture fixture;
  write_blocks(fixture, 10);
  const std::array<std::byte, 512> zeros{};
  REQUIRE(fixture.files.damage(segment(1), block_of(3), zeros).is_ok());
  const Contents without_writer = read_all(*fixture.read());
  CHECK(without_writer.payloads.size() == 9);
  REQUIRE(without_writer.events.size() == 1);
  CHECK(without_writer.events[0].first_lost == Lsn{3});
  CHECK(without_writer.events[0].last_lost == Lsn{3});
  CHECK(without_writer.events[0].text.find(segment(1)) != std::string::npos);
  CHECK(without_writer.events[0].text.find(std::to_string(block_of(3))) != std::string::npos);

  for (int round = 0; round < 3; ++round) {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "later").value().value == 11 + static_cast<std::uint64_t>(round));
    REQUIRE(store->close().is_ok());
  }
  auto reader = fixture.read();
  const Contents after = read_all(*reader);
  CHECK(after.payloads.size() == 12);
  CHECK(std::ranges::count_if(
            after.events, [](const Event& event) { return event.kind == EventKind::gap; }) == 1);
  CHECK(reader->stats()->gaps == 1);
  CHECK(reader->stats()->lost_records == 1);
  CHECK(fixture.files.info(segment(1) + ".damaged").has_value());
}

TEST_CASE("a sector that cannot be read costs the records in it, not the bulk around it [W22]",
          "[store][W22]") {
  StoreFixture fixture;
  constexpr std::size_t kCount = 200;
  constexpr std::size_t kBytes = 3000;
  fixture.options.segment_bytes = 4_MiB;  // then they are one frame
  {
    auto store = fixture.open();
    const std::string payload(kBytes, 'b');
    std::vector<RecordView> records(kCount);
    for (RecordView& record : records) {
      record.payload = as_byte_view(payload);
    }
    REQUIRE(store
                ->append_durable({.pipeline = "p",
                                  .source = "s",
                                  .records = records,
                                  .checkpoints = {},
                                  .events = {}})
                .has_value());
    REQUIRE(append_text(*store, "behind").value() == Lsn{kCount + 1});
    REQUIRE(store->close().is_ok());
  }
  constexpr std::uint64_t kBad = kFirstFrame + std::uint64_t{70} * 4096;
  fixture.files.add_fault({.kind = io::CallKind::read,
                           .path_contains = segment_file_name(1),
                           .matches =
                               [](const io::CallInfo& call) {
                                 return call.offset < kBad + 4096 &&
                                        call.offset + call.bytes > kBad;
                               },
                           .is_lasting = true});
  const Lsn first_lost{1 + (kBad - kFirstFrame - sizeof(FrameHeader)) / kBytes};
  const auto check = [&](const Contents& contents, std::size_t more) {
    REQUIRE(contents.events.size() == 1);
    const Event& gap = contents.events[0];
    CHECK(gap.kind == EventKind::gap);
    CHECK(gap.first_lost.value == first_lost.value);
    CHECK(gap.last_lost.value == first_lost.value + 1);
    CHECK(gap.text.find("Input/output error") != std::string::npos);
    CHECK(contents.payloads.size() == kCount - 2 + 1 + more);
    CHECK(std::ranges::count(contents.lsns, first_lost) == 0);
  };
  check(read_all(*fixture.read()), 0);
  // A disk takes many seconds for each.
  CHECK(fixture.files.faults_fired() <= 8);
  for (std::size_t round = 1; round <= 3; ++round) {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "later").value().value == kCount + 1 + round);
    REQUIRE(store->close().is_ok());
    check(read_all(*fixture.read()), round);
  }
  CHECK(fixture.read()->stats()->lost_records == 2);
}

TEST_CASE("on_corruption: refuse leaves a damaged store alone and says where it is damaged",
          "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 10);
  REQUIRE(fixture.files.flip_bit(segment(1), 8 * (block_of(4) + 130)).is_ok());
  fixture.options.refuse_corruption = true;
  fixture.files.restart_trace();
  const auto refused = Store::open(fixture.options, fixture.environment(fixture.files));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Code::corrupt);
  CHECK(refused.error().message().find("LSN 4 to 4") != std::string::npos);
}

TEST_CASE("damage up to the end of the log leaves out the LSNs that may have been there",
          "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 10);
  const std::vector<std::byte> zeros(20 * 4096);
  REQUIRE(fixture.files.damage(segment(1), block_of(8), zeros).is_ok());
  auto store = fixture.open();
  const Lsn next = append_text(*store, "next").value();
  CHECK(next.value > 10);
  REQUIRE(store->close().is_ok());
  auto reader = fixture.read();
  const Contents contents = read_all(*reader);
  REQUIRE(contents.payloads.size() == 8);
  CHECK(contents.lsns[6] == Lsn{7});
  CHECK(contents.lsns[7] == next);
  REQUIRE(contents.events.size() == 1);
  CHECK(contents.events[0].first_lost == Lsn{8});
  CHECK(contents.events[0].last_lost.next() == next);
}

TEST_CASE("both header copies of a segment can be damaged and nothing is lost", "[store]") {
  for (const bool last : {false, true}) {
    StoreFixture fixture;
    const std::string payload(30'000, 'h');
    {
      auto store = fixture.open();
      for (int i = 0; i < 100; ++i) {
        REQUIRE(append_text(*store, payload));
      }
      REQUIRE(store->close().is_ok());
    }
    const auto stats = fixture.read()->stats();
    const std::uint64_t victim = last ? stats->segments : 2;
    const std::vector<std::byte> zeros(kFirstFrame);
    REQUIRE(fixture.files.damage(segment(victim), 0, zeros).is_ok());
    auto store = fixture.open();
    CHECK(append_text(*store, "next").value() == Lsn{101});
    REQUIRE(store->close().is_ok());
    const Contents contents = read_all(*fixture.read());
    INFO("segment " << victim);
    CHECK(contents.payloads.size() == 101);
  }
}

TEST_CASE("a missing segment is a gap with its LSNs, and the rest stays readable [W5]",
          "[store][W5]") {
  StoreFixture fixture;
  const std::string payload(30'000, 'm');
  {
    auto store = fixture.open();
    for (int i = 0; i < 100; ++i) {
      REQUIRE(append_text(*store, payload));
    }
    REQUIRE(store->close().is_ok());
  }
  REQUIRE(fixture.files.remove(segment(2)).is_ok());
  auto store = fixture.open();
  CHECK(append_text(*store, "next").value() == Lsn{101});
  REQUIRE(store->close().is_ok());
  auto reader = fixture.read();
  const Contents contents = read_all(*reader);
  CHECK(contents.payloads.size() > 50);
  CHECK(contents.payloads.size() < 100);
  const auto stats = reader->stats();
  CHECK(stats->lost_records == 101 - contents.payloads.size());
}

TEST_CASE("a full disk while a segment is made blocks input and spoils nothing [W5]",
          "[store][W5]") {
  StoreFixture fixture;
  fixture.files.set_capacity(3_MiB);
  const std::string payload(60'000, 'f');
  std::uint64_t taken = 0;
  {
    auto store = fixture.open();
    while (append_text(*store, payload)) {
      ++taken;
      REQUIRE(taken < 200);
    }
    CHECK(taken > 10);
  }
  {
    auto store = fixture.open();  // a full disk never prevents opening
    CHECK(store->durable_lsn().value >= taken);
  }
  fixture.files.set_capacity(0);
  auto store = fixture.open();
  REQUIRE(append_text(*store, "room again"));
  REQUIRE(store->close().is_ok());
  CHECK(read_all(*fixture.read()).payloads.size() >= taken + 1);
}

TEST_CASE("a store that was moved opens as if it had always been there [W6]", "[store][W6]") {
  StoreFixture fixture;
  write_blocks(fixture, 5);
  REQUIRE(fixture.files.rename("/store", "/elsewhere").is_ok());
  fixture.options.directory = "/elsewhere";
  auto store = fixture.open();
  REQUIRE(append_text(*store, "six").value() == Lsn{6});
  REQUIRE(store->close().is_ok());
  CHECK(read_all(*fixture.read()).payloads.size() == 6);
}

TEST_CASE("unfinished writes at the end are dropped, said so, and their LSNs given again",
          "[store]") {
  StoreFixture fixture;
  {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "kept"));
    REQUIRE(append_text(*store, "torn"));
  }
  const std::vector<std::byte> garbage(600, std::byte{0xA5});
  REQUIRE(fixture.files.damage("/store/STATUS", 0, std::vector<std::byte>(1024)).is_ok());
  REQUIRE(fixture.files.damage(segment(1), block_of(2) + 300, garbage).is_ok());
  auto store = fixture.open();
  CHECK(append_text(*store, "again").value() == Lsn{2});
  REQUIRE(store->close().is_ok());
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.payloads == std::vector<std::string>{"kept", "again"});
  REQUIRE(contents.events.size() == 1);
  CHECK(contents.events[0].kind == EventKind::recovery);
}

TEST_CASE("segments that are too small for what the last run left are refused with the remedy",
          "[store]") {
  StoreFixture fixture;
  fixture.options.segment_bytes = 8_MiB;
  fixture.options.record_bytes_max = 1_MiB;
  const std::string text(1_MiB, 'r');
  io::CrashImage killed;
  {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "first"));
    std::vector<RecordView> records(2);
    for (RecordView& record : records) {
      record.observed_unix_ns = 1;
      record.payload = as_byte_view(text);
    }
    REQUIRE(store->append_durable({.pipeline = "till-1",
                                   .source = "app",
                                   .records = records,
                                   .checkpoints = {},
                                   .events = {}}));
    // A power cut after which nothing but the frame itself says that it was durable.
    const io::Trace trace = fixture.files.trace();
    for (std::size_t at = trace.events.size(); at-- > 0;) {
      killed = io::crash_after(trace, at, 1);
      if (!scan_log(*killed, {.directory = fixture.options.directory})->uncovered.empty()) {
        break;
      }
    }
  }
  StoreOptions smaller = fixture.options;
  smaller.segment_bytes = 1_MiB;
  smaller.record_bytes_max = 64_KiB;
  const auto refused = Store::open(smaller, fixture.environment(*killed));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Code::invalid);
  CHECK(refused.error().message().find("open it once with larger ones") != std::string::npos);

  auto store = Store::open(fixture.options, fixture.environment(*killed));
  REQUIRE(store.has_value());
  REQUIRE((*store)->close().is_ok());
  auto mended = Store::open(smaller, fixture.environment(*killed));
  REQUIRE(mended.has_value());
  REQUIRE(append_text(**mended, "last").value().value == 4);
  REQUIRE((*mended)->close().is_ok());
}

TEST_CASE("foreign files are named once and left alone", "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 1);
  REQUIRE(
      fixture.files.open("/store/holiday.jpg", {.access = io::Access::read_write, .create = true})
          .has_value());
  auto store = fixture.open();
  REQUIRE(fixture.reports.size() == 1);
  CHECK(fixture.reports[0].find("holiday.jpg") != std::string::npos);
  REQUIRE(store->close().is_ok());
  CHECK(fixture.files.info("/store/holiday.jpg").has_value());
}
