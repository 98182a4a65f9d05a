#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/store/store_fixture.hpp"

// A reader that stays behind a writer.
namespace kifa::store::testing {
namespace {

using std::chrono::milliseconds;

// Everything that is new since the last call, read on from where that ended.
class Follower final {
 public:
  Follower(io::FileSystem& files, const std::string& directory) {
    auto reader = Reader::open(directory, files);
    INFO(reader.status().message());
    REQUIRE(reader.has_value());
    reader_ = std::move(*reader);
  }

  [[nodiscard]] bool wait(milliseconds timeout = milliseconds(0)) {
    const auto more = reader_->wait_for_more(timeout);
    INFO(more.status().message());
    REQUIRE(more.has_value());
    return *more;
  }
  Contents take() {
    Contents contents = read_all(*reader_, next_);
    if (!contents.lsns.empty()) {
      next_.first = contents.lsns.back().next();
    }
    if (!contents.events.empty()) {
      next_.first_event = contents.events.back().number + 1;
    }
    return contents;
  }
  Reader& reader() { return *reader_; }

 private:
  std::unique_ptr<Reader> reader_;
  Selection next_;
};

// A store without threads on the machine's own file system, where a writer is seen to be alive.
struct RealStore {
  test::TemporaryDirectory directory;
  SystemClock clock;
  StoreOptions options{.directory = directory.file("store"),
                       .segment_bytes = 1_MiB,
                       .record_bytes_max = 64_KiB,
                       .memtable_flush_bytes = 1_MiB};

