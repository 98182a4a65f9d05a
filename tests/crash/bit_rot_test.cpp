#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/crash/batch.hpp"
#include "tests/crash/image_check.hpp"
#include "tests/crash/rot.hpp"
#include "tests/crash/sweep.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"

namespace crash = kifa::crash;
namespace io = kifa::io;
namespace store = kifa::store;
using namespace kifa::literals;

namespace {

enum class Kind : std::uint8_t { log, tables };

store::StoreOptions options_of_test(Kind kind) {
  store::StoreOptions options;
  options.memtable_flush_bytes = kind == Kind::log ? 1_MiB : 8_KiB;
  options.compaction_threshold = 3;
  options.directory = crash::kDirectory;
  options.segment_bytes = 1_MiB;
  options.record_bytes_max = 256_KiB;
  return options;
}

// A small store over three sessions, closed properly, and what is in it: in the log alone, or in
// tables of both levels and the log.
class SmallStore final {
 public:
  explicit SmallStore(Kind kind) : kind_(kind) {
    REQUIRE(files_.make_directory(std::string(crash::kDirectory), 0700).is_ok());
    crash::BatchMaker maker(11);
    for (int session = 0; session < 3; ++session) {
      auto opened = open(kind_, files_, static_cast<std::uint64_t>(session) + 1);
      REQUIRE(opened.has_value());
      for (int i = 0; i < 4; ++i) {
        const crash::OwnedBatch batch =
            maker.make(i == 1 ? crash::BatchSize::medium : crash::BatchSize::tiny);
        REQUIRE((*opened)->append_durable(crash::BatchViews(batch).view()).has_value());
        records_.insert(records_.end(), batch.records.begin(), batch.records.end());
      }
      REQUIRE((*opened)->close().is_ok());
    }
    files_.restart_trace();
    trace_ = files_.trace();
  }

  // A copy of the disk.
  [[nodiscard]] io::CrashImage copy() const { return io::CrashPoints(trace_).kill(0); }
  [[nodiscard]] const std::vector<crash::OwnedRecord>& records() const { return records_; }
  [[nodiscard]] io::MemoryFileSystem& files() { return files_; }

  [[nodiscard]] Kind kind() const { return kind_; }

  static kifa::Result<std::unique_ptr<store::Store>> open(
      Kind kind, io::MemoryFileSystem& files, std::uint64_t seed,
      const store::Reporter& report = [](store::Severity, const std::string&) {}) {
    static const kifa::test::FakeClock clock;
    return store::Store::open(options_of_test(kind), {.files = files,
                                                      .clock = clock,
                                                      .report = report,
                                                      .random_seed = seed,
                                                      .background_threads = false});
  }

