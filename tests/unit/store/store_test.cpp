#include "core/store/store.hpp"

#include <mutex>
#include <set>
#include <thread>

#include "core/store/format.hpp"
#include "tests/unit/store/store_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

TEST_CASE("records get dense LSNs from 1 and are read back as they came", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open();
  for (int i = 1; i <= 100; ++i) {
    const auto lsn = append_text(*store, "record " + std::to_string(i));
    REQUIRE(lsn.has_value());
    REQUIRE(lsn->value == static_cast<std::uint64_t>(i));
  }
  CHECK(store->durable_lsn() == Lsn{100});
  REQUIRE(store->close().is_ok());
  auto reader = fixture.read();
  const Contents contents = read_all(*reader);
  REQUIRE(contents.payloads.size() == 100);
  CHECK(contents.payloads[0] == "record 1");
  CHECK(contents.payloads[99] == "record 100");
  CHECK(contents.lsns[99] == Lsn{100});
  CHECK(contents.events.empty());
  const auto stats = reader->stats();
  REQUIRE(stats.has_value());
  CHECK(stats->total_entries == 100);
  CHECK(stats->durable_lsn == Lsn{100});
  CHECK(stats->gaps == 0);
  CHECK(stats->clean);
  CHECK(fixture.reports.empty());
}

TEST_CASE("a store goes on where it stopped, through closing and through being abandoned",
          "[store]") {
  StoreFixture fixture;
  for (int round = 0; round < 5; ++round) {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "a" + std::to_string(round)));
    REQUIRE(append_text(*store, "b" + std::to_string(round)));
    if (round % 2 == 0) {
      REQUIRE(store->close().is_ok());
    }
  }
  const Contents contents = read_all(*fixture.read());
  REQUIRE(contents.payloads.size() == 10);
  CHECK(contents.payloads[9] == "b4");
  CHECK(contents.lsns[9] == Lsn{10});
}

TEST_CASE("the log rotates through segments and every range can be read", "[store]") {
  StoreFixture fixture;
  const std::string payload(10'000, 'p');
  auto store = fixture.open();
  for (int i = 0; i < 500; ++i) {
    REQUIRE(append_text(*store, payload + std::to_string(i)));
  }
  REQUIRE(store->close().is_ok());
  auto reader = fixture.read();
  const auto stats = reader->stats();
  CHECK(stats->segments >= 5);
  CHECK(read_all(*reader).payloads.size() == 500);
  const Contents middle = read_all(*reader, {.first = {200}, .last = {202}});
  REQUIRE(middle.payloads.size() == 3);
  CHECK(middle.lsns[0] == Lsn{200});
  CHECK(middle.payloads[2] == payload + "201");
  CHECK(read_all(*reader, {.first = {501}, .last = {}}).payloads.empty());
}

TEST_CASE("a batch with more than a frame holds is cut and nothing is missing", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open();
  const std::string payload(60'000, 'z');
  std::vector<RecordView> records(40);
  for (RecordView& record : records) {
    record.payload = as_byte_view(payload);
  }
  const auto lsn = store->append_durable(
      {.pipeline = "p", .source = "s", .records = records, .checkpoints = {}, .events = {}});
  REQUIRE(lsn.has_value());
  CHECK(*lsn == Lsn{1});
  CHECK(store->durable_lsn() == Lsn{40});
  REQUIRE(append_text(*store, "next").value() == Lsn{41});
  CHECK(read_all(*fixture.read()).payloads.size() == 41);
}

TEST_CASE("a record over the limit is refused by name and the store goes on", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open();
  const auto refused = append_text(*store, std::string(64_KiB + 1, 'x'));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Code::invalid);
  CHECK(refused.error().message().find("record_bytes_max") != std::string::npos);
  CHECK(append_text(*store, std::string(64_KiB, 'x')).has_value());
}

TEST_CASE("checkpoints come back by origin, replaced and forgotten as told", "[store]") {
  StoreFixture fixture;
  {
    auto store = fixture.open();
    std::vector<Checkpoint> checkpoints = {
        {.origin = "p/s", .key = "a", .position = 10, .state = "one"},
        {.origin = "p/s", .key = "b", .position = 20, .state = "two"},
        {.origin = "p/t", .key = "a", .position = 30, .state = "three"}};
    REQUIRE(store->append_durable(
        {.pipeline = "p", .source = "s", .records = {}, .checkpoints = checkpoints, .events = {}}));
    checkpoints = {{.origin = "p/s", .key = "a", .position = 11, .state = "new"},
                   {.origin = "p/s", .key = "b", .forget = true}};
    REQUIRE(store->append_durable(
        {.pipeline = "p", .source = "s", .records = {}, .checkpoints = checkpoints, .events = {}}));
    CHECK(store->checkpoints("p/s").size() == 1);
    REQUIRE(store->close().is_ok());
  }
  auto store = fixture.open();
  const auto found = store->checkpoints("p/s");
  REQUIRE(found.size() == 1);
  CHECK(found[0].position == 11);
  CHECK(found[0].state == "new");
  CHECK(store->checkpoints("p/t").size() == 1);
  CHECK(store->durable_lsn() == Lsn{0});
}

TEST_CASE("a second writer is refused and the first one is not disturbed", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open();
  const auto second = Store::open(fixture.options, fixture.environment(fixture.files));
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code() == Code::locked);
  CHECK(append_text(*store, "still here").has_value());
}

