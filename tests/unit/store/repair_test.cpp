#include "core/store/repair.hpp"

#include "core/store/checkpoints_file.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

RepairReport repair(UpkeepFixture& fixture) {
  std::string faults;
  const auto report =
      repair_store(fixture.options, fixture.environment(fixture.files),
                   [&faults](const VerifyFault& fault) { faults += fault.text + "\n"; });
  INFO(report.status().message() << faults);
  REQUIRE(report.has_value());
  REQUIRE(report->after.faults == 0);
  return *report;
}

}  // namespace

TEST_CASE("a table with a damaged block is rewritten with the rest, and the loss is a gap",
          "[repair]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(100);
  const Manifest before = fixture.manifest();
  REQUIRE(before.tables.size() >= 3);
  const TableInfo damaged = before.tables[1];
  const std::string name = table_file_name(damaged.number);
  fixture.spoil(name, damaged.bytes / 2);
  const RepairReport report = repair(fixture);
  CHECK(report.tables == 1);
  CHECK(report.lost_records >= 1);
  CHECK(report.lost_records < damaged.records);
  CHECK(report.after.lost_records == report.lost_records);
  CHECK(report.after.records == 100 - report.lost_records);
  CHECK(fixture.is_there(name + ".damaged"));
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.lsns.size() == 100 - report.lost_records);
  CHECK(std::ranges::count(contents.events, EventKind::gap, &Event::kind) >= 1);
  // A second repair has nothing to do, and the store goes on, compacts, and stays whole.
  CHECK(repair(fixture).tables == 0);
  fixture.options.compaction_enabled = true;
  fixture.reports.clear();
  {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, 300);
    while (store->tick()) {
    }
    REQUIRE(store->close().is_ok());
  }
  CHECK(fixture.reports.empty());
  CHECK(repair(fixture).after.records == 300 - report.lost_records);
  CHECK(fixture.is_there(name + ".damaged"));
}

TEST_CASE("a table that is missing or has no footer becomes a gap", "[repair]") {
  UpkeepFixture fixture;
  fixture.fill(60);
  const TableInfo lost = fixture.manifest().tables.front();
  const std::string name = table_file_name(lost.number);
  if (GENERATE(false, true)) {
    REQUIRE(fixture.files.remove(fixture.path(name)).is_ok());
  } else {
    fixture.spoil(name, lost.bytes - 100);
  }
  const RepairReport report = repair(fixture);
  CHECK(report.tables == 1);
  CHECK(report.lost_records == lost.records);
  CHECK(report.after.records == 60 - lost.records);
}

TEST_CASE("checkpoints that cannot be read are dropped, and the file is kept", "[repair]") {
  UpkeepFixture fixture;
  {
    auto store = fixture.open();
    const Checkpoint checkpoint{.origin = "p/s", .key = "file", .position = 7};
    REQUIRE(store->append_durable({.pipeline = "p",
                                   .source = "s",
                                   .records = {},
                                   .checkpoints = {&checkpoint, 1},
                                   .events = {}}));
    UpkeepFixture::append_up_to(*store, 40);
    REQUIRE(store->close().is_ok());
  }
  const std::string name = checkpoints_file_name(fixture.manifest().checkpoints.number);
  fixture.spoil(name, 70);
  CHECK(repair(fixture).after.records == 40);
  CHECK(fixture.is_there(name + ".damaged"));
}

TEST_CASE("a damaged manifest, log and STATUS are repaired by opening", "[repair]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const Manifest manifest = fixture.manifest();
  SECTION("manifest") {
    fixture.spoil(manifest_file_name(manifest.version), 100);
    CHECK(repair(fixture).after.records == 40);
  }
  SECTION("log") {
    fixture.spoil(segment_file_name(manifest.flushed.mark.at.segment),
                  manifest.flushed.mark.at.offset);
    CHECK(repair(fixture).after.records == 39);
  }
  SECTION("STATUS") {
    fixture.spoil("STATUS", 0);
    fixture.spoil("STATUS", 512);
    CHECK(repair(fixture).after.records == 40);
  }
}

TEST_CASE("a store in use is not repaired, and where there is none nothing is made", "[repair]") {
  UpkeepFixture fixture;
  const auto code = [&] {
    return repair_store(fixture.options, fixture.environment(fixture.files), {}).status().code();
  };
  CHECK(code() == Code::not_found);
  CHECK_FALSE(fixture.files.info("/store").has_value());
  auto store = fixture.open();
  CHECK(code() == Code::locked);
  REQUIRE(store->close().is_ok());
}
