#include "core/store/segment_scanner.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/store/store_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

using Found = SegmentScanner::Found;
using Range = std::pair<std::uint64_t, std::uint64_t>;  // from, to

// A file with places that cannot be read, or cannot be read the first times.
class PartlyBad final : public io::File {
 public:
  PartlyBad(io::File& file, std::vector<Range> bad, std::size_t failures_max = SIZE_MAX)
      : file_(file), bad_(std::move(bad)), failures_max_(failures_max) {}

  Result<std::size_t> read_at(MutableBytes into, std::uint64_t offset) override {
    const bool is_bad = std::ranges::any_of(bad_, [&](const Range& range) {
      return offset < range.second && offset + into.size() > range.first;
    });
    if (is_bad && failures_ < failures_max_) {
      ++failures_;
      return Status(Code::io, "a bad sector");
    }
    return file_.read_at(into, offset);
  }
  // Each of these takes a real disk many seconds.
  [[nodiscard]] std::size_t failures() const { return failures_; }
  Result<std::size_t> write_at(ByteView /*bytes*/, std::uint64_t /*offset*/,
                               io::WriteMode /*mode*/) override {
    return Status(Code::io, "read only");
  }
  Status sync_data() override { return {}; }
  Status sync_all() override { return {}; }
  Status resize(std::uint64_t /*bytes*/) override { return {Code::io, "read only"}; }
  Result<io::FileInfo> info() override { return file_.info(); }
  Result<bool> try_lock_exclusive() override { return false; }
  Result<bool> is_locked() override { return false; }

 private:
  io::File& file_;
  const std::vector<Range> bad_;
  const std::size_t failures_max_;
  std::atomic<std::size_t> failures_ = 0;
};

// The first segment of a closed store.
struct OneSegment {
  explicit OneSegment(StoreFixture& fixture)
      : file(*fixture.files.open("/store/" + segment_file_name(1), {.access = io::Access::read})) {
    const auto found = find_segment_header(*file, 1, fixture.options.segment_bytes, std::nullopt);
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    header = (*found)->header;
  }
  std::unique_ptr<io::File> file;
  SegmentHeader header;
};

constexpr std::uint64_t kFirstFrame = 2 * 4096;
constexpr std::uint64_t kRecordBytes = 3000;

// Appends records of one frame: `count` of kRecordBytes.
void append_bulk(Store& store, std::size_t count) {
  std::vector<std::string> payloads;
  std::vector<RecordView> records(count);
  for (std::size_t i = 0; i < count; ++i) {
    payloads.emplace_back(kRecordBytes, static_cast<char>('a' + i % 26));
  }
  for (std::size_t i = 0; i < count; ++i) {
    records[i].payload = as_byte_view(payloads[i]);
  }
  REQUIRE(store
              .append_durable({.pipeline = "till-1",
                               .source = "app",
                               .records = records,
                               .checkpoints = {},
                               .events = {}})
              .has_value());
}

// Indexes of the records of a bulk that stand in `bad`, partly or wholly; the bulk is the first
// frame.
std::vector<std::uint32_t> records_in(Range bad) {
  std::vector<std::uint32_t> indexes;
  const std::uint64_t payloads = kFirstFrame + sizeof(FrameHeader);
  const auto first = static_cast<std::uint32_t>((bad.first - payloads) / kRecordBytes);
  for (std::uint32_t i = first; payloads + i * kRecordBytes < bad.second; ++i) {
    indexes.push_back(i);
  }
  return indexes;
}

// A store that holds a bulk of 300 records and one record behind it.
void write_bulk(StoreFixture& fixture) {
  fixture.options.segment_bytes = 4_MiB;
  const auto store = fixture.open();
  append_bulk(*store, 300);
  REQUIRE(append_text(*store, "behind"));
  REQUIRE(store->close().is_ok());
}

// `count` records of a block each.
void write_blocks(StoreFixture& fixture, int count) {
  fixture.options.segment_bytes = 4_MiB;
  const auto store = fixture.open();
  for (int i = 0; i < count; ++i) {
    REQUIRE(append_text(*store, "record " + std::to_string(i)));
  }
  REQUIRE(store->close().is_ok());
}

