#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/store/reader.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/store.hpp"
#include "tests/crash/batch.hpp"
#include "tests/crash/image_check.hpp"
#include "tests/crash/rot.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"

// Every byte of a store that holds everything that a store may hold.
namespace crash = kifa::crash;
namespace io = kifa::io;
namespace store = kifa::store;
using namespace kifa::literals;

namespace {

constexpr std::size_t kBlock = 4096;
constexpr std::uint64_t kStride = 8 * 1024;    // bits; the long form: 8, one bit of every byte
constexpr std::uint64_t kUnusedSparser = 512;  // where nobody has written anything yet
constexpr std::uint64_t kOpenEvery = 8;        // flips, for one that is opened for writing

store::StoreOptions options_of_test(bool keeps_in_log) {
  store::StoreOptions options;
  options.directory = crash::kDirectory;
  options.segment_bytes = 1_MiB;
  options.record_bytes_max = 256_KiB;
  options.memtable_flush_bytes = keeps_in_log ? 1_GiB : 64_KiB;
  options.flush_segments = 1000;
  options.compaction_threshold = 3;
  return options;
}

// Records that a table compresses; those of the BatchMaker are noise.
crash::OwnedBatch receipts(std::uint64_t number) {
  crash::OwnedBatch batch{.pipeline = "tills", .source = "printer"};
  for (std::uint64_t i = 0; i < 40; ++i) {
    batch.records.push_back(
        {.observed_unix_ns = static_cast<std::int64_t>(1'769'884'200'000'000'000 + i),
         .payload = fmt::format(R"({{"receipt":{},"line":{},"item":"bread","amount":{},)"
                                R"("status":"completed"}})",
                                number, i, 100 * i)});
  }
  return batch;
}

// A store as a kill leaves it: tables of both levels, manifests, checkpoints, a log that is not in
// tables, spares, RESERVE and STATUS.
class KilledStore final {
 public:
  KilledStore() {
    REQUIRE(files_.make_directory(std::string(crash::kDirectory), 0700).is_ok());
    // Each session makes a table when it closes; three of them are joined in the next one.
    for (int session = 0; session < 4; ++session) {
      auto filled = open(false);
      while (filled->tick()) {
      }
      append(*filled, 7);
      REQUIRE(filled->close().is_ok());
    }
    prepare_files();
    auto killed = open(true);
    append(*killed, 10);
    files_.restart_trace();
    const io::Trace trace = files_.trace();
    disk_ = io::CrashPoints(trace).kill(0);
    disk_->restart_trace();
  }

  [[nodiscard]] io::MemoryFileSystem& disk() { return *disk_; }
  [[nodiscard]] const std::vector<crash::OwnedRecord>& records() const { return records_; }

 private:
  std::unique_ptr<store::Store> open(bool keeps_in_log) {
    auto opened = store::Store::open(options_of_test(keeps_in_log),
                                     {.files = files_,
                                      .clock = clock_,
                                      .report = [](store::Severity, const std::string&) {},
                                      .random_seed = keeps_in_log ? 2U : 1U,
                                      .background_threads = false});
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }

  // What the threads of a daemon make ahead of need: spares, and RESERVE.
  void prepare_files() {
    for (const std::uint64_t number : {1000U, 1001U}) {
      store::SegmentPool pool(files_, {.directory = std::string(crash::kDirectory),
                                       .segment_bytes = 1_MiB,
                                       .next_number = number,
                                       .has_reserve = number != 1000});
      REQUIRE(pool.make_one().has_value());
      REQUIRE(pool.make_one().has_value());
    }
  }

  void append(store::Store& to, std::uint64_t rounds) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      append_one(to, maker_.make(crash::BatchSize::medium));
      append_one(to, receipts(i));
      append_one(to, maker_.make(crash::BatchSize::checkpoint_only));
      append_one(to, maker_.make_record(10'000));
    }
  }

  void append_one(store::Store& to, const crash::OwnedBatch& batch) {
    REQUIRE(to.append_durable(crash::BatchViews(batch).view()).has_value());
    records_.insert(records_.end(), batch.records.begin(), batch.records.end());
  }

  const kifa::test::FakeClock clock_;
  crash::BatchMaker maker_{21};
  io::MemoryFileSystem files_;
  io::CrashImage disk_;
  std::vector<crash::OwnedRecord> records_;
};

struct File {
  std::string path;
  std::vector<std::byte> bytes;
  [[nodiscard]] bool is_used(std::size_t block) const {
    const auto rest = std::span(bytes).subspan(block);
    return std::ranges::any_of(rest.first(std::min(kBlock, rest.size())),
                               [](std::byte byte) { return byte != std::byte{0}; });
  }
};

std::vector<File> files_of(io::MemoryFileSystem& disk) {
  std::vector<File> files;
  const auto entries = disk.list(std::string(crash::kDirectory));
  REQUIRE(entries.has_value());
  for (const io::DirectoryEntry& entry : *entries) {
    File file{.path = fmt::format("{}/{}", crash::kDirectory, entry.name), .bytes = {}};
    file.bytes = disk.content(file.path).value();
    files.push_back(std::move(file));
  }
  return files;
}

// Chooses one bit in every window of `stride` bits of what is passed, over the borders of blocks
// and files: with 1 every bit, with 8 one of every byte.
class Windows final {
 public:
  Windows(std::uint64_t stride, std::uint64_t seed)
      : stride_(static_cast<std::int64_t>(stride)), random_(seed) {
    choose();
  }

