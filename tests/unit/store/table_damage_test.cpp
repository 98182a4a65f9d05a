#include <thread>

#include "core/store/table_file.hpp"
#include "core/store/table_format.hpp"
#include "tests/unit/store/table_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

std::uint64_t lsn_of(const Item& item) {
  const auto* record = std::get_if<OwnedRecord>(&item);
  return record != nullptr ? record->lsn : 0;
}

// Whether `found` is what was written, less records inside the damage that was reported.
bool is_honest(const std::vector<Item>& written, const TableContents& found) {
  std::size_t at = 0;
  for (const Item& item : written) {
    if (at < found.items.size() && same(item, found.items[at])) {
      ++at;
      continue;
    }
    const std::uint64_t lsn = lsn_of(item);
    const bool is_reported = std::ranges::any_of(found.damage, [&](const TableDamage& damage) {
      return lsn == 0 || (lsn >= damage.first.value && lsn <= damage.last.value);
    });
    if (!is_reported) {
      return false;
    }
  }
  return at == found.items.size();
}

// Opens and reads a table that may be damaged: never something that was not written. Returns
// whether anything was noticed.
bool read_damaged(io::FileSystem& files, const std::vector<Item>& written) {
  auto reader = TableReader::open(files, kTablePath,
                                  {.number = 7, .store_id = kTableStore, .footer_crc = {}});
  if (!reader) {
    REQUIRE(reader.error().code() == Code::corrupt);
    return true;
  }
  const TableContents contents = scan_table(**reader);
  REQUIRE(is_honest(written, contents));
  const bool is_seen = !faults_of(**reader).empty();
  REQUIRE((contents.damage.empty() || is_seen));
  return is_seen;
}

// What one block holds, and where it stands.
struct SalvagedBlock {
  TableIndexEntry entry;
  std::vector<Item> items;
};

// All blocks that can be found without footer and indexes.
std::vector<SalvagedBlock> salvage(io::FileSystem& files) {
  const auto file =
      TableFile::open_for_salvage(files, kTablePath, {.number = 7, .store_id = kTableStore});
  INFO(file.status().message());
  REQUIRE(file.has_value());
  std::vector<SalvagedBlock> blocks;
  std::uint64_t at = 0;
  while (const auto entry = (*file)->find_block(at)) {
    REQUIRE(entry->offset >= at);
    at = entry->offset + entry->block_bytes;
    blocks.push_back({.entry = *entry, .items = {}});
    BlockContent& content = (*file)->content();
    while (true) {
      const BlockContent::Step step = content.next();
      if (step == BlockContent::Step::record) {
        blocks.back().items.emplace_back(owned(content.record()));
      } else if (step == BlockContent::Step::event) {
        blocks.back().items.emplace_back(content.event());
      } else {
        REQUIRE(step == BlockContent::Step::end);
        break;
      }
    }
  }
  return blocks;
}

std::vector<Item> items_of(const std::vector<SalvagedBlock>& blocks) {
  std::vector<Item> items;
  for (const SalvagedBlock& block : blocks) {
    items.insert(items.end(), block.items.begin(), block.items.end());
  }
  return items;
}

void cut_table(io::FileSystem& files, std::uint64_t bytes) {
  auto file = files.open(kTablePath, {.access = io::Access::read_write});
  REQUIRE(file.has_value());
  REQUIRE((*file)->resize(bytes).is_ok());
}

}  // namespace

TEST_CASE("a flipped bit anywhere in a table is noticed and never gives a wrong record",
          "[table]") {
  for (const TableCodec codec : {TableCodec::none, TableCodec::lz4, TableCodec::zstd}) {
    io::MemoryFileSystem files;
    const auto pieces = RandomTable(11).pieces(2, 15, 200);
    REQUIRE(write_table(files, table_options(codec), pieces).has_value());
    const auto written = items_of(pieces);
    const std::size_t bytes = files.content(kTablePath)->size();
    for (std::size_t at = 0; at < bytes; ++at) {
      const std::uint64_t bit = at * 8 + at % 8;
      REQUIRE(files.flip_bit(kTablePath, bit).is_ok());
      INFO("byte " << at);
      REQUIRE(read_damaged(files, written));
      REQUIRE(files.flip_bit(kTablePath, bit).is_ok());
    }
    REQUIRE_FALSE(read_damaged(files, written));
  }
}

