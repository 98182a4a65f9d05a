#include "core/store/maintenance.hpp"

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "core/store/cursors.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace kifa::store {
namespace {

// Text that compresses about as well as receipts do.
std::string text_of(std::uint64_t number, std::size_t bytes) {
  std::mt19937_64 random(number);
  std::string text = fmt::format("sale {} ", number);
  while (text.size() < bytes) {
    text += fmt::format("item {} at {} ", random() % 100, random());
  }
  text.resize(bytes);
  return text;
}

using testing::append_text;
using testing::Contents;
using testing::read_all;

struct TablesFixture : testing::StoreFixture {
  TablesFixture() {
    options.memtable_flush_bytes = 1_MiB;
    options.flush_segments = 4;
  }

  // Appends records first .. last of 20,000 bytes.
  void append(Store& store, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t number = first; number <= last; ++number) {
      const auto lsn = append_text(store, text_of(number, 20'000), clock.now_unix_ns());
      INFO(lsn.status().message());
      REQUIRE(lsn.has_value());
      REQUIRE(lsn->value == number);
    }
  }
  void require_records(std::uint64_t first, std::uint64_t last) {
    const Contents contents = read_all(*read());
    REQUIRE(contents.payloads.size() == last - first + 1);
    for (std::uint64_t number = first; number <= last; ++number) {
      REQUIRE(contents.payloads[number - first] == text_of(number, 20'000));
    }
  }
  StoreStats stats() { return read()->stats().value(); }
  void work(Store& store) {
    while (store.tick()) {
    }
  }
};

TEST_CASE("records move into tables, tables are joined, and every record stays",
          "[store][tables]") {
  TablesFixture fixture;
  auto store = fixture.open();
  fixture.append(*store, 1, 600);  // 12 MB
  fixture.require_records(1, 600);
  const StoreStats live = fixture.stats();
  CHECK(live.tables[1] + live.tables[2] >= 1);
  CHECK(live.segments <= 4);
  REQUIRE(store->close().is_ok());
  fixture.require_records(1, 600);
  store = fixture.open();
  fixture.append(*store, 601, 650);
  REQUIRE(store->close().is_ok());
  fixture.require_records(1, 650);
  const StoreStats stats = fixture.stats();
  CHECK(stats.total_entries == 650);
  CHECK(stats.payload_bytes == 650U * 20'000);
  CHECK(stats.gaps == 0);
}

TEST_CASE("tables are left alone in emergency mode and without compaction", "[store][tables]") {
  TablesFixture fixture;
  const bool by_mode = GENERATE(true, false);
  fixture.options.compaction_enabled = by_mode;
  fixture.options.flush_mode = by_mode ? FlushMode::emergency : FlushMode::cautious;
  auto store = fixture.open();
  fixture.append(*store, 1, 600);
  CHECK(fixture.stats().tables[0] >= 8);
  CHECK(fixture.stats().tables[1] == 0);
  fixture.require_records(1, 600);
}

TEST_CASE("a checkpoint survives the flush of its frame and every reopening", "[store][tables]") {
  TablesFixture fixture;
  const Checkpoint checkpoint{
      .origin = "till-1/app", .key = "journal.txt", .position = 4711, .state = "x"};
  {
    auto store = fixture.open();
    BatchView batch;
    batch.pipeline = "till-1";
    batch.source = "app";
    batch.checkpoints = std::span(&checkpoint, 1);
    REQUIRE(store->append_durable(batch));
    fixture.append(*store, 1, 300);
    REQUIRE(store->close().is_ok());
  }
  for (int round = 0; round < 3; ++round) {
    auto store = fixture.open();
    const std::vector<Checkpoint> found = store->checkpoints("till-1/app");
    REQUIRE(found.size() == 1);
    CHECK(found[0].position == 4711);
    const std::uint64_t next = store->durable_lsn().value + 1;
    fixture.append(*store, next, next + 99);
    REQUIRE(store->close().is_ok());
  }
}

TEST_CASE("a log of fewer than three segments, which could never go on, is refused",
          "[store][tables]") {
  TablesFixture fixture;
  fixture.options.log_backlog_bytes_max = 2 * fixture.options.segment_bytes;
  const auto store = Store::open(
      fixture.options, {.files = fixture.files, .clock = fixture.clock, .random_seed = 1});
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().message().find("at least 3 segments") != std::string::npos);
}

TEST_CASE("retention by bytes removes the oldest tables, and says so", "[store][retention][W41]") {
  TablesFixture fixture;
  fixture.options.retention_bytes = 2_MiB;
  fixture.options.compaction_enabled = false;
  auto store = fixture.open();
  fixture.append(*store, 1, 600);
  fixture.clock.advance(std::chrono::minutes(2));
  fixture.work(*store);
  const StoreStats stats = fixture.stats();
  CHECK(stats.purged_through.value > 100);
  CHECK(stats.first_lsn == stats.purged_through.next());
  CHECK(stats.total_entries == 600 - stats.purged_through.value);
  const Contents contents = read_all(*fixture.read());
  REQUIRE(contents.payloads.size() == stats.total_entries);
  CHECK(contents.payloads.front() == text_of(stats.first_lsn.value, 20'000));
  const auto is_purge = [](const Event& event) { return event.kind == EventKind::purge; };
  CHECK(std::ranges::any_of(contents.events, is_purge));
  REQUIRE(store->close().is_ok());
  CHECK(fixture.stats().purged_through >= stats.purged_through);
}

TEST_CASE("retention by LSN keeps the last records, whole tables at a time",
          "[store][retention][W41]") {
  TablesFixture fixture;
  fixture.options.retention_records = 100;
  fixture.options.compaction_enabled = false;
  auto store = fixture.open();
  fixture.append(*store, 1, 1500);
  fixture.clock.advance(std::chrono::minutes(2));
  fixture.work(*store);
  const StoreStats stats = fixture.stats();
  CHECK(stats.purged_through.value > 0);
  CHECK(stats.purged_through.value <= 1400);
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.payloads.size() >= 100);
  CHECK(contents.payloads.size() == stats.total_entries);
  CHECK(contents.payloads.back() == text_of(1500, 20'000));
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a hold keeps what retention would remove", "[store][retention]") {
  TablesFixture fixture;
  fixture.options.retention_bytes = 2_MiB;
  auto store = fixture.open();
  REQUIRE(set_cursor(fixture.files, "/store",
                     {.name = "export", .kind = CursorKind::hold, .lsn = Lsn{1}})
              .is_ok());
  fixture.append(*store, 1, 600);
  fixture.clock.advance(std::chrono::minutes(2));
  fixture.work(*store);
  CHECK(fixture.stats().purged_through.value == 0);
  fixture.require_records(1, 600);
}

TEST_CASE("a clock that jumps far ahead removes nothing by age", "[store][retention]") {
  TablesFixture fixture;
  fixture.options.retention_age = std::chrono::days(30);
  auto store = fixture.open();
  fixture.append(*store, 1, 300);
  constexpr std::int64_t kEightyYearsNs = 80LL * 365 * 86'400 * 1'000'000'000;
  fixture.clock.set_unix_ns(fixture.clock.now_unix_ns() + kEightyYearsNs);
  for (int minute = 0; minute < 10; ++minute) {
    fixture.clock.advance(std::chrono::minutes(1));
    fixture.work(*store);
  }
  CHECK(fixture.stats().purged_through.value == 0);
  REQUIRE_FALSE(fixture.reports.empty());
  CHECK(fixture.reports.back().find("retention of /store waits") != std::string::npos);
  fixture.require_records(1, 300);
}

TEST_CASE("a clock that jumps before the first table is made removes nothing by age",
          "[store][retention]") {
  const bool restarts = GENERATE(false, true);
  const bool reboots = GENERATE(false, true);
  CAPTURE(restarts, reboots);
  TablesFixture fixture;
  fixture.options.retention_age = std::chrono::days(30);
  fixture.options.memtable_flush_bytes = 64_MiB;
  auto store = fixture.open();
  fixture.append(*store, 1, 300);
  constexpr std::int64_t kEightyYearsNs = 80LL * 365 * 86'400 * 1'000'000'000;
  fixture.clock.set_unix_ns(fixture.clock.now_unix_ns() + kEightyYearsNs);
  if (restarts) {
    store.reset();
    if (reboots) {
      fixture.clock.reboot("b0071d00-0000-4000-8000-000000000002");
    }
    fixture.options.memtable_flush_bytes = 1_MiB;
    store = fixture.open();
  }
  fixture.append(*store, 301, 900);
  REQUIRE(store->close().is_ok());
  store = fixture.open();
  for (int minute = 0; minute < 10; ++minute) {
    fixture.clock.advance(std::chrono::minutes(1));
    fixture.work(*store);
  }
  CHECK(fixture.stats().manifest_version > 0);  // there are tables
  CHECK(fixture.stats().purged_through.value == 0);
  fixture.require_records(1, 900);
}

// A store with a budget of 8 MiB that keeps 2 MiB.
struct BudgetFixture : TablesFixture {
  BudgetFixture() {
    options.disk_budget_bytes = 8_MiB;
    options.retention_bytes = 2_MiB;
  }
  // Random letters: they compress little, so that the budget is used up soon.
  static std::string letters(std::uint64_t number) {
    std::mt19937_64 random(number);
    std::string text(20'000, '\0');
    std::ranges::generate(text, [&] { return static_cast<char>('A' + random() % 64); });
    return text;
  }
  std::uint64_t purge_events() {
    std::uint64_t last = 0;
    std::uint64_t count = 0;
    for (const Event& event : read_all(*read()).events) {
      if (event.kind == EventKind::purge && event.observed_unix_ns != 0) {
        CHECK(event.first_lost.value > last);
        last = event.last_lost.value;
        ++count;
      }
    }
    return count;
  }
};

TEST_CASE("retention makes room in a budget that is used up, without being opened again",
          "[store][retention][W18]") {
  BudgetFixture fixture;
  auto store = fixture.open();
  for (std::uint64_t number = 1; number <= 2'000; ++number) {
    auto lsn = append_text(*store, BudgetFixture::letters(number));
    for (int wait = 0; !lsn && lsn.error().code() == Code::no_space && wait < 10; ++wait) {
      fixture.clock.advance(std::chrono::seconds(1));
      fixture.work(*store);
      lsn = append_text(*store, BudgetFixture::letters(number));
    }
    INFO("record " << number << ": " << lsn.status().message());
    REQUIRE(lsn.has_value());
  }
  CHECK(fixture.stats().purged_through.value > 1'000);
  CHECK(fixture.purge_events() > 0);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a purge that fails is told of once", "[store][retention]") {
  BudgetFixture fixture;
  fixture.options.disk_budget_bytes = 0;
  fixture.options.retention_bytes = 0;
  {
    auto store = fixture.open();
    for (std::uint64_t number = 1; number <= 300; ++number) {
      REQUIRE(append_text(*store, BudgetFixture::letters(number)));
    }
    REQUIRE(store->close().is_ok());
  }
  fixture.options.retention_bytes = 2_MiB;
  auto store = fixture.open();
  io::Fault fault;
  fault.kind = io::CallKind::write;
  fault.path_contains = "MANIFEST";
  fault.is_lasting = true;
  fixture.files.add_fault(fault);
  for (int round = 0; round < 5; ++round) {
    fixture.clock.advance(std::chrono::minutes(2));
    fixture.work(*store);
  }
  CHECK(fixture.files.faults_fired() > 2);
  fixture.files.clear_faults();
  fixture.clock.advance(std::chrono::minutes(2));
  fixture.work(*store);
  REQUIRE(fixture.stats().purged_through.value > 0);
  CHECK(fixture.purge_events() == 1);
  REQUIRE(store->close().is_ok());
}

TEST_CASE("a smaller budget is kept as soon as the log goes on in smaller segments",
          "[store][tables]") {
  TablesFixture fixture;
  fixture.options.segment_bytes = 16_MiB;
  {
    auto store = fixture.open();
    fixture.append(*store, 1, 100);
    REQUIRE(store->close().is_ok());
  }
  fixture.options.segment_bytes = 1_MiB;
  fixture.options.disk_budget_bytes = 8_MiB;
  auto store = fixture.open();
  fixture.append(*store, 101, 300);
  fixture.clock.advance(std::chrono::minutes(1));
  fixture.work(*store);
  fixture.require_records(1, 300);
  REQUIRE(store->close().is_ok());
  CHECK(fixture.files.used_space() < 8_MiB);
}

TEST_CASE("a flush may end with the very frame that fills a piece", "[store][tables]") {
  TablesFixture fixture;
  fixture.options.segment_bytes = 64_MiB;
  fixture.options.memtable_flush_bytes = 16_MiB;  // as many as a piece
  fixture.options.record_bytes_max = 1_MiB;
  auto store = fixture.open();
  const std::string payload(1_MiB, 'p');
  for (int i = 0; i < 16; ++i) {
    REQUIRE(append_text(*store, payload));
  }
  fixture.work(*store);
  const StoreStats stats = fixture.stats();
  CHECK(stats.tables[0] == 1);
  CHECK(stats.table_payload_bytes == 16_MiB);
  REQUIRE(store->close().is_ok());
}

}  // namespace
}  // namespace kifa::store