// What the scanner tells of the whole segment, a line a place.
std::vector<std::string> walk(io::File& file, const SegmentHeader& header, JobThread* ahead) {
  SegmentScanner scanner(file, header, header.segment_bytes, ahead);
  std::vector<std::string> lines;
  for (std::uint64_t at = std::uint64_t{2} * header.block_bytes; at < header.segment_bytes;) {
    const SegmentScanner::Step step = scanner.look(at);
    std::string line = std::to_string(static_cast<int>(step.found)) + ' ' + std::to_string(at) +
                       (step.refused ? " refused: " + step.why : "");
    for (const std::uint32_t damaged : step.frame.damaged_records) {
      line += " -" + std::to_string(damaged);
    }
    if (step.found == Found::frame) {
      line += ' ' + std::to_string(step.header.first_lsn) + ' ' +
              std::string(as_text(step.frame.view.payloads));
    }
    lines.push_back(std::move(line));
    if (step.next_offset > at) {
      at = step.next_offset;
      continue;
    }
    const std::optional<std::uint64_t> next = scanner.find_frame(at + header.block_bytes);
    if (!next) {
      break;
    }
    at = *next;
  }
  return lines;
}

// How many lines of walk() tell of one that write_blocks() has written.
std::ptrdiff_t records_among(const std::vector<std::string>& lines) {
  return std::ranges::count_if(
      lines, [](const std::string& line) { return line.find(" record ") != std::string::npos; });
}

}  // namespace

TEST_CASE("a scanner that reads ahead tells the same, also of damaged and unreadable places",
          "[store]") {
  constexpr std::uint64_t kSeed = 11;
  CAPTURE(kSeed);
  std::mt19937_64 random(kSeed);
  StoreFixture fixture;
  fixture.options.segment_bytes = 16_MiB;
  fixture.options.record_bytes_max = 2_MiB;
  {
    const auto store = fixture.open();
    for (std::uint64_t bytes = 0; bytes < 13_MiB;) {
      const std::size_t size = random() % 4 == 0 ? random() % 2'000'000 : random() % 60'000;
      REQUIRE(append_text(*store, std::string(size, static_cast<char>('a' + random() % 26))));
      bytes += size;
    }
    REQUIRE(store->close().is_ok());
  }
  const std::string path = "/store/" + segment_file_name(1);
  for (int damages = 0; damages < 3; ++damages) {
    REQUIRE(fixture.files.flip_bit(path, (1 + random() % 12) * 8_MiB + random() % 8_MiB).is_ok());
  }
  const auto file = fixture.files.open(path, {.access = io::Access::read});
  REQUIRE(file.has_value());
  const auto found = find_segment_header(**file, 1, 16_MiB, std::nullopt);
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  const SegmentHeader& header = (*found)->header;

  JobThread ahead("test-read");
  const auto expected = walk(**file, header, nullptr);
  CHECK(expected.size() > 20);
  CHECK(walk(**file, header, &ahead) == expected);
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t bad = random() % (13_MiB / 4096) * 4096;
    CAPTURE(bad);
    PartlyBad partly(**file, {{bad, bad + 4096}});
    const auto alone = walk(partly, header, nullptr);
    CHECK(partly.failures() <= 4);
    PartlyBad again(**file, {{bad, bad + 4096}});
    CHECK(walk(again, header, &ahead) == alone);
    CHECK(again.failures() <= 6);
  }
}

