#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/realfs/loop_disk_or_skip.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// One operation of the store, and then the power goes: ext4 and xfs, mounted from a file, lose what
// was not synced, with their own journals and their own idea of what a sync is.
namespace kifa::store {
namespace {

constexpr std::size_t kRecordBytes = 8'000;

std::string payload_of(std::uint64_t number) {
  std::string payload = "sale " + std::to_string(number) + " ";
  for (std::uint64_t at = number; payload.size() < kRecordBytes; at = at * 25 + 11) {
    payload += static_cast<char>('a' + at % 26);
  }
  return payload;
}

// A store on a disk whose power can be cut, and what it has acknowledged.
class Shop final {
 public:
  explicit Shop(crash::LoopDisk& disk) : disk_(disk) {
    options.directory = disk.path() + "/store";
    options.segment_bytes = 1_MiB;
    options.record_bytes_max = 64_KiB;
    options.memtable_flush_bytes = 1_MiB;
    options.compaction_threshold = 2;
  }

  void open() {
    auto opened = Store::open(options, {.files = io::posix_file_system(),
                                        .clock = clock_,
                                        .random_seed = 7,
                                        .background_threads = false});
    INFO(opened.status().message());
    REQUIRE(opened.has_value());
    store = std::move(*opened);
    CHECK(store->durable_lsn().value == acknowledged_);
  }
  void close() {
    const Status status = store->close();
    INFO(status.message());
    REQUIRE(status);
    store.reset();
  }
  void append(std::uint64_t count, std::span<const Checkpoint> checkpoints = {}) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string payload = payload_of(acknowledged_ + 1);
      const RecordView record{.observed_unix_ns = clock_.now_unix_ns(),
                              .payload = as_byte_view(payload)};
      const auto lsn = store->append_durable({.pipeline = "shop",
                                              .source = "till-1",
                                              .records = {&record, 1},
                                              .checkpoints = checkpoints});
      INFO(lsn.status().message());
      REQUIRE(lsn.has_value());
      REQUIRE(lsn->value == ++acknowledged_);
    }
  }
  // The store meets a dead disk, and is gone.
  void lose_power() {
    const Status cut = disk_.cut_power();
    INFO(cut.message());
    REQUIRE(cut);
    store.reset();
    const Status restored = disk_.restore_power();
    INFO(restored.message());
    REQUIRE(restored);
  }
  // Everything acknowledged is there, in order, once, but for what retention has taken.
  void require_all() {
    auto reader = Reader::open(options.directory, io::posix_file_system());
    INFO(reader.status().message());
    REQUIRE(reader.has_value());
    const auto stats = (*reader)->stats();
    REQUIRE(stats.has_value());
    std::uint64_t next = stats->purged_through.value + 1;
    const Status read = (*reader)->scan(
        {},
        [&next](const RecordView& record) {
          REQUIRE(record.lsn.value == next);
          REQUIRE(as_text(record.payload) == payload_of(next));
          ++next;
          return true;
        },
        [](const Event& event) {
          INFO(event.text);
          CHECK(event.kind != EventKind::gap);
          return true;
        });
    INFO(read.message());
    REQUIRE(read);
    CHECK(next == acknowledged_ + 1);
  }
  [[nodiscard]] StoreStats stats() const {
    auto reader = Reader::open(options.directory, io::posix_file_system());
    REQUIRE(reader.has_value());
    auto found = (*reader)->stats();
    REQUIRE(found.has_value());
    return *found;
  }

  StoreOptions options;
  std::unique_ptr<Store> store;

 private:
  crash::LoopDisk& disk_;
  SystemClock clock_;
  std::uint64_t acknowledged_ = 0;
};

constexpr std::uint64_t kRecordsForTable = 200;  // 1.6 MB: more than a flush waits for

struct Case {
  std::string name;
  std::function<void(Shop&)> work;  // with an open store that has three records
  std::function<void(Shop&)> prepare = [](Shop&) {};
};

