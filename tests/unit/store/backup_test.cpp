#include "core/store/backup.hpp"

#include <thread>

#include "core/base/clock.hpp"
#include "core/store/cursors.hpp"
#include "core/store/status_file.hpp"
#include "core/store/verify.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

void check_copy(io::FileSystem& files, const std::string& directory, std::uint64_t records) {
  const auto report = verify_store(
      files,
      {.directory = directory, .on_fault = [](const VerifyFault& fault) { FAIL(fault.text); }});
  INFO(report.status().message());
  REQUIRE(report.has_value());
  CHECK(report->records == records);
  CHECK(report->last == Lsn{records});
  CHECK_FALSE(report->live);
}

std::vector<std::string> names_in_root(io::FileSystem& files) {
  std::vector<std::string> names;
  const auto entries = files.list("/");
  REQUIRE(entries.has_value());
  for (const io::DirectoryEntry& entry : *entries) {
    names.push_back(entry.name);
  }
  return names;
}

}  // namespace

TEST_CASE("a backup verifies, survives power loss, and goes on as a store of its own", "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(70);
  REQUIRE(set_cursor(fixture.files, "/store", {.name = "office", .lsn = {3}}).is_ok());
  REQUIRE(
      set_cursor(fixture.files, "/store", {.name = "export", .kind = CursorKind::hold, .lsn = {3}})
          .is_ok());
  const auto report = back_up_store(fixture.files, {.directory = "/store", .target = "/copy/"});
  INFO(report.status().message());
  REQUIRE(report.has_value());
  CHECK(report->last == Lsn{70});
  CHECK(report->tables == fixture.manifest().tables.size());
  CHECK(report->linked_bytes > 0);
  const auto image = io::crash_after(fixture.files.trace(), fixture.files.event_count() - 1, 3);
  check_copy(*image, "/copy", 70);
  CHECK(list_cursors(*image, "/copy")->cursors.size() == 1);
  UpkeepFixture copy;
  copy.options.directory = "/copy";
  auto store = Store::open(copy.options, copy.environment(*image));
  REQUIRE(store.has_value());
  CHECK(copy.reports.empty());
  UpkeepFixture::append_up_to(**store, 130);
  REQUIRE((*store)->close().is_ok());
  check_copy(*image, "/copy", 130);
  check_copy(*image, "/store", 70);
}

TEST_CASE("a store without tables, and one that was cut off, can be backed up", "[backup]") {
  UpkeepFixture fixture;
  const std::uint64_t records = GENERATE(0U, 5U, 40U);
  auto store = fixture.open();
  UpkeepFixture::append_up_to(*store, records);
  const auto image = io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
  const auto report = back_up_store(*image, {.directory = "/store", .target = "/copy"});
  INFO(report.status().message());
  REQUIRE(report.has_value());
  check_copy(*image, "/copy", records);
}

TEST_CASE("a backup that fails at any call leaves nothing behind, and the store as it was",
          "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  REQUIRE(set_cursor(fixture.files, "/store", {.name = "office", .lsn = {3}}).is_ok());
  const io::Trace trace = fixture.files.trace();
  const auto at_rest = [&trace] { return io::kill_after(trace, trace.events.size() - 1, 1); };
  const auto whole = at_rest();
  REQUIRE(back_up_store(*whole, {.directory = "/store", .target = "/copy"}).has_value());
  const std::uint64_t calls = whole->call_count();
  REQUIRE(calls > 50);
  std::uint64_t failed = 0;
  for (std::uint64_t n = 0; n < calls; ++n) {
    const auto image = at_rest();
    image->add_fault({.index = n});
    const auto report = back_up_store(*image, {.directory = "/store", .target = "/copy"});
    image->clear_faults();
    INFO("call " << n << ": " << report.status().message());
    if (report) {
      check_copy(*image, "/copy", 40);
    } else {
      ++failed;
      REQUIRE(names_in_root(*image) == std::vector<std::string>{"store"});
    }
    REQUIRE(verify_store(*image, {.directory = "/store"})->faults == 0);
  }
  CHECK(failed > 20);
}

TEST_CASE("a copy appears whole or not at all, wherever the power goes", "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  fixture.files.restart_trace();
  REQUIRE(back_up_store(fixture.files, {.directory = "/store", .target = "/copy"}).has_value());
  const io::Trace trace = fixture.files.trace();
  for (io::CrashPoints points(trace); !points.at_end(); points.advance()) {
    const auto image = points.power_cut(points.passed());
    if (image->info("/copy")) {
      check_copy(*image, "/copy", 40);
    }
    check_copy(*image, "/store", 40);
  }
  check_copy(*io::crash_after(trace, trace.events.size() - 1, 1), "/copy", 40);
}

TEST_CASE("what cannot be a target is refused before anything is made", "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(5);
  const auto code = [&](const std::string& directory, const std::string& target) {
    return back_up_store(fixture.files, {.directory = directory, .target = target}).status().code();
  };
  CHECK(code("/store", "/store") == Code::invalid);
  CHECK(code("/store", "/store/copy") == Code::invalid);
  CHECK(code("/store", "/nowhere/copy") == Code::not_found);
  CHECK(code("/none", "/copy") == Code::not_found);
  REQUIRE(fixture.files.make_directory("/copy.partial", 0700).is_ok());
  CHECK(code("/store", "/copy") == Code::invalid);
  CHECK(names_in_root(fixture.files) == std::vector<std::string>{"copy.partial", "store"});
}

TEST_CASE("a backup that is given up leaves nothing", "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const auto report = back_up_store(
      fixture.files, {.directory = "/store",
                      .target = "/copy",
                      .on_progress = [](std::uint64_t, std::uint64_t) { return false; }});
  CHECK(report.status().code() == Code::closed);
  CHECK(names_in_root(fixture.files) == std::vector<std::string>{"store"});
}

TEST_CASE("a table that is missing fails a backup; a log that is damaged goes with it",
          "[backup]") {
  UpkeepFixture fixture;
  fixture.fill(40);
  const Manifest manifest = fixture.manifest();
  fixture.spoil(segment_file_name(manifest.flushed.mark.at.segment),
                manifest.flushed.mark.at.offset);
  const auto report = back_up_store(fixture.files, {.directory = "/store", .target = "/copy"});
  REQUIRE(report.has_value());
  CHECK(report->damages == 1);
  REQUIRE(fixture.files.remove(fixture.path(table_file_name(manifest.tables[0].number))).is_ok());
  const Status refused =
      back_up_store(fixture.files, {.directory = "/store", .target = "/other"}).status();
  CHECK(refused.code() == Code::corrupt);
  CHECK(refused.message().find(table_file_name(manifest.tables[0].number) + " is missing") !=
        std::string::npos);
  CHECK(refused.message().find("--repair") != std::string::npos);
  CHECK_FALSE(fixture.files.info("/other.partial").has_value());
}

TEST_CASE("a store is backed up again and again while it is written and compacted",
          "[backup][live]") {
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
  for (int i = 0; i < 8; ++i) {
    const Lsn before = store->durable_lsn();
    const std::string target = "/copy" + std::to_string(i);
    const auto report = back_up_store(fixture.files, {.directory = "/store", .target = target});
    INFO(report.status().message());
    REQUIRE(report.has_value());
    REQUIRE(report->last >= before);
    check_copy(fixture.files, target, report->last.value);
  }
  writer.request_stop();
  writer.join();
  REQUIRE(store->close().is_ok());
}