  std::unique_ptr<Store> open() {
    auto store = Store::open(options, {.files = io::posix_file_system(),
                                       .clock = clock,
                                       .random_seed = 7,
                                       .background_threads = false});
    INFO(store.status().message());
    REQUIRE(store.has_value());
    return std::move(*store);
  }
};

void follow_many(Store& store, Follower& follower) {
  const std::string payload(20'000, 'r');
  std::uint64_t expected = 0;
  for (std::uint64_t i = 1; i <= 602; ++i) {  // 12 MB: many segments of 1 MiB
    REQUIRE(append_text(store, payload + std::to_string(i)).has_value());
    if (i % 7 != 0) {
      continue;
    }
    REQUIRE(follower.wait());
    const Contents found = follower.take();
    REQUIRE(found.lsns.size() == 7);
    for (std::size_t k = 0; k < found.lsns.size(); ++k) {
      ++expected;
      REQUIRE(found.lsns[k].value == expected);
      REQUIRE(found.payloads[k] == payload + std::to_string(expected));
    }
    REQUIRE(found.events.empty());
    REQUIRE_FALSE(follower.wait());
  }
  const auto stats = follower.reader().stats();
  REQUIRE(stats.has_value());
  CHECK(stats->tables[0] + stats->tables[1] > 0);
  CHECK(stats->total_entries == 602);
  CHECK(stats->payload_bytes > 602 * payload.size());
}

TEST_CASE("a follower gets every record once, also over rotations and flushes", "[store][follow]") {
  SECTION("beside a writer that lives") {
    RealStore real;
    auto store = real.open();
    Follower follower(io::posix_file_system(), real.options.directory);
    CHECK_FALSE(follower.wait());
    follow_many(*store, follower);
  }
  SECTION("beside one that is not known to live") {
    StoreFixture fixture;
    fixture.options.memtable_flush_bytes = 1_MiB;
    auto store = fixture.open();
    Follower follower(fixture.files, fixture.options.directory);
    follow_many(*store, follower);
  }
}

TEST_CASE("a follower gets an event once", "[store][follow]") {
  RealStore real;
  auto store = real.open();
  REQUIRE(append_text(*store, "one").has_value());
  Follower follower(io::posix_file_system(), real.options.directory);
  REQUIRE(follower.take().lsns.size() == 1);
  Event event;
  event.text = "a byte was lost";
  RecordView record;
  record.payload = as_byte_view("two");
  const auto appended = store->append_durable({.pipeline = "till-1",
                                               .source = "app",
                                               .records = {&record, 1},
                                               .checkpoints = {},
                                               .events = {&event, 1}});
  REQUIRE(appended.has_value());
  REQUIRE(follower.wait());
  const Contents second = follower.take();
  CHECK(second.payloads == std::vector<std::string>{"two"});
  REQUIRE(second.events.size() == 1);
  CHECK(second.events[0].text == "a byte was lost");
  REQUIRE(append_text(*store, "three").has_value());
  REQUIRE(follower.wait());
  const Contents third = follower.take();
  CHECK(third.payloads == std::vector<std::string>{"three"});
  CHECK(third.events.empty());
}

TEST_CASE("a reader that has come to the end reads from anywhere all the same", "[store][follow]") {
  RealStore real;
  auto store = real.open();
  for (int i = 1; i <= 10; ++i) {
    REQUIRE(append_text(*store, std::to_string(i)).has_value());
  }
  Follower follower(io::posix_file_system(), real.options.directory);
  REQUIRE(follower.take().lsns.size() == 10);
  CHECK(read_all(follower.reader(), {.first = {4}}).payloads.front() == "4");
  CHECK(read_all(follower.reader()).lsns.size() == 10);
  CHECK(read_all(follower.reader(), {.first = {11}}).lsns.empty());
}

TEST_CASE("a follower outlives the writer and goes on with the next one", "[store][follow]") {
  RealStore real;
  auto store = real.open();
  REQUIRE(append_text(*store, "one").has_value());
  Follower follower(io::posix_file_system(), real.options.directory);
  REQUIRE(follower.take().lsns.size() == 1);
  REQUIRE(append_text(*store, "two").has_value());
  REQUIRE(store->close());
  store.reset();
  REQUIRE(follower.wait());
  CHECK(follower.take().payloads == std::vector<std::string>{"two"});
  CHECK_FALSE(follower.wait());
  store = real.open();
  CHECK_FALSE(follower.wait());
  REQUIRE(append_text(*store, "three").has_value());
  REQUIRE(follower.wait());
  CHECK(follower.take().payloads == std::vector<std::string>{"three"});
}

TEST_CASE("what was read behind a killed writer is no damage when the next one copies it",
          "[store][follow]") {
  StoreFixture fixture;
  auto store = fixture.open();
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(append_text(*store, std::to_string(i)).has_value());
  }
  const io::Trace trace = fixture.files.trace();
  const auto image = io::kill_after(trace, trace.events.size() - 1, 1);
  Follower follower(*image, fixture.options.directory);
  REQUIRE(follower.take().lsns.size() == 5);  // nothing on the disk covers the last of them
  auto next = Store::open(fixture.options, fixture.environment(*image));
  REQUIRE(next.has_value());
  REQUIRE(append_text(**next, "6").has_value());
  REQUIRE(follower.wait());
  const Contents found = follower.take();
  CHECK(found.payloads == std::vector<std::string>{"6"});
  CHECK(found.lsns == std::vector<Lsn>{{6}});
  for (const Event& event : found.events) {
    INFO(event.text);
    CHECK(event.kind != EventKind::gap);
  }
}

TEST_CASE("a waiting follower is woken by an append", "[store][follow]") {
  RealStore real;
  auto store = real.open();
  Follower follower(io::posix_file_system(), real.options.directory);
  for (int i = 1; i <= 20; ++i) {
    Result<Lsn> appended = Lsn{};
    std::jthread writer([&] { appended = append_text(*store, std::to_string(i)); });
    REQUIRE(follower.wait(std::chrono::minutes(1)));
    REQUIRE(follower.take().payloads == std::vector<std::string>{std::to_string(i)});
    writer.join();
    REQUIRE(appended.has_value());
  }
  CHECK_FALSE(follower.wait(milliseconds(1)));
}

}  // namespace
}  // namespace kifa::store::testing
