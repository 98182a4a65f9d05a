#include "core/store/verify.hpp"

#include <thread>

#include "core/base/clock.hpp"
#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/status_file.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

struct Verified {
  VerifyReport report;
  std::vector<VerifyFault> faults;
  std::uint64_t progress_done = 0;
  std::uint64_t progress_all = 0;
};

Verified verify(io::FileSystem& files, const std::optional<Anchor>& anchor = std::nullopt) {
  Verified verified;
  const auto report = verify_store(
      files, {.directory = "/store",
              .anchor = anchor,
              .on_fault = [&](const VerifyFault& fault) { verified.faults.push_back(fault); },
              .on_progress =
                  [&](std::uint64_t done, std::uint64_t all) {
                    CHECK(done >= verified.progress_done);
                    CHECK(done <= all);
                    verified.progress_done = done;
                    verified.progress_all = all;
                  }});
  INFO(report.status().message());
  REQUIRE(report.has_value());
  verified.report = *report;
  CHECK(verified.report.faults == verified.faults.size());
  return verified;
}

std::string texts_of(const Verified& verified) {
  std::string texts;
  for (const VerifyFault& fault : verified.faults) {
    texts += fault.text + "\n";
  }
  return texts;
}

}  // namespace

TEST_CASE("a healthy store verifies without a fault, and nothing is changed", "[verify]") {
  UpkeepFixture fixture;
  fixture.fill(100);
  fixture.files.restart_trace();
  const Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.notes.empty());
  CHECK(verified.report.records == 100);
  CHECK(verified.report.first == Lsn{1});
  CHECK(verified.report.last == Lsn{100});
  CHECK(verified.report.tables == fixture.manifest().tables.size());
  CHECK(verified.progress_done == verified.progress_all);
  CHECK_FALSE(fixture.files.is_changed());
}

TEST_CASE("a store without tables, also an empty one, verifies without a fault", "[verify]") {
  UpkeepFixture fixture;
  const std::uint64_t records = GENERATE(0U, 4U);
  fixture.fill(records);
  const Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.records == records);
  CHECK_FALSE(verified.report.anchor.has_value());
}

TEST_CASE("a store that was cut off verifies without a fault", "[verify]") {
  UpkeepFixture fixture;
  {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, 50);
  }
  const auto image = io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
  const Verified verified = verify(*image);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.records == 50);
}

TEST_CASE("the newest anchor is the one that verification reports", "[verify][anchor]") {
  UpkeepFixture fixture;
  fixture.fill(0);
  const auto none = newest_anchor(fixture.files, "/store");
  REQUIRE(none.has_value());
  CHECK_FALSE(none->has_value());
  for (const std::uint64_t last : {40U, 100U, 300U}) {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, last);
    REQUIRE(store->close().is_ok());
    const auto anchor = newest_anchor(fixture.files, "/store");
    REQUIRE(anchor.has_value());
    CHECK(anchor->has_value());
    CHECK(*anchor == verify(fixture.files).report.anchor);
  }
  REQUIRE(
      fixture.files.remove(fixture.path(table_file_name(fixture.manifest().tables.back().number)))
          .is_ok());
  CHECK_FALSE(newest_anchor(fixture.files, "/store").has_value());
  CHECK(newest_anchor(fixture.files, "/nowhere").error().code() == Code::not_found);
}

TEST_CASE("an anchor that was given out holds after flushes, compaction and joining",
          "[verify][anchor]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const auto anchor = verify(fixture.files).report.anchor;
  REQUIRE(anchor.has_value());
  const std::size_t tables = fixture.manifest().tables.size();
  {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, 200);
    while (store->tick()) {
    }
    REQUIRE(store->close().is_ok());
  }
  REQUIRE(fixture.manifest().tables.size() < 200 / 18);
  REQUIRE(tables >= 1);
  const Verified verified = verify(fixture.files, anchor);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.anchor != anchor);
  Anchor other = *anchor;
  other.digest[31] ^= 1U;
  const Verified refused = verify(fixture.files, other);
  REQUIRE(refused.faults.size() == 1);
  CHECK(refused.faults[0].kind == FaultKind::anchor);
  other = *anchor;
  other.last = other.last.next();
  CHECK(verify(fixture.files, other).faults.size() == 1);
}

