// Tables whose checksums hold but whose content was made up: what reads them must stay within their
// bytes. Most of the worth of these tests is in the sanitizer builds.

#include <array>
#include <cstring>
#include <random>

#include "core/base/crc32c.hpp"
#include "core/store/table_block.hpp"
#include "core/store/table_codec.hpp"
#include "core/store/table_format.hpp"
#include "tests/unit/store/table_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void save(Bytes& bytes, std::uint64_t at, const T& value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void reseal_block(Bytes& bytes, TableIndexEntry& entry, const TableIndexEntry& was) {
  auto header = load<TableBlockHeader>(bytes.data() + was.offset);
  header.crc = crc_of(
      header, ByteView(bytes).subspan(was.offset + sizeof header, was.block_bytes - sizeof header));
  save(bytes, was.offset, header);
  entry.block_crc = header.crc;
}

void reseal_part(const Bytes& bytes, TablePart& part, const TablePart& was) {
  part.crc = crc32c(0, ByteView(bytes).subspan(was.offset, was.bytes));
}

// Makes every checksum of `bytes` right again; where things stand is taken from `whole`.
void reseal(Bytes& bytes, const Bytes& whole) {
  const std::uint64_t footer_at = whole.size() - sizeof(TableFooter);
  const auto was = load<TableFooter>(whole.data() + footer_at);
  for (std::uint64_t at = was.top.offset; at < was.top.offset + was.top.bytes;
       at += sizeof(TableTopEntry)) {
    const auto top_was = load<TableTopEntry>(whole.data() + at);
    const std::uint64_t first = top_was.offset + sizeof(TableIndexPage);
    const std::uint64_t size = top_was.entry_count * sizeof(TableIndexEntry);
    for (std::uint64_t k = first; k < first + size; k += sizeof(TableIndexEntry)) {
      auto entry = load<TableIndexEntry>(bytes.data() + k);
      reseal_block(bytes, entry, load<TableIndexEntry>(whole.data() + k));
      save(bytes, k, entry);
    }
    auto page = load<TableIndexPage>(bytes.data() + top_was.offset);
    page.crc = crc_of(page, ByteView(bytes).subspan(first, size));
    save(bytes, top_was.offset, page);
    auto top = load<TableTopEntry>(bytes.data() + at);
    top.page_crc = page.crc;
    save(bytes, at, top);
  }
  auto footer = load<TableFooter>(bytes.data() + footer_at);
  reseal_part(bytes, footer.top, was.top);
  reseal_part(bytes, footer.pieces, was.pieces);
  reseal_part(bytes, footer.sources, was.sources);
  footer.crc = crc_of(footer);
  save(bytes, footer_at, footer);
}

// A few fields that a forger would try, each of 1 to 8 bytes.
void forge(Bytes& bytes, std::mt19937_64& random, std::uint64_t from) {
  constexpr std::array<std::uint64_t, 8> kTempting = {
      0, 1, 0x7F, 0xFF, UINT32_MAX, UINT64_MAX, std::uint64_t{1} << 63U, 0xFFFFFFF0};
  for (std::uint64_t i = 0; i < 1 + random() % 3; ++i) {
    const std::uint64_t size = std::uint64_t{1} << (random() % 4);
    const std::uint64_t at = from + random() % (bytes.size() - from - size);
    std::uint64_t value = kTempting[random() % kTempting.size()];
    if (random() % 3 == 0) {
      value = random();
    } else if (random() % 3 == 0) {
      std::memcpy(&value, bytes.data() + at, size);
      value += random() % 2 == 0 ? 1 : UINT64_MAX;
    }
    std::memcpy(bytes.data() + at, &value, size);
  }
}

}  // namespace

