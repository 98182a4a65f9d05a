#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace crash = kifa::crash;
namespace io = kifa::io;
namespace store = kifa::store;
using namespace kifa::literals;
using kifa::Lsn;

namespace {

constexpr std::size_t kBatchBytes = 128'000;

// The payload of a record: its number, and then text that depends on it.
void make_payload(std::uint64_t lsn, std::size_t bytes, std::string& payload) {
  payload = fmt::format("record {} ", lsn);
  while (payload.size() < bytes) {
    payload += fmt::format("item {:x} price {} ", lsn * 0x9E3779B97F4A7C15ULL + payload.size(),
                           (lsn + payload.size()) % 1000);
  }
  payload.resize(bytes);
}

struct Load {
  std::uint64_t records = 0;
  std::size_t record_bytes = 0;
  store::FlushMode flush_mode = store::FlushMode::cautious;
  std::uint64_t memtable_flush_bytes = 4_MiB;
};

store::StoreOptions options_for(const Load& load, const std::string& directory) {
  store::StoreOptions options;
  options.directory = directory;
  options.flush_mode = load.flush_mode;
  options.memtable_flush_bytes = load.memtable_flush_bytes;
  options.log_backlog_bytes_max = 64_MiB;  // tables are made beside a burst, not after it
  return options;
}

// The errors that a store tells of, on any thread.
class Complaints final {
 public:
  void take(store::Severity severity, const std::string& text) {
    const kifa::MutexLock lock(mutex_);
    text_ += severity == store::Severity::error ? text + "\n" : "";
  }
  [[nodiscard]] std::string text() const {
    const kifa::MutexLock lock(mutex_);
    return text_;
  }