TEST_CASE("a bad sector in a frame costs the records that stand in it and no others",
          "[store][W22]") {
  StoreFixture fixture;
  write_bulk(fixture);
  const OneSegment segment(fixture);
  JobThread ahead("test-read");
  for (const std::uint64_t block : {1U, 5U, 40U, 150U, 210U}) {
    const Range bad{kFirstFrame + block * 4096, kFirstFrame + block * 4096 + 512};
    for (JobThread* thread : {static_cast<JobThread*>(nullptr), &ahead}) {
      CAPTURE(block, thread != nullptr);
      PartlyBad partly(*segment.file, {bad});
      SegmentScanner scanner(partly, segment.header, segment.header.segment_bytes, thread);
      for (int look = 0; look < 2; ++look) {  // as after find_frame()
        const SegmentScanner::Step step = scanner.look(kFirstFrame);
        REQUIRE(step.found == Found::salvageable);
        CHECK(step.refused);
        CHECK(step.why == "a bad sector");
        CHECK(step.header.record_count == 300);
        CHECK(step.frame.damaged_records ==
              records_in({kFirstFrame + block * 4096, kFirstFrame + (block + 1) * 4096}));
        CHECK(as_text(step.frame.view.payloads.last(3)) == "nnn");
        const SegmentScanner::Step next = scanner.look(step.next_offset);
        CHECK(next.found == Found::frame);
        CHECK_FALSE(next.refused);
        CHECK(next.header.first_lsn == 301);
      }
      CHECK(partly.failures() <= 3);
    }
  }
}

TEST_CASE("of many bad sectors in a frame each is refused once more, and never again",
          "[store][W22]") {
  StoreFixture fixture;
  write_bulk(fixture);
  const OneSegment segment(fixture);
  std::vector<Range> bad;
  for (std::uint64_t block = 10; block < 200; block += 19) {
    bad.emplace_back(kFirstFrame + block * 4096, kFirstFrame + (block + 1) * 4096);
  }
  REQUIRE(bad.size() == 10);
  PartlyBad partly(*segment.file, bad);
  SegmentScanner scanner(partly, segment.header, segment.header.segment_bytes);
  CHECK(scanner.find_frame(kFirstFrame) == kFirstFrame);
  const SegmentScanner::Step step = scanner.look(kFirstFrame);
  CHECK(step.found == Found::salvageable);
  CHECK(step.frame.damaged_records.size() >= 20);
  CHECK(step.frame.damaged_records.size() <= 30);
  CHECK(partly.failures() <= 10 + 2);
  const std::size_t known = partly.failures();
  CHECK(scanner.find_frame(kFirstFrame + 4096) == step.next_offset);
  CHECK(scanner.end_of_content(kFirstFrame) > step.next_offset);
  CHECK(scanner.look(kFirstFrame).frame.damaged_records == step.frame.damaged_records);
  CHECK(partly.failures() == known);
}

