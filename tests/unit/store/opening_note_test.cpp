#include "core/store/opening_note.hpp"

#include <array>
#include <chrono>

#include "core/store/backup.hpp"
#include "core/store/status_file.hpp"
#include "core/store/verify.hpp"
#include "tests/unit/store/store_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test
using namespace std::chrono_literals;

namespace {

const std::string kStatusPath = "/store/STATUS";

StoreStats stats_of(io::FileSystem& files, const std::string& directory = "/store") {
  const auto reader = Reader::open(directory, files);
  INFO(reader.status().message());
  REQUIRE(reader.has_value());
  return (*reader)->stats().value();
}

// What is left of a store whose writer was killed after `records` records that are not synced.
io::CrashImage killed(StoreFixture& fixture, int records) {
  fixture.options.flush_mode = FlushMode::normal;
  auto store = fixture.open();
  RecordView record;
  record.payload = as_byte_view("unsynced");
  for (int i = 0; i < records; ++i) {
    REQUIRE(store->append(
        {.pipeline = "p", .source = "s", .records = {&record, 1}, .checkpoints = {}, .events = {}},
        {}));
  }
  return io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
}

// Opens, appends one record and closes.
void use(StoreFixture& fixture, io::FileSystem& files) {
  auto store = Store::open(fixture.options, fixture.environment(files));
  INFO(store.status().message());
  REQUIRE(store.has_value());
  REQUIRE(append_text(**store, "used"));
  REQUIRE((*store)->close().is_ok());
}

std::vector<std::string> faults_of(io::FileSystem& files) {
  std::vector<std::string> texts;
  const auto report = verify_store(
      files, {.directory = "/store",
              .on_fault = [&texts](const VerifyFault& fault) { texts.push_back(fault.text); }});
  REQUIRE(report.has_value());
  return texts;
}

}  // namespace

TEST_CASE("a store that every writer has closed says that there was no recovery", "[store][W40]") {
  StoreFixture fixture;
  {
    auto store = fixture.open();  // nothing is written at all
    REQUIRE(store->close().is_ok());
  }
  for (int session = 0; session < 3; ++session) {
    use(fixture, fixture.files);
  }
  const StoreStats stats = stats_of(fixture.files);
  CHECK(stats.last_recovery.is_known);
  CHECK(stats.last_recovery.unix_ns == 0);
  CHECK(stats.disk_budget_bytes == 0U);
}

TEST_CASE("the disk budget is that of the last opening", "[store][W40]") {
  StoreFixture fixture;
  use(fixture, fixture.files);
  fixture.options.disk_budget_bytes = 64_MiB;
  {
    const auto store = fixture.open();
    CHECK(stats_of(fixture.files).disk_budget_bytes == 64_MiB);
    CHECK(stats_of(fixture.files).disk_bytes > 0);
    CHECK(stats_of(fixture.files).disk_bytes < 64_MiB);
  }
  fixture.options.disk_budget_bytes = 0;
  use(fixture, fixture.files);
  CHECK(stats_of(fixture.files).disk_budget_bytes == 0U);
}

TEST_CASE("an opening after a kill is told for ever, with what it found", "[store][W40]") {
  StoreFixture fixture;
  const auto image = killed(fixture, 3);
  const std::int64_t opened_unix_ns = fixture.clock.now_unix_ns();
  {
    auto store = Store::open(fixture.options, fixture.environment(*image));
    REQUIRE(store.has_value());
    // It is durable before anything is appended: also when the power goes now.
    const auto cut = io::crash_after(image->trace(), image->event_count() - 1, 0);
    const StoreStats stats = stats_of(*cut);
    CHECK(stats.last_recovery.unix_ns == opened_unix_ns);
    REQUIRE((*store)->close().is_ok());
  }
  fixture.clock.advance(1h);
  use(fixture, *image);
  const LastRecovery last = stats_of(*image).last_recovery;
  CHECK(last.is_known);
  CHECK(last.unix_ns == opened_unix_ns);
  CHECK(last.segments == 1);
  CHECK(last.carried_records == 3);
  CHECK(last.damages == 0);
  CHECK(last.lost_records == 0);
  CHECK_FALSE(last.dropped_tail);
}

TEST_CASE("a recovery that finds damage tells how much", "[store][W22][W40]") {
  StoreFixture fixture;
  {
    auto store = fixture.open();
    for (int i = 1; i <= 10; ++i) {
      REQUIRE(append_text(*store, "record " + std::to_string(i)));
    }
    REQUIRE(store->close().is_ok());
  }
  const std::array<std::byte, 512> zeros{};
  REQUIRE(fixture.files.damage("/store/" + segment_file_name(1), 4096 * 4, zeros).is_ok());
  CHECK(stats_of(fixture.files).last_recovery.unix_ns == 0);  // a reader notes nothing
  const std::int64_t opened_unix_ns = fixture.clock.now_unix_ns();
  use(fixture, fixture.files);
  fixture.clock.advance(1h);
  use(fixture, fixture.files);  // the damage is known by now
  const LastRecovery last = stats_of(fixture.files).last_recovery;
  CHECK(last.unix_ns == opened_unix_ns);
  CHECK(last.damages == 1);
  CHECK(last.lost_records == 1);
}