 private:
  const Kind kind_;
  io::MemoryFileSystem files_;
  io::Trace trace_;
  std::vector<crash::OwnedRecord> records_;
};

// A damaged store read, verified, opened, written to and read again. Returns what is wrong, or
// nothing.
std::string check_damaged(Kind kind, io::MemoryFileSystem& files,
                          const std::vector<crash::OwnedRecord>& records, std::uint64_t& told) {
  crash::Seen seen;
  const std::string wrong = crash::check_reading(files, records, seen);
  told += seen.gaps != 0 ? 1 : 0;
  return wrong.empty() ? crash::check_opening(files, options_of_test(kind), records, seen) : wrong;
}

// Every record is read, and nothing is said to be lost.
void require_whole(io::MemoryFileSystem& files, const std::vector<crash::OwnedRecord>& records) {
  auto reader = store::Reader::open(std::string(crash::kDirectory), files);
  REQUIRE(reader.has_value());
  const crash::Seen seen = crash::read_damaged(**reader, records);
  CHECK(seen.problem.empty());
  CHECK(seen.gaps == 0);
  CHECK(seen.lsns.size() >= records.size());
  CHECK(crash::judge(seen, records).empty());
}

std::vector<std::string> file_names(io::MemoryFileSystem& files) {
  std::vector<std::string> names;
  const auto entries = files.list(std::string(crash::kDirectory));
  REQUIRE(entries.has_value());
  for (const io::DirectoryEntry& entry : *entries) {
    names.push_back(fmt::format("{}/{}", crash::kDirectory, entry.name));
  }
  return names;
}

constexpr std::size_t kBlock = 4096;

// The blocks of a file that hold anything.
std::vector<std::uint64_t> used_blocks(io::MemoryFileSystem& files, const std::string& path) {
  std::vector<std::uint64_t> offsets;
  const auto bytes = files.content(path);
  REQUIRE(bytes.has_value());
  for (std::size_t at = 0; at < bytes->size(); at += kBlock) {
    const auto block = std::span(*bytes).subspan(at, std::min(kBlock, bytes->size() - at));
    if (std::ranges::any_of(block, [](std::byte byte) { return byte != std::byte{0}; })) {
      offsets.push_back(at);
    }
  }
  return offsets;
}

void flip_bits(Kind kind, std::uint64_t stride) {
  crash::keep_freed_memory();
  SmallStore small(kind);
  constexpr std::uint64_t kHeaderBytes = 512;  // of each block: headers, tables, first records
  std::uint64_t flips = 0;
  std::uint64_t told = 0;
  for (const std::string& path : file_names(small.files())) {
    const std::uint64_t bits = small.files().content(path)->size() * 8;
    for (const std::uint64_t block : used_blocks(small.files(), path)) {
      const std::uint64_t end = std::min(bits, (block + kBlock) * 8);
      for (std::uint64_t bit = block * 8 + flips % stride; bit < end; bit += stride) {
        const std::uint64_t in_block = bit - block * 8;
        if (in_block >= kHeaderBytes * 8 && stride != 1 && in_block % (stride * 31) != 0) {
          continue;
        }
        const io::CrashImage image = small.copy();
        REQUIRE(image->flip_bit(path, bit).is_ok());
        const std::string wrong = check_damaged(kind, *image, small.records(), told);
        INFO(path << " bit " << bit << ": " << wrong);
        REQUIRE(wrong.empty());
        ++flips;
      }
    }
  }
  WARN(fmt::format("{} flipped bits, {} of them reported", flips, told));
  CHECK(told > flips / 20);
}

void damage_blocks(Kind kind, std::size_t others_max) {
  crash::keep_freed_memory();
  SmallStore small(kind);
  std::uint64_t cases = 0;
  std::uint64_t told = 0;
  const auto try_block = [&](const std::string& path, std::uint64_t at, kifa::ByteView bytes,
                             const std::string& what) {
    const io::CrashImage image = small.copy();
    REQUIRE(image->damage(path, at, bytes).is_ok());
    const std::string wrong = check_damaged(kind, *image, small.records(), told);
    INFO(path << " block " << at << " " << what << ": " << wrong);
    REQUIRE(wrong.empty());
    ++cases;
  };
  const std::vector<std::byte> zeros(kBlock);
  for (const std::string& path : file_names(small.files())) {
    const auto bytes = small.files().content(path);
    const std::vector<std::uint64_t> blocks = used_blocks(small.files(), path);
    for (const std::uint64_t at : blocks) {
      const std::size_t size = std::min(kBlock, bytes->size() - at);
      try_block(path, at, std::span(zeros).first(size), "zeroed");
      std::size_t others = 0;
      for (const std::uint64_t other : blocks) {
        if (other != at && bytes->size() - other >= size && others++ < others_max) {
          try_block(path, at, std::span(*bytes).subspan(other, size),
                    fmt::format("replaced by block {}", other));
        }
      }
    }
  }
  WARN(fmt::format("{} damaged blocks, {} of them reported", cases, told));
  CHECK(told > cases / 20);
}

}  // namespace

TEST_CASE("no flipped bit in the log loses a record silently", "[crash][rot]") {
  flip_bits(Kind::log, crash::setting("KIFA_CRASH_STRIDE", crash::is_sanitized() ? 401 : 23));
}