TEST_CASE("random damage to a table is noticed and never gives a wrong record", "[table]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    io::MemoryFileSystem files;
    const auto pieces = RandomTable(seed).pieces(2, 60, 300);
    REQUIRE(write_table(files, table_options(TableCodec::lz4), pieces).has_value());
    const auto whole = *files.content(kTablePath);
    for (std::uint64_t i = 0; i < 1 + seed % 3; ++i) {
      std::vector<std::byte> noise(1 + random() % 200);
      const std::uint64_t at = random() % (whole.size() - noise.size());
      const std::uint64_t from = random() % (whole.size() - noise.size());
      const bool is_copy = random() % 3 == 0;  // a block of the same table in another place
      for (std::size_t k = 0; k < noise.size(); ++k) {
        noise[k] = is_copy ? whole[from + k] : static_cast<std::byte>(random());
      }
      REQUIRE(files.damage(kTablePath, at, noise).is_ok());
    }
    const bool is_changed = *files.content(kTablePath) != whole;
    REQUIRE(read_damaged(files, items_of(pieces)) == is_changed);
  }
}

TEST_CASE("a table that is cut off anywhere is refused", "[table]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), RandomTable(2).pieces(1, 20, 100)).has_value());
  std::uint64_t bytes = files.content(kTablePath)->size();
  while (bytes != 0) {
    --bytes;
    auto file = files.open(kTablePath, {.access = io::Access::read_write});
    REQUIRE(file.has_value());
    REQUIRE((*file)->resize(bytes).is_ok());
    const auto reader = TableReader::open(files, kTablePath, {.number = 7});
    REQUIRE_FALSE(reader.has_value());
    REQUIRE(reader.error().code() == Code::corrupt);
  }
}

TEST_CASE("a damaged block costs its own records and those behind it are still given", "[table]") {
  io::MemoryFileSystem files;
  const auto pieces = RandomTable(4).pieces(2, 100, 400);
  REQUIRE(write_table(files, table_options(), pieces).has_value());
  REQUIRE(files.flip_bit(kTablePath, 8 * (sizeof(TableHeader) + 200)).is_ok());  // block one
  const TableContents contents = scan_table(*open_table(files));
  REQUIRE(contents.damage.size() == 1);
  CHECK(contents.damage[0].offset == sizeof(TableHeader));
  CHECK(contents.damage[0].first >= Lsn{100});
  CHECK(contents.damage[0].last >= contents.damage[0].first);
  CHECK(contents.items.size() > 150);
  CHECK(is_honest(items_of(pieces), contents));
}

TEST_CASE("every block that holds is found without footer and indexes, and nothing else",
          "[table]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    io::MemoryFileSystem files;
    const auto codec = static_cast<TableCodec>(seed % 3);
    const auto pieces = RandomTable(seed).pieces(2, 60, 300);
    REQUIRE(write_table(files, table_options(codec), pieces).has_value());
    const auto whole = *files.content(kTablePath);
    std::vector<SalvagedBlock> blocks = salvage(files);
    REQUIRE(same(items_of(blocks), items_of(pieces)));
    for (std::uint64_t i = 0; i < 1 + seed % 5; ++i) {
      std::vector<std::byte> noise(1 + random() % 300);
      const std::uint64_t at = random() % (whole.size() - noise.size());
      const std::uint64_t from = random() % (whole.size() - noise.size());
      const bool is_copy = random() % 2 == 0;  // a block of the same table in another place
      for (std::size_t k = 0; k < noise.size(); ++k) {
        noise[k] = is_copy ? whole[from + k] : static_cast<std::byte>(random());
      }
      REQUIRE(files.damage(kTablePath, at, noise).is_ok());
    }
    cut_table(files, whole.size() - random() % whole.size() / 2);
    const auto now = *files.content(kTablePath);
    std::erase_if(blocks, [&](const SalvagedBlock& block) {
      const std::uint64_t end = block.entry.offset + block.entry.block_bytes;
      return end > now.size() ||
             !std::equal(now.begin() + static_cast<std::ptrdiff_t>(block.entry.offset),
                         now.begin() + static_cast<std::ptrdiff_t>(end),
                         whole.begin() + static_cast<std::ptrdiff_t>(block.entry.offset));
    });
    REQUIRE(same(items_of(salvage(files)), items_of(blocks)));
  }
}

