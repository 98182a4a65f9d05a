#include <string>

#include "core/base/crc32c.hpp"
#include "core/io/memory_file_system.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/unit/store/table_fixture.hpp"

// A table file: opened, scanned whole and in part, and verified.
namespace kifa::fuzz {
namespace {

using namespace kifa::store;  // NOLINT: a test
namespace fixture = kifa::store::testing;

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const TableCodec codec : {TableCodec::none, TableCodec::lz4, TableCodec::zstd}) {
    io::MemoryFileSystem files;
    const auto pieces = fixture::RandomTable(3).pieces(2, 12, 60);
    const auto written = fixture::write_table(files, fixture::table_options(codec), pieces);
    expect(written.has_value(), "a table cannot be written");
    add_seeds(all, *files.content(fixture::kTablePath));
  }
  return all;
}

void reseal_block(Bytes& bytes, TableIndexEntry& entry) {
  TableBlockHeader header;
  if (take(bytes, entry.offset, header) && entry.block_bytes >= sizeof header &&
      entry.block_bytes <= bytes.size() - entry.offset) {
    header.crc = crc_of(
        header, part(bytes, entry.offset + sizeof header, entry.block_bytes - sizeof header));
    put(bytes, entry.offset, header);
    entry.block_crc = header.crc;
  }
}

void reseal_page(Bytes& bytes, TableTopEntry& top) {
  TableIndexPage page;
  if (top.entry_count > kIndexPageEntriesMax || !take(bytes, top.offset, page)) {
    return;
  }
  const std::uint64_t first = top.offset + sizeof page;
  for (std::uint64_t i = 0; i < top.entry_count; ++i) {
    TableIndexEntry entry;
    const std::uint64_t at = first + i * sizeof entry;
    if (take(bytes, at, entry)) {
      reseal_block(bytes, entry);
      put(bytes, at, entry);
    }
  }
  page.crc = crc_of(page, part(bytes, first, top.entry_count * sizeof(TableIndexEntry)));
  put(bytes, top.offset, page);
  top.page_crc = page.crc;
}

// Makes every checksum that can be found hold, from the blocks up.
void reseal(Bytes& bytes) {
  TableFooter footer;
  if (bytes.size() < sizeof footer || !take(bytes, bytes.size() - sizeof footer, footer)) {
    return;
  }
  const std::uint64_t tops = footer.top.bytes / sizeof(TableTopEntry);
  for (std::uint64_t i = 0; i < tops && i < 64; ++i) {
    TableTopEntry top;
    const std::uint64_t at = footer.top.offset + i * sizeof top;
    if (take(bytes, at, top)) {
      reseal_page(bytes, top);
      put(bytes, at, top);
    }
  }
  footer.file_bytes = bytes.size();
  for (TablePart* piece : {&footer.top, &footer.pieces, &footer.sources}) {
    piece->crc = crc32c(0, part(bytes, piece->offset, piece->bytes));
  }
  footer.crc = crc_of(footer);
  put(bytes, bytes.size() - sizeof footer, footer);
}

struct Counts {
  std::uint64_t records = 0;
  std::uint64_t damages = 0;
};

Counts scan(TableReader& reader, const TableFilter& filter) {
  Counts counts;
  Lsn last{0};
  const Status status = reader.scan(
      filter,
      [&](const RecordView& record) {
        expect(record.lsn > last, "records of a table are out of order");
        last = record.lsn;
        // Every byte is looked at, which is what the sanitizer wants.
        (void)crc32c(0, record.payload);
        for (const Attribute& attribute : record.attributes) {
          (void)crc32c(crc32c(0, as_byte_view(attribute.key)), as_byte_view(attribute.value));
        }
        ++counts.records;
        return true;
      },
      [&](const Event& event) {
        (void)crc32c(0, as_byte_view(event.text));
        return true;
      },
      [&](const TableDamage& damage) {
        expect(!damage.why.empty(), "damage of a table without a reason");
        ++counts.damages;
      });
  expect(status.is_ok() || !status.message().empty(), "a failure without a reason");
  return counts;
}

void run(ByteView input) {
  ForgedFile forged = forged_file(input);
  if (forged.reseals) {
    reseal(forged.bytes);
  }
  io::MemoryFileSystem files;
  {
    const auto file =
        files.open(fixture::kTablePath, {.access = io::Access::read_write, .create = true});
    const bool is_made = file && (forged.bytes.empty() ||
                                  (*file)->write_at(forged.bytes, 0, io::WriteMode::buffered));
    expect(is_made, "no file");
  }
  auto reader = TableReader::open(files, fixture::kTablePath, {.number = 7});
  if (!reader) {
    expect(!reader.error().message().empty(), "a refusal without a reason");
    return;
  }
  const Counts all = scan(**reader, {});
  const Counts some = scan(**reader, {.first = {105}, .last = {112}, .source = "source-1"});
  expect(some.records <= all.records || all.damages != 0, "a part has more records than the whole");
  std::uint64_t faults = 0;
  const Status verified =
      (*reader)->verify(std::nullopt, {}, [&](const TableDamage&) { ++faults; });
  expect(all.damages == 0 || faults != 0 || !verified, "verify passes what a scan finds damaged");
}

const Registration kRegistration(
    {.name = "table", .seeds = seeds, .run = run, .input_bytes_max = 65536, .rounds = 4000});

}  // namespace
}  // namespace kifa::fuzz