TEST_CASE("reading a store changes nothing and a missing one is not created [W30]",
          "[store][W30]") {
  StoreFixture fixture;
  const auto missing = Reader::open("/nowhere", fixture.files);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code() == Code::not_found);
  CHECK_FALSE(fixture.files.info("/nowhere").has_value());
  REQUIRE(fixture.files.make_directory("/empty", 0700).is_ok());
  CHECK(Reader::open("/empty", fixture.files).status().code() == Code::not_found);
  {
    auto store = fixture.open();
    REQUIRE(append_text(*store, "x"));
  }
  fixture.files.restart_trace();
  CHECK(read_all(*fixture.read()).payloads.size() == 1);
  CHECK_FALSE(fixture.files.is_changed());
}

TEST_CASE("directory and files belong to their owner alone [W36]", "[store][W36]") {
  StoreFixture fixture;
  auto store = fixture.open();
  REQUIRE(append_text(*store, "x"));
  CHECK(fixture.files.info("/store")->mode == 0700);
  const auto entries = fixture.files.list("/store");
  REQUIRE(entries.has_value());
  for (const auto& entry : *entries) {
    CHECK(fixture.files.info("/store/" + entry.name)->mode == 0600);
  }
}

TEST_CASE("a clock that was wrong once does not touch later times or the order [W27]",
          "[store][W27]") {
  StoreFixture fixture;
  fixture.clock.jump_wall(std::chrono::hours(24) * 365 * 9);
  auto store = fixture.open();
  REQUIRE(append_text(*store, "from the future", fixture.clock.now_unix_ns()));
  fixture.clock.jump_wall(-std::chrono::hours(24) * 365 * 9);
  const std::int64_t now = fixture.clock.now_unix_ns();
  REQUIRE(append_text(*store, "from now", now));
  REQUIRE(store->close().is_ok());
  auto reader = fixture.read();
  std::vector<std::int64_t> times;
  std::vector<Event> events;
  REQUIRE(reader
              ->scan(
                  {},
                  [&](const RecordView& record) {
                    times.push_back(record.observed_unix_ns);
                    return true;
                  },
                  [&](const Event& event) {
                    events.push_back(event);
                    return true;
                  })
              .is_ok());
  REQUIRE(times.size() == 2);
  CHECK(times[1] == now);
  CHECK(times[0] > times[1]);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::clock_jump);
}

TEST_CASE("in normal mode an append is told durable only behind a sync point [W21]",
          "[store][W21]") {
  StoreFixture fixture;
  fixture.options.flush_mode = FlushMode::normal;
  auto store = fixture.open();
  RecordView record;
  record.payload = as_byte_view("x");
  int durable = 0;
  const auto append = [&] {
    return store->append(
        {.pipeline = "p", .source = "s", .records = {&record, 1}, .checkpoints = {}, .events = {}},
        [&durable](const Receipt& receipt) { durable += receipt.status ? 1 : 0; });
  };
  for (int i = 0; i < 49; ++i) {
    REQUIRE(append());
  }
  CHECK(durable == 0);
  CHECK(store->durable_lsn() == Lsn{0});
  REQUIRE(append());
  CHECK(durable == 50);
  REQUIRE(append());
  CHECK(durable == 50);
  fixture.clock.advance(std::chrono::milliseconds(200));
  CHECK(store->tick());
  CHECK(durable == 51);
  REQUIRE(append());
  REQUIRE(store->close().is_ok());
  CHECK(durable == 52);
}

