#include <string>

#include "core/base/crc32c.hpp"
#include "core/io/memory_file_system.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "core/store/verify.hpp"
#include "tests/crash/batch.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/fake_clock.hpp"

// A directory with one segment of the log: scanned as recovery and as a reader do, read, verified,
// and opened for writing.
namespace kifa::fuzz {
namespace {

using namespace kifa::store;  // NOLINT: a test

const std::string kDirectory = "/store";

StoreOptions options_of_test() {
  StoreOptions options;
  options.directory = kDirectory;
  options.segment_bytes = kSegmentBytesMin;
  options.record_bytes_max = 256_KiB;
  return options;
}

Result<std::unique_ptr<Store>> open_store(io::MemoryFileSystem& files, const Clock& clock) {
  return Store::open(
      options_of_test(),
      {.files = files, .clock = clock, .random_seed = 5, .background_threads = false});
}

// The first segment of a small store, without the zeros at its end: closed, or left.
Bytes small_segment(bool is_closed) {
  io::MemoryFileSystem files;
  const test::FakeClock clock;
  expect(files.make_directory(kDirectory, 0700).is_ok(), "no directory");
  auto store = open_store(files, clock);
  expect(store.has_value(), "no store");
  crash::BatchMaker maker(3);
  for (const crash::BatchSize size :
       {crash::BatchSize::tiny, crash::BatchSize::checkpoint_only, crash::BatchSize::tiny}) {
    const crash::OwnedBatch batch = maker.make(size);
    expect((*store)->append_durable(crash::BatchViews(batch).view()).has_value(), "no record");
  }
  expect(!is_closed || (*store)->close().is_ok(), "not closed");
  Bytes bytes = *files.content(kDirectory + "/" + segment_file_name(1));
  while (!bytes.empty() && bytes.back() == std::byte{0}) {
    bytes.pop_back();
  }
  return bytes;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const bool is_closed : {true, false}) {
    add_seeds(all, small_segment(is_closed));
  }
  return all;
}

void reseal_records(Bytes& bytes, std::uint64_t at, const FrameHeader& header) {
  std::uint64_t payload_at = at + sizeof header;
  const std::uint64_t table_at = payload_at + round_up(header.payload_bytes, 8);
  for (std::uint64_t i = 0; i < header.record_count; ++i) {
    TableEntry entry;
    if (!take(bytes, table_at + i * sizeof entry, entry)) {
      return;
    }
    const RecordSeal seal{.epoch = header.epoch,
                          .lsn = header.first_lsn + i,
                          .observed_unix_ns = entry.observed_unix_ns,
                          .payload_bytes = entry.payload_bytes,
                          .group = entry.group,
                          .flags = entry.flags};
    entry.crc = record_crc(seal, part(bytes, payload_at, entry.payload_bytes));
    put(bytes, table_at + i * sizeof entry, entry);
    payload_at += entry.payload_bytes;
  }
}

void reseal_frame(Bytes& bytes, std::uint64_t at) {
  FrameHeader header;
  if (!take(bytes, at, header) || header.magic != kFrameMagic) {
    return;
  }
  reseal_records(bytes, at, header);
  const std::uint64_t table_bytes = std::uint64_t{header.record_count} * sizeof(TableEntry);
  const std::uint64_t body_at = at + sizeof header + round_up(header.payload_bytes, 8);
  std::uint32_t crc = crc32c(0, part(bytes, at + 4, offsetof(FrameHeader, body_crc) - 4));
  crc = crc32c(crc, part(bytes, body_at, table_bytes));
  header.body_crc = crc32c(crc, part(bytes, body_at + table_bytes, header.entry_bytes));
  header.header_crc = header_crc_of(header);
  put(bytes, at, header);
  FrameTrailer trailer;
  const std::uint64_t trailer_at = body_at + table_bytes + header.entry_bytes;
  if (take(bytes, trailer_at, trailer)) {
    put(bytes, trailer_at, FrameTrailer{.header_crc = header.header_crc});
  }
}

// Makes every checksum that can be found hold.
void reseal(Bytes& bytes) {
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{kBlockBytesMin}}) {
    SegmentHeader header;
    if (take(bytes, at, header)) {
      header.crc = crc_of(header);
      put(bytes, at, header);
    }
  }
  for (std::uint64_t at = 0; at < bytes.size(); at += kBlockBytesMin) {
    reseal_frame(bytes, at);
  }
}

void put_file(io::MemoryFileSystem& files, ByteView bytes) {
  expect(files.make_directory(kDirectory, 0700).is_ok(), "no directory");
  const auto file = files.open(kDirectory + "/" + segment_file_name(1),
                               {.access = io::Access::read_write, .create = true});
  expect(file && (bytes.empty() || (*file)->write_at(bytes, 0, io::WriteMode::buffered)),
         "no file");
  expect((*file)->resize(kSegmentBytesMin).is_ok(), "no space");
}

struct Shown {
  bool is_readable = false;
  std::uint64_t records = 0;
  Lsn last{0};
};

Shown read_all(io::MemoryFileSystem& files) {
  Shown shown;
  auto reader = Reader::open(kDirectory, files);
  if (!reader) {
    expect(!reader.error().message().empty(), "a refusal without a reason");
    return shown;
  }
  shown.is_readable = true;
  const Status status = (*reader)->scan(
      {},
      [&shown](const RecordView& record) {
        expect(record.lsn > shown.last, "records of the log are out of order");
        shown.last = record.lsn;
        (void)crc32c(0, record.payload);
        for (const Attribute& attribute : record.attributes) {
          (void)crc32c(crc32c(0, as_byte_view(attribute.key)), as_byte_view(attribute.value));
        }
        ++shown.records;
        return true;
      },
      [](const Event& event) {
        (void)crc32c(0, as_byte_view(event.text));
        return true;
      });
  expect(status.is_ok() || !status.message().empty(), "a failure without a reason");
  return shown;
}

void run(ByteView input) {
  ForgedFile forged = forged_file(input);
  if (forged.reseals) {
    reseal(forged.bytes);
  }
  io::MemoryFileSystem files;
  put_file(files, forged.bytes);
  // What recovery sees; readers look at the tail alone.
  const auto scanned = scan_log(files, {.directory = kDirectory});
  expect(scanned || !scanned.error().message().empty(), "a refusal without a reason");
  const Shown before = read_all(files);
  if (!forged.is_written) {
    const auto verified = verify_store(files, {.directory = kDirectory});
    expect(verified || !verified.error().message().empty(), "a refusal without a reason");
    return;
  }
  const test::FakeClock clock;
  if (auto store = open_store(files, clock)) {
    crash::BatchMaker maker(4);
    const crash::OwnedBatch batch = maker.make(crash::BatchSize::tiny);
    const auto lsn = (*store)->append_durable(crash::BatchViews(batch).view());
    expect(!lsn || *lsn > before.last, "an LSN was given again");
    ignore((*store)->close(), "a forged store may refuse it");
    store->reset();
    const Shown after = read_all(files);
    expect(!before.is_readable || after.is_readable, "opening has made a store unreadable");
    expect(after.records >= before.records, "opening has lost a record that could be read");
  }
}

const Registration kRegistration(
    {.name = "segment", .seeds = seeds, .run = run, .input_bytes_max = 65536, .rounds = 250});

}  // namespace
}  // namespace kifa::fuzz
