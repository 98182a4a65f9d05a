#include <algorithm>
#include <string>
#include <vector>

#include "core/store/repair.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

// What a reader tells of records that are lost or were removed.
namespace kifa::store::testing {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// What a scan gave, in its order: records as their LSN, gaps and purges as the LSNs that are lost.
struct Told {
  struct Item {
    Event event;  // kind and LSNs; of a record: nothing
    Lsn lsn;      // of a record; 0: an event
    bool operator==(const Item& other) const { return lsn == other.lsn; }
  };
  std::vector<Item> items;
  std::vector<Event> gaps;    // of LSNs
  std::vector<Event> purges;  // that the reading has told of
  std::uint64_t records = 0;

  // Whether the gap was told before the first record behind it and after the last one before it.
  [[nodiscard]] bool is_in_place(const Event& gap) const {
    bool was_told = false;
    for (const Item& item : items) {
      if (item.lsn.value == 0) {
        was_told = was_told || item.event.first_lost == gap.first_lost;
      } else if (was_told ? item.lsn < gap.first_lost : item.lsn > gap.last_lost) {
        return false;
      }
    }
    return was_told;
  }
};

Told scan(Reader& reader, const Selection& selection) {
  Told told;
  const Status status = reader.scan(
      selection,
      [&](const RecordView& record) {
        told.items.push_back({.event = {}, .lsn = record.lsn});
        ++told.records;
        return true;
      },
      [&](const Event& event) {
        if (event.first_lost.value != 0 && event.kind == EventKind::gap) {
          told.gaps.push_back(event);
          told.items.push_back({.event = event, .lsn = {}});
        } else if (event.number == 0 && event.kind == EventKind::purge) {
          told.purges.push_back(event);
        }
        return true;
      });
  INFO(status.message());
  REQUIRE(status.is_ok());
  return told;
}

// A store of 100 records, record n of second n, whose second table was damaged and repaired: two
// sources take turns.
struct RepairedStore : UpkeepFixture {
  RepairedStore() {
    options.compaction_enabled = false;
    {
      auto store = open();
      for (std::uint64_t n = 1; n <= 100; ++n) {
        append(*store, n);
      }
      REQUIRE(store->close().is_ok());
    }
    const TableInfo damaged = manifest().tables.at(1);
    spoil(table_file_name(damaged.number), damaged.bytes / 2);
    const auto report = repair_store(options, environment(files), [](const VerifyFault&) {});
    REQUIRE(report.has_value());
    REQUIRE(report->lost_records >= 1);
    lost = report->lost_records;
    const Contents contents = read_all(*read());
    std::uint64_t next = 1;
    for (const Lsn lsn : contents.lsns) {
      if (lsn.value != next && first.value == 0) {
        first = {next};
        last = {lsn.value - 1};
      }
      next = lsn.value + 1;
    }
    REQUIRE(last.value - first.value + 1 == lost);
    REQUIRE(first > damaged.first);
    REQUIRE(last < damaged.last);
  }
  static void append(Store& store, std::uint64_t n) {
    const std::string payload = payload_of(n);
    RecordView record;
    record.observed_unix_ns = static_cast<std::int64_t>(n) * kSecond;
    record.payload = as_byte_view(payload);
    REQUIRE(store.append_durable({.pipeline = "till-1",
                                  .source = n % 2 == 0 ? "even" : "odd",
                                  .records = {&record, 1},
                                  .checkpoints = {},
                                  .events = {}}));
  }
  [[nodiscard]] Lsn before(std::uint64_t by) const { return {first.value - by}; }
  [[nodiscard]] Lsn behind(std::uint64_t by) const { return {last.value + by}; }

