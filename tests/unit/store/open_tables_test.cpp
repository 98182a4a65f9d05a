#include "core/store/open_tables.hpp"

#include "core/store/checkpoints_file.hpp"
#include "core/store/manifest_edit.hpp"
#include "core/store/verify.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

// What a flush leaves that was cut short before its manifest.
std::string add_unknown_table(UpkeepFixture& fixture, std::uint64_t number) {
  const std::string name = table_file_name(number);
  auto file =
      fixture.files.open(fixture.path(name), {.access = io::Access::read_write, .create = true});
  REQUIRE(file.has_value());
  REQUIRE((*file)->write_at(as_byte_view("begun"), 0, io::WriteMode::durable).has_value());
  REQUIRE(fixture.files.sync_directory("/store").is_ok());
  return name;
}

void remove_manifests(UpkeepFixture& fixture) {
  for (const std::string& name : fixture.names()) {
    if (manifest_version_of(name)) {
      REQUIRE(fixture.files.remove(fixture.path(name)).is_ok());
    }
  }
}

}  // namespace

TEST_CASE("a table that was begun and never named is removed when the store opens", "[open]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const std::string begun = add_unknown_table(fixture, fixture.manifest().next_file_number);
  auto store = fixture.open();
  CHECK_FALSE(fixture.is_there(begun));
  CHECK_FALSE(fixture.is_there(begun + ".orphan"));
  CHECK(fixture.reports.empty());
  REQUIRE(store->close().is_ok());
  fixture.check_all(40);
}

TEST_CASE("behind a damaged manifest nothing is deleted and nothing is lost", "[open]") {
  UpkeepFixture fixture;
  fixture.fill(80);
  const LoadedManifest before = fixture.loaded();
  REQUIRE(before.previous.has_value());
  const std::string newest = manifest_file_name(before.highest_version);
  fixture.spoil(newest, 200);
  const auto unknown = unknown_files(*before.previous, before.names);
  const bool refuses = GENERATE(false, true);
  CAPTURE(refuses);
  if (refuses) {
    fixture.options.refuse_corruption = true;
    const auto names = fixture.names();
    const auto store = Store::open(fixture.options, fixture.environment(fixture.files));
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().code() == Code::corrupt);
    CHECK(fixture.names() == names);
    return;
  }
  auto store = fixture.open();
  CHECK(fixture.is_there(newest + ".damaged"));
  CHECK_FALSE(fixture.is_there(newest));
  CHECK(fixture.has_reported(newest));
  for (const std::string& name : unknown) {
    CHECK(fixture.is_there(name + ".orphan"));
    CHECK(fixture.has_reported(name + " belongs to a manifest that is lost"));
  }
  UpkeepFixture::append_up_to(*store, 140);
  REQUIRE(store->close().is_ok());
  // Edits have come and gone, and what was moved aside is still there.
  CHECK(fixture.is_there(newest + ".damaged"));
  for (const std::string& name : unknown) {
    CHECK(fixture.is_there(name + ".orphan"));
  }
  CHECK(fixture.manifest().version > before.highest_version);
  CHECK_FALSE(fixture.loaded().is_fallback());
  fixture.check_all(140);
}

TEST_CASE("the tables of a manifest that vanished are moved aside", "[open]") {
  UpkeepFixture fixture;
  fixture.fill(80);
  const LoadedManifest before = fixture.loaded();
  REQUIRE(before.previous.has_value());
  // Nothing but STATUS and the log tells that there was a newer one.
  REQUIRE(fixture.files.remove(fixture.path(manifest_file_name(before.highest_version))).is_ok());
  const std::string table = add_unknown_table(fixture, before.manifest->next_file_number);
  const StoreStats stats = fixture.read()->stats().value();
  REQUIRE(stats.faults.size() == 1);
  CHECK(stats.faults[0] == "/store: manifest " + std::to_string(before.highest_version) +
                               " is missing; what is shown is an older state and its log");
  auto store = fixture.open();
  CHECK(fixture.has_reported("manifest " + std::to_string(before.highest_version) + " is missing"));
  CHECK_FALSE(fixture.is_there(table));
  CHECK(fixture.is_there(table + ".orphan"));
  REQUIRE(store->close().is_ok());
  fixture.check_all(80);
}