TEST_CASE("file systems without direct writes or the durable flag are served all the same [W38]",
          "[store][W38]") {
  for (const bool direct : {false, true}) {
    io::MemoryFileSystem files(
        io::MemoryFileSystemOptions{.accepts_direct = direct, .accepts_durable_flag = false});
    StoreFixture fixture;
    auto store = Store::open(fixture.options, fixture.environment(files));
    REQUIRE(store.has_value());
    for (int i = 0; i < 20; ++i) {
      REQUIRE(append_text(**store, "record " + std::to_string(i)));
    }
    REQUIRE((*store)->close().is_ok());
    auto reader = Reader::open("/store", files);
    REQUIRE(reader.has_value());
    CHECK(read_all(**reader).payloads.size() == 20);
  }
}

TEST_CASE("many threads that wait for their own records get distinct dense LSNs", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open_threaded();
  std::set<std::uint64_t> lsns;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const auto lsn = append_text(*store, std::to_string(t) + ":" + std::to_string(i));
          const std::lock_guard lock(mutex);
          lsns.insert(lsn.has_value() ? lsn->value : 0);
        }
      });
    }
  }
  CHECK(lsns.size() == 1600);
  CHECK(*lsns.begin() == 1);
  CHECK(*lsns.rbegin() == 1600);
  REQUIRE(store->close().is_ok());
  CHECK(read_all(*fixture.read()).payloads.size() == 1600);
}

TEST_CASE("asynchronous appends call back in LSN order and flush waits for all of them",
          "[store]") {
  StoreFixture fixture;
  auto store = fixture.open_threaded();
  std::vector<std::uint64_t> order;
  const std::string payload(300, 'y');
  std::vector<RecordView> records(100);
  for (RecordView& record : records) {
    record.payload = as_byte_view(payload);
  }
  for (int i = 0; i < 200; ++i) {
    REQUIRE(store->append(
        {.pipeline = "p", .source = "s", .records = records, .checkpoints = {}, .events = {}},
        [&order](const Receipt& receipt) { order.push_back(receipt.first_lsn.value); }));
  }
  REQUIRE(store->flush(std::chrono::seconds(60)).is_ok());
  REQUIRE(order.size() == 200);
  for (std::size_t i = 0; i < order.size(); ++i) {
    REQUIRE(order[i] == 1 + 100 * i);
  }
  REQUIRE(store->close().is_ok());
}

TEST_CASE("changing the flush mode keeps everything and is recorded", "[store]") {
  StoreFixture fixture;
  auto store = fixture.open();
  for (const FlushMode mode :
       {FlushMode::normal, FlushMode::emergency, FlushMode::normal, FlushMode::cautious}) {
    REQUIRE(append_text(*store, "before"));
    REQUIRE(store->set_flush_mode(mode).is_ok());
    CHECK(store->flush_mode() == mode);
    REQUIRE(append_text(*store, "after"));
  }
  REQUIRE(store->close().is_ok());
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.payloads.size() == 8);
  CHECK(contents.events.size() == 4);
  CHECK(contents.events[0].text == "flush mode cautious to normal");
}

// A file of zeros beside the store's own.
void put_file(io::FileSystem& files, const std::string& path, std::size_t bytes) {
  auto file =
      files.open(path, {.access = io::Access::read_write, .create = true, .exclusive = true});
  REQUIRE(file.has_value());
  const std::vector<std::byte> zeros(bytes);
  REQUIRE((*file)->write_at(zeros, 0, io::WriteMode::buffered).has_value());
}

