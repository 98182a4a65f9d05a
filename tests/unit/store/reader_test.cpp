#include <string>
#include <vector>

#include "tests/unit/store/upkeep_fixture.hpp"

// What reading costs: files that need not be opened, bytes that need not be read.
namespace kifa::store::testing {
namespace {

struct TimedTables : UpkeepFixture {
  // Tables of 18 records, record n seen at second n.
  TimedTables() {
    options.compaction_enabled = false;
    auto store = open();
    for (std::uint64_t n = 1; n <= 300; ++n) {
      REQUIRE(append_text(*store, payload_of(n), second(n)));
    }
    REQUIRE(store->close().is_ok());
    REQUIRE(manifest().tables.size() > 10);
  }
  static std::int64_t second(std::uint64_t n) {
    return static_cast<std::int64_t>(n) * 1'000'000'000;
  }
};

TEST_CASE("a range of times opens only the tables that may hold it", "[store][reader]") {
  TimedTables fixture;
  const auto reader = fixture.read();
  const std::uint64_t before = fixture.files.call_count(io::CallKind::open);
  const Contents found = read_all(
      *reader, {.min_unix_ns = TimedTables::second(100), .max_unix_ns = TimedTables::second(103)});
  CHECK(found.lsns == std::vector<Lsn>{{100}, {101}, {102}, {103}});
  CHECK(found.events.empty());
  CHECK(fixture.files.call_count(io::CallKind::open) - before <= 3);  // and what the log has
  const Contents none = read_all(*reader, {.min_unix_ns = TimedTables::second(301)});
  CHECK(none.lsns.empty());
}

TEST_CASE("a damaged table outside a range of times is not met by it", "[store][reader]") {
  TimedTables fixture;
  REQUIRE(
      fixture.files.remove(fixture.path(table_file_name(fixture.manifest().tables.front().number)))
          .is_ok());
  const auto reader = fixture.read();
  const Contents found = read_all(
      *reader, {.min_unix_ns = TimedTables::second(100), .max_unix_ns = TimedTables::second(103)});
  CHECK(found.lsns.size() == 4);
  CHECK(found.events.empty());
  const Contents all = read_all(*reader);
  REQUIRE(all.events.size() == 1);
  CHECK(all.events.front().kind == EventKind::gap);
  CHECK(all.lsns.size() < 300);
}

TEST_CASE("events in a table are found though no record of it is in the range of times",
          "[store][reader]") {
  UpkeepFixture fixture;
  auto store = fixture.open();
  Event gap;
  gap.observed_unix_ns = TimedTables::second(500);
  gap.records = 3;
  gap.text = "in: three records were refused";
  for (std::uint64_t n = 1; n <= 60; ++n) {
    const std::string payload = UpkeepFixture::payload_of(n);
    RecordView record;
    record.observed_unix_ns = TimedTables::second(n);
    record.payload = as_byte_view(payload);
    REQUIRE(store->append_durable({.pipeline = "till-1",
                                   .source = "app",
                                   .records = {&record, 1},
                                   .checkpoints = {},
                                   .events = {&gap, n == 5 ? std::size_t{1} : 0}}));
  }
  REQUIRE(store->close().is_ok());
  REQUIRE(fixture.manifest().tables.front().last >= Lsn{5});
  const Contents found = read_all(*fixture.read(), {.min_unix_ns = TimedTables::second(400)});
  CHECK(found.lsns.empty());
  REQUIRE(found.events.size() == 1);
  CHECK(found.events.front().records == 3);
}

TEST_CASE("opening a stopped store looks through the free end of its log once", "[store][reader]") {
  StoreFixture fixture;
  fixture.options.segment_bytes = 16_MiB;
  auto store = fixture.open();
  REQUIRE(append_text(*store, "one"));
  REQUIRE(append_text(*store, "two"));
  REQUIRE(store->close().is_ok());
  const std::uint64_t before = fixture.files.call_count(io::CallKind::read);
  const auto reader = fixture.read();
  // 16 pieces of 1 MiB, and some headers; twice would be 32.
  CHECK(fixture.files.call_count(io::CallKind::read) - before < 30);
  CHECK(read_all(*reader).payloads == std::vector<std::string>{"one", "two"});
}

}  // namespace
}  // namespace kifa::store::testing