TEST_CASE("what the disk cannot read costs the blocks in it, and one that fails once costs none",
          "[table]") {
  io::MemoryFileSystem files;
  const auto pieces = RandomTable(4).pieces(2, 300, 4000);
  REQUIRE(write_table(files, table_options(), pieces).has_value());
  std::vector<SalvagedBlock> blocks = salvage(files);
  const std::uint64_t begin = 40960;
  const std::uint64_t end = begin + 4096;
  io::Fault fault{.kind = io::CallKind::read, .matches = [&](const io::CallInfo& call) {
                    return call.offset < end && call.offset + call.bytes > begin;
                  }};
  files.add_fault(fault);
  CHECK(same(items_of(salvage(files)), items_of(pieces)));
  REQUIRE(files.faults_fired() == 1);
  fault.is_lasting = true;
  files.add_fault(fault);
  const std::size_t lost = std::erase_if(blocks, [&](const SalvagedBlock& block) {
    return block.entry.offset < end && block.entry.offset + block.entry.block_bytes > begin;
  });
  REQUIRE(lost >= 1);
  CHECK(same(items_of(salvage(files)), items_of(blocks)));
}

TEST_CASE("a damaged index page costs no record", "[table]") {
  io::MemoryFileSystem files;
  const auto pieces = RandomTable(5).pieces(2, 100, 400);
  REQUIRE(write_table(files, table_options(), pieces).has_value());
  const auto content = *files.content(kTablePath);
  const auto footer = load<TableFooter>(content.data() + content.size() - sizeof(TableFooter));
  REQUIRE(files.flip_bit(kTablePath, 8 * (footer.blocks_end + 50)).is_ok());
  const TableContents contents = scan_table(*open_table(files));
  REQUIRE(contents.damage.size() == 1);
  CHECK(contents.damage[0].last == Lsn{0});
  CHECK(same(contents.items, items_of(pieces)));
}

TEST_CASE("a table that cannot be opened says at which place", "[table]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), RandomTable(2).pieces(1, 20, 100)).has_value());
  const auto content = *files.content(kTablePath);
  const std::uint64_t footer_at = content.size() - sizeof(TableFooter);
  const auto footer = load<TableFooter>(content.data() + footer_at);
  for (const std::uint64_t offset : {footer_at, footer.top.offset}) {
    REQUIRE(files.flip_bit(kTablePath, 8 * (offset + 20)).is_ok());
    const auto reader = TableReader::open(files, kTablePath, {.number = 7});
    REQUIRE_FALSE(reader.has_value());
    INFO(reader.error().message());
    CHECK(reader.error().message().starts_with(std::string(kTablePath) + " at offset " +
                                               std::to_string(offset) + ": the "));
    REQUIRE(files.flip_bit(kTablePath, 8 * (offset + 20)).is_ok());
  }
}

TEST_CASE("a table is taken only for the number, store and checksum that are expected", "[table]") {
  io::MemoryFileSystem files;
  const auto info = write_table(files, table_options(), RandomTable(2).pieces(1, 20, 100));
  REQUIRE(info.has_value());
  const auto code_of = [&files](const TableExpectation& expected) {
    return TableReader::open(files, kTablePath, expected).status().code();
  };
  CHECK(code_of({.number = 7}) == Code::ok);
  CHECK(code_of({.number = 7, .footer_crc = info->footer_crc}) == Code::ok);
  CHECK(code_of({.number = 8}) == Code::corrupt);
  CHECK(code_of({.number = 7, .footer_crc = info->footer_crc + 1}) == Code::corrupt);
  CHECK(code_of({.number = 7, .store_id = StoreId{}}) == Code::corrupt);
}

