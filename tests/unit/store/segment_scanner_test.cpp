#include "core/store/segment_scanner.hpp"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/store/store_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

// A file with a place that cannot be read.
class PartlyBad final : public io::File {
 public:
  PartlyBad(io::File& file, std::uint64_t from, std::uint64_t to)
      : file_(file), from_(from), to_(to) {}

  Result<std::size_t> read_at(MutableBytes into, std::uint64_t offset) override {
    if (offset < to_ && offset + into.size() > from_) {
      return Status(Code::io, "a bad sector");
    }
    return file_.read_at(into, offset);
  }
  Result<std::size_t> write_at(ByteView /*bytes*/, std::uint64_t /*offset*/,
                               io::WriteMode /*mode*/) override {
    return Status(Code::io, "read only");
  }
  Status sync_data() override { return {}; }
  Status sync_all() override { return {}; }
  Status resize(std::uint64_t /*bytes*/) override { return {Code::io, "read only"}; }
  Result<io::FileInfo> info() override { return file_.info(); }
  Result<bool> try_lock_exclusive() override { return false; }
  Result<bool> is_locked() override { return false; }

 private:
  io::File& file_;
  const std::uint64_t from_;
  const std::uint64_t to_;
};

// What the scanner tells of the whole segment, a line a place.
std::vector<std::string> walk(io::File& file, const SegmentHeader& header, JobThread* ahead) {
  SegmentScanner scanner(file, header, header.segment_bytes, ahead);
  std::vector<std::string> lines;
  for (std::uint64_t at = std::uint64_t{2} * header.block_bytes; at < header.segment_bytes;) {
    const SegmentScanner::Step step = scanner.look(at);
    std::string line = std::to_string(static_cast<int>(step.found)) + ' ' + std::to_string(at);
    if (step.found == SegmentScanner::Found::frame) {
      line += ' ' + std::to_string(step.header.first_lsn) + ' ' +
              std::string(as_text(step.frame.view.payloads));
    }
    lines.push_back(std::move(line));
    if (step.next_offset > at) {
      at = step.next_offset;
      continue;
    }
    const std::optional<std::uint64_t> next = scanner.find_frame(at + header.block_bytes);
    if (!next) {
      break;
    }
    at = *next;
  }
  return lines;
}

}  // namespace

TEST_CASE("a scanner that reads ahead tells the same, also of damaged and unreadable places",
          "[store]") {
  constexpr std::uint64_t kSeed = 11;
  CAPTURE(kSeed);
  std::mt19937_64 random(kSeed);
  StoreFixture fixture;
  fixture.options.segment_bytes = 16_MiB;
  fixture.options.record_bytes_max = 2_MiB;
  {
    const auto store = fixture.open();
    for (std::uint64_t bytes = 0; bytes < 13_MiB;) {
      const std::size_t size = random() % 4 == 0 ? random() % 2'000'000 : random() % 60'000;
      REQUIRE(append_text(*store, std::string(size, static_cast<char>('a' + random() % 26))));
      bytes += size;
    }
    REQUIRE(store->close().is_ok());
  }
  const std::string path = "/store/" + segment_file_name(1);
  for (int damages = 0; damages < 3; ++damages) {
    REQUIRE(fixture.files.flip_bit(path, (1 + random() % 12) * 8_MiB + random() % 8_MiB).is_ok());
  }
  const auto file = fixture.files.open(path, {.access = io::Access::read});
  REQUIRE(file.has_value());
  const auto found = find_segment_header(**file, 1, 16_MiB, std::nullopt);
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  const SegmentHeader& header = (*found)->header;

  JobThread ahead("test-read");
  const auto expected = walk(**file, header, nullptr);
  CHECK(expected.size() > 20);
  CHECK(walk(**file, header, &ahead) == expected);
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t bad = random() % (13_MiB / 4096) * 4096;
    CAPTURE(bad);
    PartlyBad partly(**file, bad, bad + 4096);
    CHECK(walk(partly, header, &ahead) == walk(partly, header, nullptr));
  }
}