  template <class OnBit>
  void pass(std::uint64_t bits, const OnBit& on_bit) {
    const auto end = static_cast<std::int64_t>(bits);
    while (chosen_ < end) {
      on_bit(static_cast<std::uint64_t>(chosen_));
      begin_ += stride_;
      choose();
    }
    begin_ -= end;
    chosen_ -= end;
  }

 private:
  void choose() {
    chosen_ =
        begin_ + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(stride_)));
  }

  const std::int64_t stride_;
  io::SplitMix random_;
  std::int64_t begin_ = 0;  // of the window, from what is passed next; below 0: it began before
  std::int64_t chosen_ = 0;
};

// Flips one bit after the other in a killed store, and back.
class Flipper final {
 public:
  explicit Flipper(std::uint64_t stride)
      : used_(stride, stride), unused_(stride * kUnusedSparser, stride) {}

  void run() {
    for (const File& file : files_of(killed_.disk())) {
      for (std::size_t block = 0; block < file.bytes.size(); block += kBlock) {
        const bool is_used = file.is_used(block);
        const std::uint64_t bytes = std::min(kBlock, file.bytes.size() - block);
        used_bytes_ += is_used ? bytes : 0;
        (is_used ? used_ : unused_).pass(8 * bytes, [&](std::uint64_t bit) {
          flip(file, 8 * std::uint64_t{block} + bit);
        });
      }
    }
  }

  [[nodiscard]] std::uint64_t flips() const { return flips_; }
  [[nodiscard]] std::uint64_t opened() const { return opened_; }
  [[nodiscard]] std::uint64_t told() const { return told_; }
  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }
  [[nodiscard]] KilledStore& killed() { return killed_; }

 private:
  void flip(const File& file, std::uint64_t bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const std::byte right = file.bytes[at];
    const std::byte wrong = right ^ (std::byte{1} << (bit % 8));
    io::MemoryFileSystem& disk = killed_.disk();
    REQUIRE(disk.damage(file.path, at, {&wrong, 1}).is_ok());
    crash::Seen seen;
    std::string problem = crash::check_reading(disk, killed_.records(), seen);
    told_ += seen.gaps != 0 ? 1 : 0;
    if (problem.empty() && flips_ % kOpenEvery == 0) {
      problem = open_copy(seen);
    }
    INFO(file.path << " bit " << bit << ": " << problem);
    REQUIRE(problem.empty());
    REQUIRE(disk.damage(file.path, at, {&right, 1}).is_ok());
    ++flips_;
  }

  std::string open_copy(const crash::Seen& seen) {
    const io::Trace trace = killed_.disk().trace();
    const io::CrashImage image = io::CrashPoints(trace).kill(0);
    const bool keeps_in_log = opened_++ % 2 == 0;
    return crash::check_opening(*image, options_of_test(keeps_in_log), killed_.records(), seen);
  }

  KilledStore killed_;
  Windows used_;
  Windows unused_;
  std::uint64_t flips_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t used_bytes_ = 0;
};

}  // namespace

TEST_CASE("no flipped bit of a killed store of 1 MiB loses, changes or invents a record",
          "[crash][mebibyte][W7][W22][W23]") {
  crash::keep_freed_memory();
  Flipper flipper(
      crash::setting("KIFA_CRASH_MEBIBYTE_STRIDE", crash::is_sanitized() ? 10 * kStride : kStride));
  {
    auto reader = store::Reader::open(std::string(crash::kDirectory), flipper.killed().disk());
    REQUIRE(reader.has_value());
    const store::StoreStats stats = (*reader)->stats().value();
    CHECK(stats.total_entries == flipper.killed().records().size());
    CHECK(stats.gaps == 0);
    CAPTURE(stats.tables[0], stats.tables[1], stats.tables[2]);
    CHECK(stats.tables[0] > 0);
    CHECK(stats.tables[1] + stats.tables[2] > 0);
    CHECK(stats.log_bytes > 256_KiB);
    CHECK(stats.spare_segments > 0);
  }
  std::set<std::string> kinds;
  for (const File& file : files_of(flipper.killed().disk())) {
    kinds.insert(file.path.substr(0, file.path.find('-')));
  }
  for (const char* kind : {"wal", "table", "MANIFEST", "CHECKPOINTS", "STATUS", "RESERVE"}) {
    CAPTURE(kind);
    CHECK(kinds.contains(fmt::format("{}/{}", crash::kDirectory, kind)));
  }
  flipper.run();
  CHECK(flipper.used_bytes() >= 1_MiB);
  WARN(fmt::format("{} flipped bits in {} used bytes, {} of them reported, {} stores opened",
                   flipper.flips(), flipper.used_bytes(), flipper.told(), flipper.opened()));
  CHECK(flipper.told() > flipper.flips() / 2);
}