 private:
  mutable kifa::Mutex mutex_;
  std::string text_ KIFA_GUARDED_BY(mutex_);
};

// Opens the store with all its threads.
std::unique_ptr<store::Store> open(const Load& load, const std::string& directory,
                                   const kifa::Clock& clock, Complaints& complaints) {
  auto opened = store::Store::open(
      options_for(load, directory),
      {.files = io::posix_file_system(),
       .clock = clock,
       .report = [&complaints](store::Severity severity, const std::string& text) {
         complaints.take(severity, text);
       }});
  INFO(opened.status().message());
  REQUIRE(opened.has_value());
  return *std::move(opened);
}

void append_all(store::Store& store, const Load& load) {
  const std::uint64_t per_batch = kBatchBytes / load.record_bytes;
  std::vector<std::string> payloads(per_batch);
  std::vector<store::RecordView> records;
  for (std::uint64_t next = 1; next <= load.records;) {
    records.clear();
    for (std::uint64_t i = 0; i < per_batch && next <= load.records; ++i, ++next) {
      make_payload(next, load.record_bytes, payloads[i]);
      store::RecordView record;
      record.observed_unix_ns = static_cast<std::int64_t>(next);
      record.payload = kifa::as_byte_view(payloads[i]);
      records.push_back(record);
    }
    const auto first = store.append_durable({.pipeline = "tills",
                                             .source = "printer",
                                             .records = records,
                                             .checkpoints = {},
                                             .events = {}});
    INFO(first.status().message());
    REQUIRE(first.has_value());
    REQUIRE(first->value == next - records.size());
  }
}

// Reads from `first` on and returns the last LSN that was as it should be.
std::uint64_t read_records(store::Reader& reader, const Load& load, Lsn first, Lsn last,
                           std::string& wrong) {
  std::uint64_t expected = first.value;
  std::string payload;
  const kifa::Status status = reader.scan(
      {.first = first, .last = last},
      [&](const store::RecordView& record) {
        make_payload(expected, load.record_bytes, payload);
        if (record.lsn.value != expected || kifa::as_text(record.payload) != payload) {
          wrong = fmt::format("LSN {} came where {} was expected, or with other contents",
                              record.lsn.value, expected);
          return false;
        }
        ++expected;
        return true;
      },
      [&](const store::Event& event) {
        wrong = event.kind == store::EventKind::gap ? event.text : wrong;
        return wrong.empty();
      });
  if (!status && wrong.empty()) {
    wrong = status.message();
  }
  return expected - 1;
}

// Reads here and there beside the writer until it is told to stop.
std::string read_beside(const Load& load, const std::string& directory,
                        const std::atomic<bool>& stop) {
  constexpr std::uint64_t kRecords = 300;
  std::string wrong;
  for (std::uint64_t round = 0; wrong.empty() && !stop; ++round) {
    auto reader = store::Reader::open(directory, io::posix_file_system());
    if (!reader) {
      return reader.error().message();
    }
    const std::uint64_t durable = (*reader)->durable_lsn().value;
    if (durable > 0) {
      const std::uint64_t first = 1 + round * 7919 % durable;
      const std::uint64_t last = std::min(first + kRecords, durable);
      const std::uint64_t seen = read_records(**reader, load, {first}, {last}, wrong);
      if (wrong.empty() && seen != last) {
        wrong = fmt::format("LSN {} to {} were asked for, and the last one seen is {}", first, last,
                            seen);
      }
    }
  }
  return wrong;
}

void append_under_background_work(Load load) {
  if (crash::is_sanitized()) {
    load.records /= 40;
    load.memtable_flush_bytes = std::min<std::uint64_t>(load.memtable_flush_bytes, 128_KiB);
  }
  const kifa::test::TemporaryDirectory parent(KIFA_TEST_BUILD_DIR);
  const std::string directory = parent.file("data");
  const kifa::SystemClock clock;
  Complaints complaints;
  {
    const auto store = open(load, directory, clock, complaints);
    std::atomic<bool> stop = false;
    std::string wrong;
    std::thread reader([&] { wrong = read_beside(load, directory, stop); });
    append_all(*store, load);
    stop = true;
    reader.join();
    CHECK(wrong == "");
    REQUIRE(store->close().is_ok());
  }
  {
    const auto store = open(load, directory, clock, complaints);
    CHECK(store->durable_lsn().value == load.records);
    REQUIRE(store->close().is_ok());
  }
  CHECK(complaints.text() == "");
  auto reader = store::Reader::open(directory, io::posix_file_system());
  REQUIRE(reader.has_value());
  std::string wrong;
  CHECK(read_records(**reader, load, {1}, {0}, wrong) == load.records);
  CHECK(wrong == "");
  const auto stats = (*reader)->stats();
  REQUIRE(stats.has_value());
  CHECK(stats->total_entries == load.records);
  CHECK(stats->gaps == 0);
  CHECK(stats->table_payload_bytes > stats->payload_bytes / 2);
  const bool is_joined = stats->tables[1] + stats->tables[2] != 0;
  if (load.flush_mode == store::FlushMode::emergency) {
    CHECK_FALSE(is_joined);
  } else if (!crash::is_sanitized()) {
    CHECK(is_joined);  // the small loads may end before anything is due
  }
}

}  // namespace

TEST_CASE("records appended under flushing and joining are all there, in cautious mode",
          "[background][W1]") {
  append_under_background_work(
      {.records = 120'000, .record_bytes = 4000, .memtable_flush_bytes = 1_MiB});
}

TEST_CASE("records appended under flushing and joining are all there, in normal mode",
          "[background][W1]") {
  append_under_background_work({.records = 120'000,
                                .record_bytes = 4000,
                                .flush_mode = store::FlushMode::normal,
                                .memtable_flush_bytes = 1_MiB});
}

TEST_CASE("records appended under flushing are all there, in emergency mode", "[background][W1]") {
  append_under_background_work({.records = 120'000,
                                .record_bytes = 4000,
                                .flush_mode = store::FlushMode::emergency,
                                .memtable_flush_bytes = 1_MiB});
}

TEST_CASE("records appended with default settings are all there", "[background][W1]") {
  append_under_background_work({.records = 60'000, .record_bytes = 2000});
  append_under_background_work({.records = 400'000, .record_bytes = 1000});
}
