#include <algorithm>
#include <string>
#include <vector>

#include "core/store/blocks_ahead.hpp"
#include "tests/unit/store/table_fixture.hpp"

// Scans that are long enough for a thread that loads blocks ahead.

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

constexpr std::uint64_t kFirst = 100;

// A block for each record.
PieceContent records(std::uint64_t count, std::size_t bytes = 2000) {
  PieceContent piece;
  for (std::uint64_t lsn = kFirst; lsn < kFirst + count; ++lsn) {
    OwnedRecord record;
    record.lsn = lsn;
    record.unix_ns = static_cast<std::int64_t>(lsn);
    record.payload = std::string(bytes, static_cast<char>('a' + lsn % 26));
    piece.items.emplace_back(std::move(record));
  }
  piece.last = {kFirst + count - 1};
  return piece;
}

std::vector<std::uint64_t> lsns_of(const TableContents& contents) {
  std::vector<std::uint64_t> lsns;
  for (const Item& item : contents.items) {
    lsns.push_back(std::get<OwnedRecord>(item).lsn);
  }
  return lsns;
}

}  // namespace

TEST_CASE("a long scan gives every record once and in order", "[table][ahead]") {
  for (const TableCodec codec : {TableCodec::none, TableCodec::lz4, TableCodec::zstd}) {
    io::MemoryFileSystem files;
    const PieceContent piece = records(1000);
    REQUIRE(write_table(files, table_options(codec), {piece}).has_value());
    static_assert(1000 > 10 * BlocksAhead::kBlocksMax);
    const auto reader = open_table(files);
    for (int again = 0; again < 3; ++again) {
      const TableContents contents = scan_table(*reader);
      CHECK(contents.damage.empty());
      REQUIRE(same(contents.items, piece.items));
    }
  }
}

TEST_CASE("a long scan ends wherever it is told to", "[table][ahead]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), {records(300)}).has_value());
  const auto reader = open_table(files);
  for (std::uint64_t wanted = 1; wanted <= 300; ++wanted) {
    std::uint64_t seen = 0;
    const auto take = [&](const RecordView& record) {
      REQUIRE(record.lsn.value == kFirst + seen);
      return ++seen < wanted;
    };
    const auto no_event = [](const Event&) { return true; };
    REQUIRE(reader->scan({}, take, no_event, [](const TableDamage&) { FAIL("damage"); }).is_ok());
    REQUIRE(seen == wanted);
  }
}

TEST_CASE("a scan that wants little reads no block that it does not show", "[table][ahead]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), {records(1000)}).has_value());
  const auto reader = open_table(files);
  const std::uint64_t before = files.call_count(io::CallKind::read);
  std::uint64_t seen = 0;
  REQUIRE(reader
              ->scan(
                  {}, [&](const RecordView&) { return ++seen < BlocksAhead::kBlocksBefore; },
                  [](const Event&) { return true; }, [](const TableDamage&) {})
              .is_ok());
  CHECK(files.call_count(io::CallKind::read) - before == 2 + BlocksAhead::kBlocksBefore);
}

TEST_CASE("damage that was loaded ahead is told where it stands", "[table][ahead]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(TableCodec::none), {records(500)}).has_value());
  const std::uint64_t bytes = files.content(kTablePath)->size();
  std::size_t spoiled = 0;
  for (std::uint64_t at = 20'000; at < bytes / 10 * 9; at += 3'000 + at % 70'000) {  // in a block
    REQUIRE(files.flip_bit(kTablePath, 8 * at).is_ok());
    ++spoiled;
  }
  const auto reader = open_table(files);
  std::vector<std::uint64_t> found;
  std::size_t lost = 0;
  std::uint64_t last = 0;
  REQUIRE(reader
              ->scan(
                  {},
                  [&](const RecordView& record) {
                    REQUIRE(record.lsn.value > last);
                    last = record.lsn.value;
                    found.push_back(last);
                    return true;
                  },
                  [](const Event&) { return true; },
                  [&](const TableDamage& damage) {
                    REQUIRE(damage.first.value > last);
                    REQUIRE(damage.first == damage.last);
                    last = damage.first.value;
                    ++lost;
                  })
              .is_ok());
  CHECK(last == kFirst + 499);
  CHECK(found.size() + lost == 500);
  CHECK(spoiled > 10);
  CHECK(lost <= spoiled);
  CHECK(lost >= spoiled / 2);  // two may be in one block
}

TEST_CASE("records larger than all that is loaded ahead come one after the other",
          "[table][ahead]") {
  io::MemoryFileSystem files;
  PieceContent piece = records(120);
  for (const std::size_t place : {0U, 20U, 21U, 22U, 60U, 119U}) {
    std::get<OwnedRecord>(piece.items[place]).payload.resize(BlocksAhead::kBytesMax + 1, 'L');
  }
  REQUIRE(write_table(files, table_options(), {piece}).has_value());
  const TableContents contents = scan_table(*open_table(files));
  CHECK(contents.damage.empty());
  REQUIRE(same(contents.items, piece.items));
}

TEST_CASE("a read that fails ahead of a scan costs one block and no more", "[table][ahead]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), {records(200)}).has_value());
  bool has_struck = true;
  for (std::uint64_t index = 0; has_struck; index += 3) {
    const auto reader = open_table(files);
    const std::uint64_t before = files.faults_fired();
    files.add_fault({.kind = io::CallKind::read, .index = index});
    const TableContents contents = scan_table(*reader);
    files.clear_faults();
    has_struck = files.faults_fired() != before;
    INFO("call " << index);
    const std::vector<std::uint64_t> lsns = lsns_of(contents);
    REQUIRE(std::ranges::is_sorted(lsns));
    REQUIRE(std::ranges::adjacent_find(lsns) == lsns.end());
    REQUIRE(lsns.size() >= 199);  // an index page can be done without
    REQUIRE(contents.damage.size() == (has_struck ? 1 : 0));
  }
}