std::vector<Case> cases_of_the_log() {
  return {
      {.name = "an append", .work = [](Shop& shop) { shop.append(1); }},
      {.name = "an append that waits in normal mode",
       .work = [](Shop& shop) { shop.append(1); },
       .prepare = [](Shop& shop) { shop.options.flush_mode = FlushMode::normal; }},
      {.name = "a switch from normal to cautious mode",
       .work =
           [](Shop& shop) {
             REQUIRE(shop.store->set_flush_mode(FlushMode::cautious));
             shop.append(1);
           },
       .prepare = [](Shop& shop) { shop.options.flush_mode = FlushMode::normal; }},
      {.name = "a checkpoint",
       .work =
           [](Shop& shop) {
             const Checkpoint checkpoint{.origin = "shop/till-1", .key = "file", .position = 42};
             shop.append(1, {&checkpoint, 1});
           }},
      {.name = "a rotation",
       .work = [](Shop& shop) { shop.append(110); },  // 12 KiB of log each, 1 MiB segments
       .prepare = [](Shop& shop) { shop.options.memtable_flush_bytes = 64_MiB; }},
      {.name = "close", .work = [](Shop& shop) { shop.close(); }},
      {.name = "close and open",
       .work =
           [](Shop& shop) {
             shop.append(kRecordsForTable);
             shop.close();
             shop.open();
           }},
      {.name = "recovery",
       .work =
           [](Shop& shop) {
             shop.append(5);
             shop.lose_power();
             shop.open();
           }},
      {.name = "recovery and an append",
       .work =
           [](Shop& shop) {
             shop.append(kRecordsForTable);
             shop.lose_power();
             shop.open();
             shop.append(1);
           }},
  };
}

std::vector<Case> cases_of_tables() {
  return {
      {.name = "a flush",
       .work =
           [](Shop& shop) {
             shop.append(kRecordsForTable);
             REQUIRE(shop.stats().table_bytes > 0);
           }},
      {.name = "a join of tables",
       .work =
           [](Shop& shop) {
             shop.append(4 * kRecordsForTable);
             REQUIRE(shop.stats().tables[1] + shop.stats().tables[2] > 0);
           }},
      {.name = "segments that are used again",
       .work = [](Shop& shop) { shop.append(6 * kRecordsForTable); },
       .prepare = [](Shop& shop) { shop.options.compaction_enabled = false; }},
      {.name = "retention",
       .work =
           [](Shop& shop) {
             shop.append(6 * kRecordsForTable);
             while (shop.store->tick()) {
             }
             REQUIRE(shop.stats().purged_records > 0);
           },
       .prepare =
           [](Shop& shop) {
             shop.options.compaction_enabled = false;
             shop.options.retention_bytes = 1_MiB;
           }},
  };
}

void run_cases(const std::string& type, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    INFO("the power goes after " << one.name << ", on " << type);
    const test::TemporaryDirectory directory;
    const auto disk = test::loop_disk_or_skip(directory.path(), type);
    if (!disk) {
      return;
    }
    Shop shop(*disk);
    one.prepare(shop);
    shop.open();
    shop.append(3);
    one.work(shop);
    shop.lose_power();
    shop.require_all();
    shop.open();
    if (one.name == "a checkpoint") {
      const auto checkpoints = shop.store->checkpoints("shop/till-1");
      REQUIRE(checkpoints.size() == 1);
      CHECK(checkpoints[0].position == 42);
    }
    shop.append(1);
    shop.require_all();
    shop.close();
    shop.require_all();
  }
}

TEST_CASE("after every operation of the log on ext4 the power may go", "[realfs]") {
  run_cases("ext4", cases_of_the_log());
}

TEST_CASE("after every operation of the log on xfs the power may go", "[realfs]") {
  run_cases("xfs", cases_of_the_log());
}

TEST_CASE("after every operation on tables on ext4 the power may go", "[realfs]") {
  run_cases("ext4", cases_of_tables());
}

TEST_CASE("after every operation on tables on xfs the power may go", "[realfs]") {
  run_cases("xfs", cases_of_tables());
}

}  // namespace
}  // namespace kifa::store
