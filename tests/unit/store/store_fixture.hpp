#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"

namespace kifa::store::testing {

// A store on a disk in memory, without threads unless asked for, and what it reported.
struct StoreFixture {
  io::MemoryFileSystem files;
  test::FakeClock clock;
  std::vector<std::string> reports;
  // Everything stays in the log unless a test asks for tables.
  StoreOptions options{.directory = "/store",
                       .segment_bytes = 1_MiB,
                       .record_bytes_max = 64_KiB,
                       .memtable_flush_bytes = 1_GiB,
                       .flush_segments = 1000};

  StoreEnvironment environment(io::FileSystem& where, bool threads = false) {
    return {.files = where,
            .clock = clock,
            .report = [this](Severity, const std::string& text) { reports.push_back(text); },
            .random_seed = 7,
            .background_threads = threads};
  }
  std::unique_ptr<Store> open() {
    auto store = Store::open(options, environment(files));
    INFO(store.status().message());
    REQUIRE(store.has_value());
    return std::move(*store);
  }
  std::unique_ptr<Store> open_threaded() {
    auto store = Store::open(options, environment(files, true));
    INFO(store.status().message());
    REQUIRE(store.has_value());
    return std::move(*store);
  }
  std::unique_ptr<Reader> read() {
    auto reader = Reader::open(options.directory, files);
    INFO(reader.status().message());
    REQUIRE(reader.has_value());
    return std::move(*reader);
  }
};

// Appends `text` as one record of pipeline "till-1", source "app", and waits until it is durable.
inline Result<Lsn> append_text(Store& store, std::string_view text, std::int64_t unix_ns = 1) {
  RecordView record;
  record.observed_unix_ns = unix_ns;
  record.payload = as_byte_view(text);
  return store.append_durable({.pipeline = "till-1",
                               .source = "app",
                               .records = {&record, 1},
                               .checkpoints = {},
                               .events = {}});
}

struct Contents {
  std::vector<std::string> payloads;
  std::vector<Lsn> lsns;
  std::vector<Event> events;
};
inline Contents read_all(Reader& reader, const Selection& range = {}) {
  Contents contents;
  const Status status = reader.scan(
      range,
      [&contents](const RecordView& record) {
        contents.payloads.emplace_back(as_text(record.payload));
        contents.lsns.push_back(record.lsn);
        return true;
      },
      [&contents](const Event& event) {
        contents.events.push_back(event);
        return true;
      });
  INFO(status.message());
  REQUIRE(status.is_ok());
  return contents;
}

}  // namespace kifa::store::testing