TEST_CASE("an anchor is written and read as text, and anything else is refused", "[anchor]") {
  Anchor anchor{.first = {1}, .last = {4711}};
  anchor.digest.fill(0xA5);
  const std::string text = to_string(anchor);
  CHECK(text.starts_with("1:4711:a5a5"));
  CHECK(anchor_from(text).value() == anchor);
  for (const std::string& bad : std::vector<std::string>{
           "", "1:2", text + "0", text.substr(1), "x" + text, text.substr(0, text.size() - 1),
           text.substr(0, text.size() - 1) + "g", std::string("1::") + std::string(64, 'a'),
           std::string("-1:2:") + std::string(64, 'a')}) {
    CAPTURE(bad);
    CHECK(anchor_from(bad).status().code() == Code::invalid);
  }
}

TEST_CASE("every damaged byte of a table is a fault that names the file", "[verify][W23]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const TableInfo table = fixture.manifest().tables.front();
  const std::string path = fixture.path(table_file_name(table.number));
  for (std::uint64_t at = 0; at < table.bytes; at += at < 200 || at + 600 > table.bytes ? 1 : 97) {
    REQUIRE(fixture.files.flip_bit(path, at * 8 + at % 8).is_ok());
    const Verified verified = verify(fixture.files);
    INFO("byte " << at << " of " << table.bytes);
    REQUIRE_FALSE(verified.faults.empty());
    REQUIRE(verified.faults[0].file == path);
    REQUIRE(fixture.files.flip_bit(path, at * 8 + at % 8).is_ok());
  }
  CHECK(verify(fixture.files).faults.empty());
}

TEST_CASE("a missing table is one fault with its LSNs", "[verify]") {
  UpkeepFixture fixture;
  fixture.fill(60);
  const TableInfo lost = fixture.manifest().tables.front();
  REQUIRE(fixture.files.remove(fixture.path(table_file_name(lost.number))).is_ok());
  const Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  REQUIRE(verified.faults.size() == 1);
  CHECK(verified.faults[0].kind == FaultKind::table);
  CHECK(verified.faults[0].first == lost.first);
  CHECK(verified.faults[0].last == lost.last);
  CHECK(verified.report.records == 60 - lost.records);
}

TEST_CASE("a table that was exchanged for an older one is found", "[verify]") {
  UpkeepFixture fixture;
  fixture.fill(60);
  const Manifest manifest = fixture.manifest();
  REQUIRE(manifest.tables.size() >= 2);
  const std::string first = fixture.path(table_file_name(manifest.tables[0].number));
  const std::string second = fixture.path(table_file_name(manifest.tables[1].number));
  REQUIRE(fixture.files.remove(second).is_ok());
  REQUIRE(fixture.files.link(first, second).is_ok());
  const Verified verified = verify(fixture.files);
  REQUIRE_FALSE(verified.faults.empty());
  CHECK(verified.faults[0].file == second);
}

TEST_CASE("damage in manifest, log, checkpoints, STATUS and cursors is told with the file",
          "[verify]") {
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
  REQUIRE(set_cursor(fixture.files, "/store", {.name = "office", .lsn = {3}}).is_ok());
  const Manifest manifest = fixture.manifest();
  const auto expect = [&](FaultKind kind, const std::string& name, std::uint64_t at) {
    CAPTURE(name);
    fixture.spoil(name, at);
    const Verified verified = verify(fixture.files);
    INFO(texts_of(verified));
    const auto found = std::ranges::find(verified.faults, kind, &VerifyFault::kind);
    REQUIRE(found != verified.faults.end());
    CHECK(found->file == fixture.path(name));
    CHECK(found->text.find(name) != std::string::npos);
  };
  SECTION("the newest manifest") {
    expect(FaultKind::manifest, manifest_file_name(manifest.version), 100);
  }
  SECTION("checkpoints") {
    expect(FaultKind::checkpoints, checkpoints_file_name(manifest.checkpoints.number), 70);
  }
  SECTION("a cursor") { expect(FaultKind::cursor, "cursors/office", 30); }
  SECTION("a frame of the log") {
    expect(FaultKind::log, segment_file_name(manifest.flushed.mark.at.segment),
           manifest.flushed.mark.at.offset);
  }
  SECTION("STATUS") {
    fixture.spoil(std::string(kStatusFileName), 0);
    expect(FaultKind::status, std::string(kStatusFileName), 512);
  }
}