TEST_CASE("a forged table is read without leaving its bytes, and verify does not believe it",
          "[table]") {
  std::uint64_t opened = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    io::MemoryFileSystem files;
    const auto pieces = RandomTable(seed % 5).pieces(2, 40, 60);
    const TableCodec codec = seed % 3 == 0 ? TableCodec::lz4 : TableCodec::none;
    REQUIRE(write_table(files, table_options(codec), pieces).has_value());
    const Bytes whole = *files.content(kTablePath);
    const auto footer = load<TableFooter>(whole.data() + whole.size() - sizeof(TableFooter));
    Bytes bytes = whole;
    forge(bytes, random, seed % 2 == 0 ? 0 : footer.blocks_end);
    reseal(bytes, whole);
    REQUIRE(files.damage(kTablePath, 0, bytes).is_ok());
    auto reader = TableReader::open(files, kTablePath, {.number = 7});
    if (!reader) {
      continue;
    }
    ++opened;
    const TableContents contents = scan_table(**reader, {.source = "source-1"});
    const TableContents all = scan_table(**reader);
    // A narrow look may pass a forged part by that the whole scan meets, and tells of.
    CHECK((contents.items.size() <= all.items.size() || !all.damage.empty()));
    const bool is_same =
        all.damage.empty() && same(all.items, items_of(pieces)) && (*reader)->info().pieces == 2;
    // The chain is what a forger without an anchor kept elsewhere would have to make anew.
    REQUIRE((is_same || !faults_of(**reader, std::nullopt).empty()));
  }
  CHECK(opened > 500);
}

TEST_CASE("forged block contents are refused or decoded within their bytes", "[table]") {
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    BlockBuilder builder;
    const auto pieces = RandomTable(seed % 7).pieces(1, 12, 40);
    for (const Item& item : pieces[0].items) {
      if (const auto* event = std::get_if<Event>(&item)) {
        builder.add(*event);
      } else {
        const auto& record = std::get<OwnedRecord>(item);
        RecordView view;
        view.lsn = {record.lsn};
        view.pipeline = record.pipeline;
        view.source = record.source;
        view.payload = as_byte_view(record.payload);
        builder.add(view);
      }
    }
    ByteBuffer raw;
    TableBlockHeader header = builder.finish(raw);
    Bytes bytes(raw.view().begin(), raw.view().end());
    forge(bytes, random, 0);
    if (seed % 4 == 0) {
      bytes.resize(random() % bytes.size());
      header.raw_bytes = static_cast<std::uint32_t>(bytes.size());
    }
    BlockContent content;
    std::uint64_t taken = 0;
    std::uint64_t payload_bytes = 0;
    if (content.parse(header, bytes)) {
      for (auto step = content.next();
           step == BlockContent::Step::record || step == BlockContent::Step::event;
           step = content.next()) {
        ++taken;
        payload_bytes += step == BlockContent::Step::record ? content.record().payload.size() : 0;
      }
    }
    REQUIRE(taken <= header.record_count + header.event_count);
    REQUIRE(payload_bytes <= bytes.size());
  }
}

TEST_CASE("forged compressed bytes never give more than was promised", "[table]") {
  BlockCodec codec;
  const std::string text(5000, 'x');
  for (const TableCodec which : {TableCodec::lz4, TableCodec::zstd}) {
    ByteBuffer stored;
    REQUIRE(codec.compress(which, as_byte_view(text), stored));
    ByteBuffer raw;
    REQUIRE(codec.decompress(which, stored.view(), text.size(), raw));
    CHECK(as_text(raw.view()) == text);
    CHECK_FALSE(codec.decompress(which, stored.view(), text.size() - 1, raw));
    CHECK_FALSE(codec.decompress(which, stored.view(), text.size() + 1, raw));
    CHECK_FALSE(codec.decompress(which, stored.view(), kTableRawBytesMax + 1, raw));
    for (std::size_t cut = 0; cut < stored.size(); ++cut) {
      CHECK_FALSE(codec.decompress(which, stored.view().first(cut), text.size(), raw));
    }
    for (std::uint64_t seed = 0; seed < 500; ++seed) {
      std::mt19937_64 random(seed);
      Bytes bytes(stored.view().begin(), stored.view().end());
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      if (codec.decompress(which, bytes, text.size(), raw)) {
        REQUIRE(raw.size() == text.size());
      }
    }
  }
  ByteBuffer raw;
  CHECK_FALSE(codec.decompress(static_cast<TableCodec>(3), as_byte_view(text), text.size(), raw));
  ByteBuffer none;
  CHECK_FALSE(codec.compress(TableCodec::zstd, as_byte_view("k"), none));  // would not pay
}