TEST_CASE("unfinished files of a killed writer take nothing of the budget", "[store][W18]") {
  StoreFixture fixture;
  fixture.options.disk_budget_bytes = 8_MiB;
  REQUIRE(fixture.open()->close().is_ok());
  put_file(fixture.files, "/store/" + segment_file_name(9) + ".tmp", 6_MiB);
  auto store = fixture.open();
  const std::string payload(50'000, 'x');
  for (int i = 0; i < 50; ++i) {  // more than the two segments that are there hold
    REQUIRE(append_text(*store, payload));
  }
  CHECK(fixture.reports.empty());
}

TEST_CASE("what a recovery has to write again finds room in segments that are done with",
          "[store][W18]") {
  StoreFixture fixture;
  fixture.options.memtable_flush_bytes = 64_KiB;
  fixture.options.flush_mode = FlushMode::normal;
  auto store = fixture.open();
  const std::string payload(50'000, 'x');
  for (int i = 0; i < 60; ++i) {  // into the third segment
    REQUIRE(append_text(*store, payload));
  }
  for (int i = 0; i < 3; ++i) {  // until no manifest that is left needs the first two
    fixture.clock.advance(std::chrono::seconds(2));
    while (store->tick()) {
    }
  }
  RecordView record;
  record.payload = as_byte_view("unsynced");
  REQUIRE(store->append(
      {.pipeline = "p", .source = "s", .records = {&record, 1}, .checkpoints = {}, .events = {}},
      {}));
  const auto image = io::kill_after(fixture.files.trace(), fixture.files.event_count() - 1, 1);
  // No spare is left, and an earlier opening could not give back what is in tables.
  REQUIRE(image->remove("/store/" + segment_file_name(5)).is_ok());
  put_file(*image, "/store/" + segment_file_name(1), 4_MiB);
  put_file(*image, "/store/" + segment_file_name(2), 1_MiB);
  put_file(*image, "/store/" + segment_file_name(3), 1_MiB);
  fixture.options.disk_budget_bytes = 8_MiB;
  auto reopened = Store::open(fixture.options, fixture.environment(*image));
  REQUIRE(reopened.has_value());
  (*reopened)->tick();
  CHECK((*reopened)->durable_lsn().value == 61);
}

TEST_CASE("a full budget blocks input, loses nothing, and more room lets it go on [W18]",
          "[store][W18]") {
  StoreFixture fixture;
  fixture.options.disk_budget_bytes = 8_MiB;
  fixture.options.memtable_flush_bytes = 1_MiB;
  std::string payload(50'000, '\0');
  std::mt19937 random(18);  // what does not compress fills a disk
  std::ranges::generate(payload, [&random] { return static_cast<char>(random()); });
  std::uint64_t taken = 0;
  {
    auto store = fixture.open();
    for (;;) {
      const auto lsn = append_text(*store, payload);
      if (!lsn && lsn.error().code() == Code::no_space) {
        break;  // not taken
      }
      // Unavailable: taken, and waiting for space that the next flush may make.
      CHECK((lsn || lsn.error().code() == Code::unavailable));
      ++taken;
      REQUIRE(taken < 1000);
    }
    CHECK(taken > 100);
    REQUIRE_FALSE(fixture.reports.empty());
    for (const std::string& report : fixture.reports) {
      INFO(report);
      CHECK(report.find("disk_budget") != std::string::npos);
    }
  }
  fixture.options.disk_budget_bytes = 16_MiB;
  auto store = fixture.open();
  REQUIRE(append_text(*store, payload));
  REQUIRE(store->close().is_ok());
  CHECK(read_all(*fixture.read()).payloads.size() >= taken);
}

TEST_CASE(
    "after a write error the unfinished records are written elsewhere and nothing is lost [W44]",
    "[store][W44]") {
  StoreFixture fixture;
  auto store = fixture.open();
  REQUIRE(append_text(*store, "one"));
  fixture.files.add_fault({.kind = io::CallKind::write, .path_contains = "wal-"});
  const auto second = append_text(*store, "two");
  INFO(second.status().message());
  REQUIRE(second.has_value());
  CHECK(*second == Lsn{2});
  REQUIRE(append_text(*store, "three").value() == Lsn{3});
  REQUIRE(store->close().is_ok());
  const Contents contents = read_all(*fixture.read());
  CHECK(contents.payloads == std::vector<std::string>{"one", "two", "three"});
  REQUIRE(contents.events.size() == 1);
  CHECK(contents.events[0].kind == EventKind::write_error);
}