TEST_CASE("no flipped bit in a store with tables loses a record silently", "[crash][rot][W23]") {
  flip_bits(Kind::tables, crash::setting("KIFA_CRASH_STRIDE", crash::is_sanitized() ? 401 : 23));
}

TEST_CASE("no zeroed, stale or misplaced block of the log loses a record silently",
          "[crash][rot]") {
  damage_blocks(Kind::log, SIZE_MAX);
}

TEST_CASE("no zeroed, stale or misplaced block of a store with tables loses a record silently",
          "[crash][rot]") {
  damage_blocks(Kind::tables, crash::is_sanitized() ? 1 : 4);
}

TEST_CASE("no missing file loses a record silently", "[crash][rot]") {
  SmallStore small(Kind::tables);
  std::uint64_t told = 0;
  std::set<std::string> kinds;
  for (const std::string& path : file_names(small.files())) {
    const io::CrashImage image = small.copy();
    REQUIRE(image->remove(path).is_ok());
    image->restart_trace();
    const std::string wrong = check_damaged(Kind::tables, *image, small.records(), told);
    INFO(path << ": " << wrong);
    CHECK(wrong.empty());
    kinds.insert(path.substr(0, path.find('-')));
  }
  CHECK(told >= 2);
  CHECK(kinds.contains("/data/table"));
  CHECK(kinds.contains("/data/MANIFEST"));
  CHECK(kinds.contains("/data/CHECKPOINTS"));
}

TEST_CASE("without any manifest the tables tell everything, and every file is kept",
          "[crash][rot][W7][W8]") {
  SmallStore small(Kind::tables);
  const bool are_gone = GENERATE(false, true);
  CAPTURE(are_gone);
  const io::CrashImage image = small.copy();
  for (const std::string& path : file_names(*image)) {
    if (path.starts_with("/data/MANIFEST-")) {
      REQUIRE((are_gone ? image->remove(path) : image->flip_bit(path, 100)).is_ok());
    }
  }
  image->restart_trace();
  const std::vector<std::string> before = file_names(*image);

  // Readers change nothing and miss nothing.
  std::uint64_t told = 0;
  require_whole(*image, small.records());
  CHECK(file_names(*image) == before);

  const std::string wrong = check_damaged(Kind::tables, *image, small.records(), told);
  INFO(wrong);
  CHECK(wrong.empty());
  require_whole(*image, small.records());
  const std::vector<std::string> after = file_names(*image);
  const auto is_there = [&after](const std::string& name) {
    return std::ranges::find(after, name) != after.end();
  };
  for (const std::string& name : before) {
    const bool matters = name.starts_with("/data/MANIFEST-") || name.starts_with("/data/table-");
    INFO(name);
    CHECK(
        (!matters || is_there(name) || is_there(name + ".damaged") || is_there(name + ".orphan")));
  }
}

TEST_CASE("a damaged manifest and lost checkpoints are told, and refused where that is wanted",
          "[crash][rot]") {
  SmallStore small(Kind::tables);
  for (const std::string_view kind : {"/data/MANIFEST-", "/data/CHECKPOINTS-"}) {
    CAPTURE(kind);
    const io::CrashImage image = small.copy();
    std::string newest;
    for (const std::string& path : file_names(*image)) {
      newest = path.starts_with(kind) ? std::max(newest, path) : newest;
    }
    REQUIRE(image->flip_bit(newest, 100).is_ok());
    const kifa::test::FakeClock clock;
    store::StoreOptions options = options_of_test(Kind::tables);
    options.refuse_corruption = true;
    const auto refused = store::Store::open(
        options, {.files = *image, .clock = clock, .random_seed = 5, .background_threads = false});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == kifa::Code::corrupt);
    std::string told;
    auto opened = SmallStore::open(Kind::tables, *image, 99,
                                   [&told](store::Severity severity, const std::string& text) {
                                     told += severity == store::Severity::error ? text : "";
                                   });
    REQUIRE(opened.has_value());
    CHECK(told.find("/data") != std::string::npos);
    CHECK((*opened)->durable_lsn().value == small.records().size());
    CHECK((*opened)->close().is_ok());
  }
}