TEST_CASE("what a crash left half written is told as dropped", "[store][W40]") {
  StoreFixture fixture;
  const auto image = killed(fixture, 5);
  const std::array<std::byte, 4096> zeros{};
  REQUIRE(image->damage("/store/" + segment_file_name(1), 4096 * 4, zeros).is_ok());
  use(fixture, *image);
  const LastRecovery last = stats_of(*image).last_recovery;
  CHECK(last.dropped_tail);
  CHECK(last.carried_records == 2);
  CHECK(last.damages == 0);
}

TEST_CASE("without a note the last recovery is unknown, until the next one", "[store][W40]") {
  StoreFixture fixture;
  use(fixture, fixture.files);
  const bool is_damaged = GENERATE(false, true);  // or of a kifa that did not write one
  CAPTURE(is_damaged);
  if (is_damaged) {
    REQUIRE(fixture.files.flip_bit(kStatusPath, 8 * (kOpeningNoteOffset + 30)).is_ok());
  } else {
    const std::array<std::byte, sizeof(OpeningNote)> zeros{};
    REQUIRE(fixture.files.damage(kStatusPath, kOpeningNoteOffset, zeros).is_ok());
  }
  CHECK_FALSE(stats_of(fixture.files).last_recovery.is_known);
  CHECK_FALSE(stats_of(fixture.files).disk_budget_bytes.has_value());
  const std::vector<std::string> faults = faults_of(fixture.files);
  REQUIRE(faults.size() == (is_damaged ? 1 : 0));
  if (is_damaged) {
    CHECK(faults[0].starts_with("/store/STATUS at offset 1024: "));
  }

  use(fixture, fixture.files);
  CHECK(faults_of(fixture.files).empty());
  CHECK(stats_of(fixture.files).disk_budget_bytes == 0U);
  CHECK_FALSE(stats_of(fixture.files).last_recovery.is_known);
  const auto image = killed(fixture, 1);
  use(fixture, *image);
  CHECK(stats_of(*image).last_recovery.is_known);
  CHECK(stats_of(*image).last_recovery.unix_ns == fixture.clock.now_unix_ns());
}

TEST_CASE("a note that cannot be written costs nothing but the note", "[store][W40]") {
  StoreFixture fixture;
  use(fixture, fixture.files);
  const auto kind = GENERATE(io::CallKind::write, io::CallKind::sync_data);
  const bool is_note = kind == io::CallKind::write;
  fixture.options.disk_budget_bytes = 64_MiB;
  fixture.files.add_fault({.kind = kind,
                           .path_contains = "STATUS",
                           // The first sync says that the store is open.
                           .matches = [is_note, syncs = 0](const io::CallInfo& call) mutable {
                             return is_note ? call.offset == kOpeningNoteOffset : ++syncs == 2;
                           }});
  fixture.reports.clear();
  use(fixture, fixture.files);
  REQUIRE(fixture.reports.size() == 1);
  CHECK(fixture.reports[0].find("/store/STATUS: the note of this opening") != std::string::npos);
  CHECK(read_all(*fixture.read()).payloads.size() == 2);
  use(fixture, fixture.files);
  CHECK(stats_of(fixture.files).disk_budget_bytes == 64_MiB);
}

TEST_CASE("a store opens although it cannot say so durably", "[store]") {
  StoreFixture fixture;
  use(fixture, fixture.files);
  fixture.files.add_fault({.kind = io::CallKind::sync_data, .path_contains = "STATUS"});
  fixture.reports.clear();
  use(fixture, fixture.files);
  REQUIRE(fixture.reports.size() == 1);
  CHECK(fixture.reports[0].find("/store/STATUS could not be written") != std::string::npos);
  CHECK(read_all(*fixture.read()).payloads.size() == 2);
}

TEST_CASE("an opening that has nothing new to note does not sync STATUS", "[store][W40]") {
  StoreFixture fixture;
  use(fixture, fixture.files);
  const std::uint64_t before = fixture.files.call_count(io::CallKind::sync_data);
  const auto synced_by_one = [&] {
    const std::uint64_t from = fixture.files.call_count(io::CallKind::sync_data);
    use(fixture, fixture.files);
    return fixture.files.call_count(io::CallKind::sync_data) - from;
  };
  CHECK(before > 0);
  const std::uint64_t quiet = synced_by_one();
  CHECK(synced_by_one() == quiet);
  fixture.options.disk_budget_bytes = 64_MiB;
  CHECK(synced_by_one() == quiet + 1);
}

TEST_CASE("a backup tells of the last recovery, and opening it is none", "[backup][W40]") {
  StoreFixture fixture;
  const auto image = killed(fixture, 3);
  use(fixture, *image);
  const std::int64_t recovered_unix_ns = stats_of(*image).last_recovery.unix_ns;
  REQUIRE(recovered_unix_ns != 0);
  fixture.clock.advance(1h);
  auto store = Store::open(fixture.options, fixture.environment(*image));
  REQUIRE(store.has_value());
  REQUIRE(append_text(**store, "before the copy"));
  REQUIRE(back_up_store(*image, {.directory = "/store", .target = "/copy"}).has_value());
  CHECK(stats_of(*image, "/copy").last_recovery.unix_ns == recovered_unix_ns);
  fixture.options.directory = "/copy";
  use(fixture, *image);
  CHECK(stats_of(*image, "/copy").last_recovery.unix_ns == recovered_unix_ns);
}
