#include "core/store/repair.hpp"

#include <fmt/format.h>

#include <random>

#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/status_file.hpp"
#include "core/store/table_writer.hpp"
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

// All texts of gap events, a line each.
std::string gap_texts(UpkeepFixture& fixture) {
  std::string texts;
  for (const Event& event : read_all(*fixture.read()).events) {
    texts += event.kind == EventKind::gap ? event.text + "\n" : "";
  }
  return texts;
}

// What the blocks of a table say of themselves.
std::vector<TableIndexEntry> blocks_of(const std::vector<std::byte>& table) {
  const auto footer = load<TableFooter>(table.data() + table.size() - sizeof(TableFooter));
  std::vector<TableIndexEntry> blocks;
  for (std::uint64_t at = sizeof(TableHeader); at < footer.blocks_end;) {
    blocks.push_back(index_entry_of(load<TableBlockHeader>(table.data() + at)));
    at += blocks.back().block_bytes;
  }
  return blocks;
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

TEST_CASE("a table that is missing becomes a gap that names its file", "[repair]") {
  UpkeepFixture fixture;
  fixture.fill(60);
  const TableInfo lost = fixture.manifest().tables.front();
  const std::string name = table_file_name(lost.number);
  REQUIRE(fixture.files.remove(fixture.path(name)).is_ok());
  const RepairReport report = repair(fixture);
  CHECK(report.tables == 1);
  CHECK(report.lost_records == lost.records);
  CHECK(report.after.records == 60 - lost.records);
  CHECK(gap_texts(fixture).find(fixture.path(name) + ": No such file") != std::string::npos);
}

TEST_CASE("a table whose footer, indexes or header are damaged loses no record", "[repair]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(60);
  const TableInfo table = fixture.manifest().tables.front();
  const std::string name = table_file_name(table.number);
  const auto content = *fixture.files.content(fixture.path(name));
  const auto footer = load<TableFooter>(content.data() + content.size() - sizeof(TableFooter));
  SECTION("one bit of the footer") {
    REQUIRE(fixture.files.flip_bit(fixture.path(name), 8 * (table.bytes - 100)).is_ok());
  }
  SECTION("the end is cut off") { fixture.cut(name, footer.blocks_end); }
  SECTION("the top index") { fixture.spoil(name, footer.top.offset); }
  SECTION("everything but the blocks") {
    const std::string junk(table.bytes - footer.blocks_end, '#');
    fixture.spoil(name, 0);
    REQUIRE(fixture.files.damage(fixture.path(name), footer.blocks_end, as_byte_view(junk)));
  }
  const RepairReport report = repair(fixture);
  CHECK(report.tables == 1);
  CHECK(report.lost_records == 0);
  CHECK(report.after.records == 60);
  fixture.check_all(60);
  CHECK(fixture.is_there(name + ".damaged"));
}

TEST_CASE("a table without its end loses only the blocks that are damaged", "[repair]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(60);
  const TableInfo table = fixture.manifest().tables.front();
  const std::string name = table_file_name(table.number);
  const std::string path = fixture.path(name);
  const std::vector<TableIndexEntry> blocks = blocks_of(*fixture.files.content(path));
  REQUIRE(blocks.size() >= 5);
  fixture.spoil(name, blocks[1].offset + 200);  // its header tells where the next one stands
  fixture.spoil(name, blocks[3].offset + 8);    // its header does not
  fixture.cut(name, blocks.back().offset + 50);
  const std::uint64_t lost =
      blocks[1].record_count + blocks[3].record_count + blocks.back().record_count;
  const RepairReport report = repair(fixture);
  CHECK(report.lost_records == lost);
  CHECK(report.after.records == 60 - lost);
  const std::string texts = gap_texts(fixture);
  INFO(texts);
  for (const TableIndexEntry& block : {blocks[1], blocks[3]}) {
    CHECK(texts.find(fmt::format(
              "LSN {} to {} cannot be read any more: {}.damaged at offset {}: ", block.first_lsn,
              block.last_lsn, path, block.offset)) != std::string::npos);
  }
  CHECK(texts.find(fmt::format("{}.damaged is cut off at {} bytes", path,
                               blocks.back().offset + 50)) != std::string::npos);
  const Contents contents = read_all(*fixture.read());
  for (std::size_t i = 0; i < contents.lsns.size(); ++i) {
    REQUIRE(contents.payloads[i] == UpkeepFixture::payload_of(contents.lsns[i].value));
  }
}

TEST_CASE("another table in the place of one that is lost gives no record", "[repair]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(60);
  const Manifest manifest = fixture.manifest();
  const TableInfo lost = manifest.tables.front();
  const std::string path = fixture.path(table_file_name(lost.number));
  REQUIRE(fixture.files.remove(path).is_ok());
  const bool is_same_number = GENERATE(false, true);
  INFO("same number: " << is_same_number);
  if (is_same_number) {
    auto writer = TableWriter::create(
        fixture.files,
        {.path = path, .store_id = manifest.store_id, .number = lost.number, .first = lost.first});
    REQUIRE(writer.has_value());
    REQUIRE((*writer)->add(RecordView{.lsn = lost.first, .payload = as_byte_view("forged")}));
    REQUIRE((*writer)->end_piece(lost.last).has_value());
    REQUIRE((*writer)->finish().has_value());
  } else {
    REQUIRE(fixture.files.link(fixture.path(table_file_name(manifest.tables[1].number)), path));
  }
  const RepairReport report = repair(fixture);
  CHECK(report.lost_records == lost.records);
  CHECK(report.after.records == 60 - lost.records);
}

TEST_CASE("repair keeps to the sizes and the disk budget that the store has", "[repair]") {
  UpkeepFixture fixture;
  fixture.options.disk_budget_bytes = 8_MiB;
  fixture.options.compaction_enabled = false;
  const bool has_note = GENERATE(true, false);
  INFO("the last opening left its note: " << has_note);
  fixture.fill(100);
  const std::vector<TableInfo> tables = fixture.manifest().tables;
  REQUIRE(tables.size() >= StoreOptions().compaction_threshold + 1);
  const std::uint64_t before = fixture.files.used_space();
  const TableInfo& damaged = tables.front();
  const std::string name = table_file_name(damaged.number);
  fixture.spoil(name, damaged.bytes / 2);
  if (!has_note) {
    fixture.spoil("STATUS", kOpeningNoteOffset);
  }
  // As the command does, which knows none of the store's settings.
  const auto report = repair_store({.directory = fixture.options.directory},
                                   fixture.environment(fixture.files), {});
  INFO(report.status().message());
  REQUIRE(report.has_value());
  CHECK(report->after.faults == 0);
  CHECK(report->lost_records >= 1);
  CHECK(fixture.has_reported("take " + std::to_string(damaged.bytes) +
                             " bytes of the disk budget of 8388608") == has_note);
  const std::vector<TableInfo> left = fixture.manifest().tables;
  CHECK(std::ranges::equal(std::span(tables).subspan(1),
                           std::span(left).subspan(1, tables.size() - 1)));
  std::size_t segments = 0;
  for (const std::string& each : fixture.names()) {
    if (segment_number_of(each)) {
      ++segments;
      CHECK(fixture.files.info(fixture.path(each))->bytes == 1_MiB);
    }
  }
  CHECK(segments >= 2);
  CHECK(fixture.files.used_space() <= before + damaged.bytes + 64_KiB);
  const auto note = read_opening_note(fixture.files, fixture.options.directory);
  REQUIRE(note.has_value());
  CHECK(note->disk_budget_bytes == (has_note ? 8_MiB : 0));
  fixture.reports.clear();
  auto store = fixture.open();
  UpkeepFixture::append_up_to(*store, 110);
  REQUIRE(store->close().is_ok());
  CHECK(fixture.reports.empty());
}

TEST_CASE("repair of a store that has used up its disk budget ends, and loses nothing",
          "[repair]") {
  UpkeepFixture fixture;
  fixture.options.disk_budget_bytes = 8_MiB;
  fixture.options.compaction_enabled = false;
  std::mt19937_64 random(5);
  std::string payload(60'000, ' ');
  std::uint64_t taken = 0;
  {
    auto store = fixture.open();
    while (true) {
      std::ranges::generate(payload, [&random] { return static_cast<char>(random()); });
      if (!append_text(*store, payload)) {
        break;
      }
      REQUIRE(++taken < 200);
    }
    ignore(store->close(), "the budget is used up");
  }
  taken = read_all(*fixture.read()).lsns.size();
  const TableInfo damaged = fixture.manifest().tables.front();
  fixture.spoil(table_file_name(damaged.number), damaged.bytes / 2);
  const auto repaired = [&] {
    return repair_store({.directory = fixture.options.directory},
                        fixture.environment(fixture.files), [](const VerifyFault&) {});
  };
  const Status refused = repaired().status();
  CHECK(refused.code() == Code::unavailable);
  INFO(refused.message());
  CHECK(refused.message().find("with a larger disk_budget, and repair again") != std::string::npos);
  CHECK(fixture.has_reported("bytes of the disk budget of 8388608"));
  CHECK(read_all(*fixture.read()).lsns.size() == taken - 1);
  fixture.options.disk_budget_bytes = 16_MiB;
  REQUIRE(fixture.open()->close().is_ok());
  const auto report = repaired();
  REQUIRE(report.has_value());
  CHECK(report->after.faults == 0);
  CHECK(report->lost_records == 1);
  CHECK(gap_texts(fixture).find("took the place of a damaged") != std::string::npos);
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

TEST_CASE("repair leaves a damaged cursor alone and says how to get rid of it", "[repair]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  REQUIRE(set_cursor(fixture.files, "/store", {.name = "office", .lsn = {3}}).is_ok());
  fixture.spoil("cursors/office", 30);
  std::string faults;
  const auto report = repair_store(fixture.options, fixture.environment(fixture.files),
                                   [&faults](const VerifyFault& fault) { faults += fault.text; });
  REQUIRE(report.has_value());
  CHECK(report->after.faults == 1);
  CHECK(faults.find("/store/cursors/office: its checksum does not hold; until whoever uses it sets "
                    "it again, or you remove the file, retention removes nothing") == 0);
  CHECK(fixture.is_there("cursors/office"));
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