TEST_CASE("what was lost and recorded as a gap is no fault; the count is told", "[verify]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const Manifest before = fixture.manifest();
  fixture.spoil(segment_file_name(before.flushed.mark.at.segment), before.flushed.mark.at.offset);
  CHECK(verify(fixture.files).faults.size() == 1);
  {
    auto store = fixture.open();
    REQUIRE(store->close().is_ok());
  }
  Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.lost_records == 1);
  {
    auto store = fixture.open();
    UpkeepFixture::append_up_to(*store, 90);
    REQUIRE(store->close().is_ok());
  }
  REQUIRE(fixture.manifest().flushed.mark.next_lsn > Lsn{41});
  verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.lost_records == 1);
  CHECK(verified.report.records == 89);
}

TEST_CASE("a store is verified while it is written, flushed and compacted", "[verify][live]") {
  UpkeepFixture fixture;
  fixture.clock.set_boot_id(SystemClock().boot_id());
  auto store = fixture.open_threaded();
  std::jthread writer([&store](const std::stop_token& stop) {
    const std::string payload = UpkeepFixture::payload_of(1);
    for (int i = 0; i < 400 && !stop.stop_requested(); ++i) {
      if (!append_text(*store, payload)) {
        return;
      }
    }
  });
  for (int i = 0; i < 10; ++i) {
    const Verified verified = verify(fixture.files);
    INFO(texts_of(verified));
    REQUIRE(verified.faults.empty());
    REQUIRE(verified.report.live);
    REQUIRE(verified.report.records == verified.report.last.value);
  }
  writer.request_stop();
  writer.join();
  REQUIRE(store->close().is_ok());
}

TEST_CASE("what retention removes leaves a store that verifies without a fault", "[verify]") {
  UpkeepFixture fixture;
  fixture.options.retention_bytes = 1;
  fixture.options.compaction_enabled = false;
  fixture.fill(120);
  REQUIRE(fixture.manifest().purged.through > Lsn{0});
  const Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.first == fixture.manifest().purged.through.next());
  const Anchor purged{.first = {1},
                      .last = {fixture.manifest().purged.through.value},
                      .digest = fixture.manifest().purged.anchor};
  CHECK(verify(fixture.files, purged).faults.empty());
  Anchor older = purged;
  older.last = {1};
  CHECK(verify(fixture.files, older).faults.size() == 1);
}

TEST_CASE("a directory without a store is told apart from a damaged one", "[verify]") {
  io::MemoryFileSystem files;
  CHECK(verify_store(files, {.directory = "/store"}).status().code() == Code::not_found);
  REQUIRE(files.make_directory("/store", 0700).is_ok());
  CHECK(verify_store(files, {.directory = "/store"}).status().code() == Code::not_found);
}

TEST_CASE("a log of which nothing can be read any more is flushed as a gap", "[flush]") {
  UpkeepFixture fixture;
  fixture.options.memtable_flush_bytes = 4_MiB;
  auto store = fixture.open();
  UpkeepFixture::append_up_to(*store, 30);
  for (const std::string& name : fixture.names()) {
    if (segment_number_of(name)) {
      for (std::uint64_t at = 8192; at < 1_MiB; at += 4096) {
        fixture.spoil(name, at);
      }
    }
  }
  REQUIRE(store->close().is_ok());
  const Manifest manifest = fixture.manifest();
  CHECK(manifest.flushed.mark.next_lsn == Lsn{31});
  {
    auto reopened = fixture.open();
    REQUIRE(reopened->close().is_ok());
  }
  const Verified verified = verify(fixture.files);
  INFO(texts_of(verified));
  CHECK(verified.faults.empty());
  CHECK(verified.report.lost_records == 30);
}