TEST_CASE("a bad sector in which only zeros stood costs nothing, and is told", "[store][W22]") {
  StoreFixture fixture;
  {
    const auto store = fixture.open();
    REQUIRE(append_text(*store, std::string(40'000, '\0')));
    REQUIRE(store->close().is_ok());
  }
  const OneSegment segment(fixture);
  PartlyBad partly(*segment.file, {{kFirstFrame + 4096, kFirstFrame + 3 * 4096}});
  SegmentScanner scanner(partly, segment.header, segment.header.segment_bytes);
  const SegmentScanner::Step step = scanner.look(kFirstFrame);
  CHECK(step.found == Found::frame);
  CHECK(step.refused);
  CHECK(step.why == "a bad sector");
}

TEST_CASE("a frame whose table or header stands in a bad sector is unreadable", "[store][W22]") {
  StoreFixture fixture;
  write_bulk(fixture);
  const OneSegment segment(fixture);
  SegmentScanner whole(*segment.file, segment.header, segment.header.segment_bytes);
  const std::uint64_t next = whole.look(kFirstFrame).next_offset;
  for (const std::uint64_t at : {kFirstFrame, next - 4096}) {
    CAPTURE(at);
    PartlyBad partly(*segment.file, {{at, at + 4096}});
    SegmentScanner scanner(partly, segment.header, segment.header.segment_bytes);
    const SegmentScanner::Step step = scanner.look(kFirstFrame);
    CHECK(step.found == Found::unreadable);
    CHECK(step.refused);
    CHECK(step.why == "a bad sector");
    CHECK(step.next_offset == (at == kFirstFrame ? kFirstFrame : next));
    CHECK(scanner.find_frame(kFirstFrame + 4096) == next);
    // What cannot be read may have been written.
    CHECK(scanner.end_of_content(at) > at);
    CHECK(partly.failures() <= 3);
  }
}

TEST_CASE("around bad sectors little is read in vain, and all else is found", "[store][W22]") {
  StoreFixture fixture;
  write_blocks(fixture, 600);
  const OneSegment segment(fixture);
  JobThread ahead("test-read");
  for (JobThread* thread : {static_cast<JobThread*>(nullptr), &ahead}) {
    for (const std::uint64_t first : {3U, 100U, 300U, 500U}) {
      CAPTURE(thread != nullptr, first);
      const std::uint64_t at = kFirstFrame + first * 4096;
      PartlyBad partly(*segment.file, {{at, at + std::uint64_t{5} * 4096}});
      const auto lines = walk(partly, segment.header, thread);
      CHECK(records_among(lines) == 595);
      // Each block twice; the pieces before them once: read as they come, or ahead.
      CHECK(partly.failures() <= std::size_t{2} * 5 + 2);
    }
  }
}

TEST_CASE("beside a bad sector, too, a block is given up only after another look", "[store]") {
  StoreFixture fixture;
  write_blocks(fixture, 600);
  const OneSegment segment(fixture);
  const auto block = [](std::uint64_t number) {
    return Range{kFirstFrame + number * 4096, kFirstFrame + (number + 1) * 4096};
  };
  PartlyBad for_ever(*segment.file, {block(100)});
  PartlyBad partly(for_ever, {block(103)}, 2);  // in the same piece, and once by itself
  CHECK(records_among(walk(partly, segment.header, nullptr)) == 599);
  CHECK(partly.failures() == 2);
}

TEST_CASE("what the disk refuses only once or twice is not lost", "[store]") {
  StoreFixture fixture;
  write_bulk(fixture);
  const OneSegment segment(fixture);
  const auto expected = walk(*segment.file, segment.header, nullptr);
  JobThread ahead("test-read");
  for (std::uint64_t at = kFirstFrame; at < 1_MiB; at += std::uint64_t{7} * 4096) {
    CAPTURE(at);
    PartlyBad once(*segment.file, {{at, at + 4096}}, 1);
    CHECK(walk(once, segment.header, nullptr) == expected);
    PartlyBad ahead_once(*segment.file, {{at, at + 4096}}, 1);
    CHECK(walk(ahead_once, segment.header, &ahead) == expected);
  }
  // In the middle of a frame: the piece that is read ahead, then the frame.
  const std::uint64_t at = kFirstFrame + std::uint64_t{9} * 4096;
  PartlyBad twice(*segment.file, {{at, at + 4096}}, 2);
  CHECK(walk(twice, segment.header, nullptr) == expected);
}

TEST_CASE("frames behind headers that cannot be read make up for them", "[store][W22]") {
  StoreFixture fixture;
  fixture.options.segment_bytes = 1_MiB;
  {
    const auto store = fixture.open();
    REQUIRE(append_text(*store, "one"));
    REQUIRE(append_text(*store, "two"));
    REQUIRE(store->close().is_ok());
  }
  const OneSegment segment(fixture);
  PartlyBad partly(*segment.file, {{0, kFirstFrame}});
  const auto found = find_segment_header(partly, 1, 1_MiB, RebuildHint{.was_named = true});
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  CHECK((*found)->rebuilt);
  CHECK((*found)->header.epoch == segment.header.epoch);
  CHECK((*found)->header.first_lsn == 1);
}

TEST_CASE("a file larger than any segment is not read to its end for a lost header", "[store]") {
  StoreFixture fixture;
  write_bulk(fixture);
  const std::string path = "/store/" + segment_file_name(1);
  const std::vector<std::byte> zeros(kFirstFrame);
  REQUIRE(fixture.files.damage(path, 0, zeros).is_ok());
  const auto file = fixture.files.open(path, {.access = io::Access::read_write});
  REQUIRE(file.has_value());
  constexpr std::uint64_t kForged = 8_GiB;
  REQUIRE((*file)->resize(kForged).is_ok());
  const std::uint64_t before = fixture.files.call_count(io::CallKind::read);
  const auto found = find_segment_header(**file, 1, kForged, RebuildHint{.was_named = true});
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  CHECK((*found)->header.segment_bytes == kSegmentBytesMax);
  CHECK(fixture.files.call_count(io::CallKind::read) - before < 1024 + 10);
}
