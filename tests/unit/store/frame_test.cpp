#include <random>

#include "core/store/frame_builder.hpp"
#include "core/store/frame_view.hpp"
#include "tests/support/catch.hpp"

using namespace kifa;         // NOLINT: a test
using namespace kifa::store;  // NOLINT: a test

namespace {

constexpr std::uint32_t kBlock = 4096;

SegmentHeader segment_header() {
  SegmentHeader header;
  header.block_bytes = kBlock;
  header.number = 3;
  header.epoch = 0xE90C;
  header.segment_bytes = 1_MiB;
  return header;
}

FramePlace place() {
  FramePlace place;
  place.segment = 3;
  place.offset = 2 * kBlock;
  place.epoch = 0xE90C;
  place.first_lsn = {100};
  place.first_event = 5;
  return place;
}

// Builds a frame of three records with attributes, one checkpoint and one event.
FrameBuilder sample() {
  FrameBuilder builder(kBlock);
  const std::vector<Attribute> attributes = {{.key = "path", .value = "/var/log/pos.log"}};
  std::vector<RecordView> records(3);
  const std::string large(9000, 'x');
  records[0].payload = as_byte_view("first");
  records[1].payload = as_byte_view("");
  records[1].attributes = attributes;
  records[2].payload = as_byte_view(large);
  records[2].attributes = attributes;
  records[2].flags = kRecordPartial;
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].observed_unix_ns = 1000 + static_cast<std::int64_t>(i);
  }
  builder.add_records(
      {.pipeline = "p", .source = "s", .records = records, .checkpoints = {}, .events = {}}, 0, 3,
      5 + large.size(), 400);
  builder.add_checkpoint(
      {.origin = "p/s", .key = "file-1", .position = 77, .state = std::string("\0x", 2)});
  Event event;
  event.text = "4 records lost";
  event.records = 4;
  builder.add_event(event);
  return builder;
}

}  // namespace

TEST_CASE("a frame gives back records, attributes, checkpoints and events as they were put in",
          "[store]") {
  FrameBuilder builder = sample();
  builder.seal(place());
  const ByteView bytes = builder.sealed();
  CHECK(bytes.size() % kBlock == 0);
  const auto header = decode_frame_header(bytes, segment_header(), 2 * kBlock);
  REQUIRE(header.has_value());
  const CheckedFrame checked = check_frame(*header, bytes);
  REQUIRE(checked.check == FrameCheck::intact);
  CHECK(header->record_count == 3);
  CHECK(as_text(checked.view.payloads.first(5)) == "first");
  FrameGroups groups;
  REQUIRE(groups.decode(checked.view));
  const auto entry = load<TableEntry>(checked.view.table.data() + 2 * sizeof(TableEntry));
  RecordView record;
  record.observed_unix_ns = entry.observed_unix_ns;
  REQUIRE(groups.apply(entry.group, record));
  CHECK(record.pipeline == "p");
  CHECK(record.source == "s");
  CHECK(record.observed_boot_ns == 1002 - 400);
  REQUIRE(record.attributes.size() == 1);
  CHECK(record.attributes[0].value == "/var/log/pos.log");
  CHECK(entry.flags == kRecordPartial);
  const auto checkpoints = checkpoints_of(checked.view);
  REQUIRE(checkpoints.size() == 1);
  CHECK(checkpoints[0].state == std::string("\0x", 2));
  CHECK(checkpoints[0].position == 77);
  const auto events = events_of(checked.view);
  REQUIRE(events.size() == 1);
  CHECK(events[0].number == 5);
  CHECK(events[0].after == Lsn{102});
  CHECK(events[0].text == "4 records lost");
}

TEST_CASE("a frame belongs to its segment, its place and its epoch only", "[store]") {
  FrameBuilder builder = sample();
  builder.seal(place());
  SegmentHeader other = segment_header();
  CHECK(decode_frame_header(builder.sealed(), other, 2 * kBlock));
  CHECK_FALSE(decode_frame_header(builder.sealed(), other, 3 * kBlock));
  other.number = 4;
  CHECK_FALSE(decode_frame_header(builder.sealed(), other, 2 * kBlock));
  other = segment_header();
  other.epoch += 1;
  CHECK_FALSE(decode_frame_header(builder.sealed(), other, 2 * kBlock));
}

TEST_CASE("every flipped bit of a frame is noticed, and one in a payload costs that record alone",
          "[store]") {
  FrameBuilder builder = sample();
  builder.seal(place());
  std::vector<std::byte> bytes(builder.sealed().begin(), builder.sealed().end());
  const auto header = decode_frame_header(bytes, segment_header(), 2 * kBlock);
  REQUIRE(header.has_value());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    const auto seen = decode_frame_header(bytes, segment_header(), 2 * kBlock);
    if (seen) {
      const CheckedFrame checked = check_frame(*seen, bytes);
      const std::size_t payload_end = sizeof(FrameHeader) + header->payload_bytes;
      if (bit / 8 >= sizeof(FrameHeader) && bit / 8 < payload_end) {
        REQUIRE(checked.check == FrameCheck::records_damaged);
        REQUIRE(checked.damaged_records.size() == 1);
        REQUIRE(checked.damaged_records[0] == (bit / 8 < sizeof(FrameHeader) + 5 ? 0U : 2U));
      } else {
        REQUIRE(checked.check == FrameCheck::body_damaged);
      }
    }
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
  }
}

TEST_CASE("a frame can be taken over and sealed for another place", "[store]") {
  FrameBuilder builder = sample();
  builder.seal(place());
  const auto header = decode_frame_header(builder.sealed(), segment_header(), 2 * kBlock);
  REQUIRE(header.has_value());
  FrameBuilder copy(kBlock);
  copy.add_frame(check_frame(*header, builder.sealed()).view);
  FramePlace elsewhere = place();
  elsewhere.segment = 9;
  elsewhere.offset = 5 * kBlock;
  elsewhere.epoch = 1234;
  copy.seal(elsewhere);
  SegmentHeader other = segment_header();
  other.number = 9;
  other.epoch = 1234;
  const auto moved = decode_frame_header(copy.sealed(), other, 5 * kBlock);
  REQUIRE(moved.has_value());
  const CheckedFrame checked = check_frame(*moved, copy.sealed());
  REQUIRE(checked.check == FrameCheck::intact);
  CHECK(moved->first_lsn == 100);
  CHECK(events_of(checked.view)[0].after == Lsn{102});
  CHECK(checkpoints_of(checked.view)[0].key == "file-1");
}