TEST_CASE("a table of a newer format is refused with both versions", "[table]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), RandomTable(2).pieces(1, 20, 100)).has_value());
  const auto content = *files.content(kTablePath);
  const std::uint64_t at = content.size() - sizeof(TableFooter);
  auto footer = load<TableFooter>(content.data() + at);
  footer.format_major = 2;
  footer.crc = crc_of(footer);
  REQUIRE(files.damage(kTablePath, at, std::as_bytes(std::span(&footer, 1))).is_ok());
  const auto reader = TableReader::open(files, kTablePath, {.number = 7});
  REQUIRE_FALSE(reader.has_value());
  CHECK(reader.error().code() == Code::unsupported);
  CHECK(reader.error().message().find("format 2.0") != std::string::npos);
}

TEST_CASE("when any call to the disk fails the table is refused and no file is left", "[table]") {
  const auto pieces = RandomTable(6).pieces(2, 300, 9000);
  std::uint64_t calls = 0;
  {
    io::MemoryFileSystem files;
    REQUIRE(write_table(files, table_options(TableCodec::none), pieces).has_value());
    calls = files.call_count();
  }
  REQUIRE(calls > 6);
  for (std::uint64_t index = 0; index < calls; ++index) {
    INFO("call " << index);
    io::MemoryFileSystem files;
    io::Fault fault;
    fault.index = index;
    files.add_fault(fault);
    const auto info = write_table(files, table_options(TableCodec::none), pieces);
    REQUIRE(files.faults_fired() == 1);
    REQUIRE_FALSE(info.has_value());
    CHECK(info.error().code() == Code::io);
    CHECK_FALSE(files.content(kTablePath).has_value());
  }
}

TEST_CASE("short writes go on where they ended, and a full disk leaves no file", "[table]") {
  const auto pieces = RandomTable(6).pieces(2, 300, 9000);
  io::MemoryFileSystem files;
  files.add_fault({.effect = io::FaultEffect::short_write, .kind = io::CallKind::write});
  REQUIRE(write_table(files, table_options(TableCodec::none), pieces).has_value());
  CHECK(files.faults_fired() == 1);
  CHECK(same(scan_table(*open_table(files)).items, items_of(pieces)));

  io::MemoryFileSystem full({.capacity_bytes = 256_KiB});
  const auto info = write_table(full, table_options(TableCodec::none), pieces);
  REQUIRE_FALSE(info.has_value());
  CHECK(info.error().code() == Code::no_space);
  CHECK_FALSE(full.content(kTablePath).has_value());
}

TEST_CASE("a file system without direct reads gets its tables verified through the cache",
          "[table]") {
  io::MemoryFileSystem files({.accepts_direct = false});
  const auto pieces = RandomTable(8).pieces(2, 30, 300);
  REQUIRE(write_table(files, table_options(), pieces).has_value());
  CHECK(same(scan_table(*open_table(files)).items, items_of(pieces)));
}

TEST_CASE("a disk that gives back other bytes fails the table", "[table]") {
  io::MemoryFileSystem files;
  const auto gate =
      files.hold([](const io::CallInfo& call) { return call.kind == io::CallKind::sync_all; });
  std::jthread spoiler([&] {
    gate->wait_until_held();
    const std::byte wrong{0xA5};
    ignore(files.damage(kTablePath, 5000, {&wrong, 1}), "the check below shows whether it worked");
    gate->release();
  });
  const auto pieces = RandomTable(6).pieces(2, 300, 900);
  const auto info = write_table(files, table_options(TableCodec::none), pieces);
  REQUIRE_FALSE(info.has_value());
  CHECK(info.error().code() == Code::corrupt);
  CHECK_FALSE(files.content(kTablePath).has_value());
}