  Lsn first;  // that is lost
  Lsn last;
  std::uint64_t lost = 0;
};

TEST_CASE("a recorded loss is told to whoever asks for its LSNs, at its place and once",
          "[store][reader][repair]") {
  RepairedStore store;
  const auto flush = GENERATE(false, true);
  if (flush) {  // the event that tells why goes into a table too
    auto writer = store.open();
    for (std::uint64_t n = 101; n <= 140; ++n) {
      RepairedStore::append(*writer, n);
    }
    REQUIRE(writer->close().is_ok());
  }
  CAPTURE(flush, store.first.value, store.last.value);
  const auto reader = store.read();
  const std::vector<Selection> selections = {
      {},
      {.first = store.before(3), .last = store.behind(3)},
      {.first = store.before(1), .last = store.first},
      {.first = store.first, .last = store.first},
      {.first = store.last, .last = store.behind(1)},
      {.last = store.last},
      {.first = store.last},
      {.first = store.before(3), .last = store.behind(3), .source = "even"},
      {.pipeline = "nobody"},
      {.min_unix_ns = static_cast<std::int64_t>(store.first.value) * kSecond,
       .max_unix_ns = static_cast<std::int64_t>(store.last.value) * kSecond},
  };
  for (std::size_t i = 0; i < selections.size(); ++i) {
    CAPTURE(i);
    const Told told = scan(*reader, selections[i]);
    REQUIRE(told.gaps.size() == 1);
    CHECK(told.gaps[0].number != 0);
    CHECK(told.gaps[0].first_lost == store.first);
    CHECK(told.gaps[0].last_lost == store.last);
    CHECK(told.gaps[0].records == store.lost);
    CHECK(told.is_in_place(told.gaps[0]));
  }
  for (const Selection& elsewhere :
       {Selection{.last = store.before(1)}, Selection{.first = store.behind(1), .last = {90}},
        Selection{.min_unix_ns = kSecond, .max_unix_ns = 2 * kSecond}}) {
    CHECK(scan(*reader, elsewhere).gaps.empty());
  }
}

TEST_CASE("a scan that ends at a loss is not called again", "[store][reader]") {
  RepairedStore store;
  int calls = 0;
  REQUIRE(store.read()
              ->scan(
                  {.first = store.before(2)}, [](const RecordView&) { return true; },
                  [&calls](const Event&) {
                    ++calls;
                    return false;
                  })
              .is_ok());
  CHECK(calls == 1);
}

TEST_CASE("a loss whose event is lost too is told by its LSNs", "[store][reader][repair]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(100);
  const TableInfo damaged = fixture.manifest().tables.at(1);
  for (std::uint64_t offset = 0; offset + 16 <= damaged.bytes; offset += 64) {
    fixture.spoil(table_file_name(damaged.number), offset);  // nothing of it can be read
  }
  REQUIRE(repair_store(fixture.options, fixture.environment(fixture.files), [](const VerifyFault&) {
          }).has_value());
  const LogMark mark = fixture.manifest().flushed.mark;
  // The log behind the tables goes as a whole, with the event in it.
  for (const std::string& name : fixture.names()) {
    const auto number = segment_number_of(name);
    if (!number || *number < mark.at.segment) {
      continue;
    }
    for (std::uint64_t offset = 2 * 4096; offset < 1_MiB; offset += 4096) {
      fixture.spoil(name, offset);
    }
  }
  const Told told =
      scan(*fixture.read(), {.first = {damaged.first.value - 1}, .last = damaged.last.next()});
  REQUIRE(told.gaps.size() == 1);
  CHECK(told.gaps[0].number == 0);
  CHECK(told.gaps[0].observed_unix_ns == 0);
  CHECK(told.gaps[0].first_lost == damaged.first);
  CHECK(told.gaps[0].last_lost == damaged.last);
  CHECK(told.gaps[0].after == Lsn{damaged.first.value - 1});
  CHECK(told.gaps[0].text.find("table-") != std::string::npos);
  CHECK(told.is_in_place(told.gaps[0]));
}

TEST_CASE("damage of the log that an opening has recorded is told at its place, also from tables",
          "[store][reader]") {
  UpkeepFixture fixture;
  fixture.options.memtable_flush_bytes = 1_GiB;
  {
    auto store = fixture.open();
    for (int i = 1; i <= 10; ++i) {
      REQUIRE(append_text(*store, "record " + std::to_string(i)));
    }
    REQUIRE(store->close().is_ok());
  }
  fixture.spoil(segment_file_name(1), 2 * 4096 + 3 * 4096);  // the frame of LSN 4
  const bool is_flushed = GENERATE(false, true);
  fixture.options.memtable_flush_bytes = is_flushed ? 1_MiB : 1_GiB;
  {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, is_flushed ? 60 : 12);
    REQUIRE(store->close().is_ok());
  }
  CAPTURE(is_flushed);
  REQUIRE(fixture.loaded().manifest.has_value() == is_flushed);
  const auto reader = fixture.read();
  for (const Selection& selection :
       {Selection{}, Selection{.first = {3}, .last = {5}}, Selection{.first = {4}, .last = {4}}}) {
    const Told told = scan(*reader, selection);
    REQUIRE(told.gaps.size() == 1);
    CHECK(told.gaps[0].first_lost == Lsn{4});
    CHECK(told.gaps[0].last_lost == Lsn{4});
    CHECK((told.gaps[0].number != 0) == is_flushed);
    CHECK(told.is_in_place(told.gaps[0]));
  }
}

TEST_CASE("a damaged table is named once where it cannot be read", "[store][reader]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(60);
  const TableInfo table = fixture.manifest().tables.front();
  const std::string name = table_file_name(table.number);
  SECTION("a block") { fixture.spoil(name, table.bytes / 2); }
  SECTION("the footer") { fixture.spoil(name, table.bytes - 100); }
  SECTION("the file") { REQUIRE(fixture.files.remove(fixture.path(name)).is_ok()); }
  const Told told = scan(*fixture.read(), {});
  REQUIRE(told.gaps.size() == 1);
  const Event& gap = told.gaps[0];
  INFO(gap.text);
  const std::size_t path = gap.text.find(fixture.path(name));
  REQUIRE(path != std::string::npos);
  CHECK(gap.text.find(fixture.path(name), path + 1) == std::string::npos);
  CHECK(gap.after.value + 1 == gap.first_lost.value);
}

TEST_CASE("what retention removes while it is read is told each time", "[store][reader]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.options.retention_records = 100;
  auto store = fixture.open();
  UpkeepFixture::append_up_to(*store, 150);
  while (store->tick()) {
  }
  const auto reader = fixture.read();
  const Lsn first_left = reader->stats()->first_lsn;
  REQUIRE(first_left > Lsn{1});
  Lsn next{1};
  std::uint64_t purges = 0;
  const Status scanned = reader->scan(
      {},
      [&](const RecordView& record) {
        CHECK(record.lsn == next);
        next = record.lsn.next();
        if (record.lsn == first_left) {
          UpkeepFixture::append_up_to(*store, 230);
          while (store->tick()) {
          }
        }
        return true;
      },
      [&](const Event& event) {
        if (event.number == 0 && event.kind == EventKind::purge) {
          ++purges;
          CHECK(event.first_lost == next);
          next = event.last_lost.next();
        }
        return true;
      });
  INFO(scanned.message());
  REQUIRE(scanned.is_ok());
  CHECK(purges == 2);
  CHECK(next == Lsn{151});
  REQUIRE(store->close().is_ok());
}

}  // namespace
}  // namespace kifa::store::testing