TEST_CASE("without any manifest the tables say what they hold, and the store goes on",
          "[open][W7][W8]") {
  UpkeepFixture fixture;
  fixture.fill(200);
  const Manifest before = fixture.manifest();
  REQUIRE_FALSE(before.tables.empty());
  remove_manifests(fixture);
  fixture.check_all(200);
  {
    const StoreStats stats = fixture.read()->stats().value();
    CHECK(stats.manifest_is_lost);
    CHECK(stats.written_payload_bytes == 0);  // nobody knows
    REQUIRE(stats.faults.size() == 1);
    CHECK(stats.faults[0].find(
              "is missing; what is shown is what its tables say of themselves and its log") !=
          std::string::npos);
  }
  for (int opening = 0; opening < 2; ++opening) {
    auto store = fixture.open();
    CHECK(fixture.has_reported("tables say of themselves (LSN 1 to "));
    for (const TableInfo& table : before.tables) {
      CHECK(fixture.is_there(table_file_name(table.number)));
    }
    REQUIRE(store->close().is_ok());
    fixture.check_all(200);
  }
  auto store = fixture.open();
  REQUIRE(store->durable_lsn() == Lsn{200});
  REQUIRE(store->close().is_ok());
  fixture.fill(400);
  fixture.check_all(400);
  CHECK(fixture.manifest().last_anchor != Digest{});
  const auto report = verify_store(fixture.files, {.directory = "/store"});
  REQUIRE(report.has_value());
  CHECK(report->faults == 0);
}

TEST_CASE("without any manifest and the oldest table the others are read", "[open]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(200);
  const Manifest before = fixture.manifest();
  REQUIRE(before.tables.size() > 1);
  remove_manifests(fixture);
  REQUIRE(
      fixture.files.remove(fixture.path(table_file_name(before.tables.front().number))).is_ok());
  auto store = fixture.open();
  CHECK(fixture.has_reported("(LSN " + std::to_string(before.tables[1].first.value) + " to "));
  REQUIRE(store->close().is_ok());
  const Contents contents = read_all(*fixture.read());
  REQUIRE(contents.lsns.size() == 200 - before.tables.front().last.value);
  CHECK(contents.lsns.front() == before.tables[1].first);
  CHECK(contents.lsns.back() == Lsn{200});
  // Whether retention took the others nobody can tell, so nobody claims it.
  CHECK(std::ranges::any_of(contents.events, [](const Event& event) {
    return event.text.find("retention had removed them, or they are lost") != std::string::npos;
  }));
}

TEST_CASE("of tables without a manifest those that do not join the newest are kept aside",
          "[open]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(200);
  const Manifest before = fixture.manifest();
  REQUIRE(before.tables.size() > 2);
  remove_manifests(fixture);
  REQUIRE(fixture.files.remove(fixture.path(table_file_name(before.tables[1].number))).is_ok());
  auto store = fixture.open();
  CHECK(fixture.is_there(table_file_name(before.tables[0].number) + ".orphan"));
  REQUIRE(store->close().is_ok());
  CHECK(read_all(*fixture.read()).lsns.front() == before.tables[2].first);
}

TEST_CASE("a table that is missing is told with its LSNs, and the rest can be read", "[open]") {
  UpkeepFixture fixture;
  fixture.fill(80);
  const TableInfo lost = fixture.manifest().tables.front();
  CHECK(fixture.read()->stats().value().faults.empty());
  REQUIRE(fixture.files.remove(fixture.path(table_file_name(lost.number))).is_ok());
  const StoreStats stats = fixture.read()->stats().value();
  CHECK(stats.unreadable_records == lost.records);
  REQUIRE(stats.faults.size() == 1);
  CHECK(stats.faults[0].find(table_file_name(lost.number)) != std::string::npos);
  CHECK(stats.faults[0].find(
            std::to_string(lost.records) + " records (LSN " + std::to_string(lost.first.value) +
            " to " + std::to_string(lost.last.value) + ") cannot be read") != std::string::npos);
  auto store = fixture.open();
  CHECK(fixture.has_reported(table_file_name(lost.number) + " is missing; LSN " +
                             std::to_string(lost.first.value) + " to " +
                             std::to_string(lost.last.value)));
  REQUIRE(store->close().is_ok());
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.lsns.size() == 80 - lost.records);
}

TEST_CASE("lost checkpoints are told as an error when the store opens", "[open]") {
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
  const CheckpointsRef named = fixture.manifest().checkpoints;
  REQUIRE(named.number != 0);
  fixture.spoil(checkpoints_file_name(named.number), 70);
  auto store = fixture.open();
  CHECK(fixture.has_reported("sources may send again"));
  CHECK(fixture.has_reported(checkpoints_file_name(named.number)));
  REQUIRE(store->close().is_ok());
  fixture.check_all(40);
}

TEST_CASE("an opening that is cut after any step leaves nothing lost behind a damaged manifest",
          "[open]") {
  UpkeepFixture fixture;
  fixture.fill(60);
  fixture.spoil(manifest_file_name(fixture.loaded().highest_version), 300);
  fixture.files.restart_trace();
  {
    auto store = fixture.open();
  }
  const io::Trace trace = fixture.files.trace();
  for (io::CrashPoints points(trace); !points.at_end(); points.advance()) {
    const auto image = points.power_cut(points.passed());
    auto store = Store::open(fixture.options, fixture.environment(*image));
    INFO("event " << points.passed() << ": " << store.status().message());
    REQUIRE(store.has_value());
    REQUIRE((*store)->close().is_ok());
    auto reader = Reader::open("/store", *image);
    REQUIRE(reader.has_value());
    REQUIRE(read_all(**reader).lsns.size() == 60);
  }
}
