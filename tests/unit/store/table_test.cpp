#include "core/store/table_format.hpp"
#include "tests/unit/store/table_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

constexpr std::array kCodecs = {TableCodec::none, TableCodec::lz4, TableCodec::zstd};

OwnedRecord record_at(std::uint64_t lsn, std::string payload) {
  OwnedRecord record;
  record.lsn = lsn;
  record.unix_ns = 1000 + static_cast<std::int64_t>(lsn);
  record.boot_ns = 5;
  record.payload = std::move(payload);
  return record;
}

Event event_at(std::uint64_t number, std::uint64_t after) {
  Event event;
  event.number = number;
  event.after = {after};
  event.observed_unix_ns = 1000;
  event.records = 2;
  event.text = "two records lost";
  return event;
}

}  // namespace

TEST_CASE("table files are named by their number and nothing else is taken for one", "[table]") {
  CHECK(table_file_name(42) == "table-0000000000000042");
  CHECK(table_number_of("table-0000000000000042") == 42);
  CHECK_FALSE(table_number_of("table-0000000000000000"));
  CHECK_FALSE(table_number_of("table-0000000000000042.tmp"));
  CHECK_FALSE(table_number_of("table-00000000000000x2"));
  CHECK_FALSE(table_number_of("wal-0000000000000042"));
}

TEST_CASE("a table gives back what was put in, exactly and in order, with every codec", "[table]") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    io::MemoryFileSystem files;
    RandomTable random(seed);
    const auto pieces = random.pieces(1 + random.below(5), 1 + random.below(60), 3000);
    const auto info = write_table(files, table_options(kCodecs[seed % kCodecs.size()]), pieces);
    INFO(info.status().message());
    REQUIRE(info.has_value());
    const auto reader = open_table(files);
    CHECK(reader->info() == *info);
    const TableContents contents = scan_table(*reader);
    CHECK(contents.damage.empty());
    REQUIRE(same(contents.items, items_of(pieces)));
    REQUIRE(faults_of(*reader).empty());
  }
}

TEST_CASE("large, empty and incompressible records keep their bytes in blocks of full size",
          "[table]") {
  for (const TableCodec codec : kCodecs) {
    io::MemoryFileSystem files;
    std::mt19937_64 random(5);
    std::string noise(1_MiB, '\0');
    std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
    PieceContent piece;
    piece.items = {Item(record_at(100, "")), Item(record_at(101, noise)),
                   Item(record_at(102, std::string(1_MiB, '\xff'))), Item(record_at(103, ""))};
    piece.last = {103};
    TableWriterOptions options = table_options(codec);
    options.block_bytes_raw = kTableBlockBytes;
    const auto info = write_table(files, options, {piece});
    REQUIRE(info.has_value());
    CHECK(info->payload_bytes == 2_MiB);
    CHECK(info->bytes < 1_MiB + (codec == TableCodec::none ? 1_MiB : 16_KiB) + 4_KiB);
    const auto reader = open_table(files);
    REQUIRE(same(scan_table(*reader).items, piece.items));
    CHECK(faults_of(*reader).empty());
  }
}

TEST_CASE("a table that threads have compressed and hashed is the same, byte for byte", "[table]") {
  std::mt19937_64 random(6);
  std::vector<PieceContent> pieces(2);
  std::uint64_t lsn = 100;
  for (PieceContent& piece : pieces) {
    for (int i = 0; i < 300; ++i) {
      // Also longer than what the hasher gathers.
      std::string payload(i == 150 ? 1'200'000 : random() % 5000, '\0');
      std::ranges::generate(payload, [&] { return static_cast<char>(random() % 7); });
      piece.items.emplace_back(record_at(lsn++, std::move(payload)));
    }
    piece.last = {lsn - 1};
  }
  for (const TableCodec codec : kCodecs) {
    TableWriterOptions options = table_options(codec);
    io::MemoryFileSystem alone;
    io::MemoryFileSystem parallel;
    const auto expected = write_table(alone, options, pieces);
    REQUIRE(expected.has_value());
    options.in_parallel = true;
    const auto made = write_table(parallel, options, pieces);
    REQUIRE(made.has_value());
    CHECK(made->bytes == expected->bytes);
    CHECK(made->footer_crc == expected->footer_crc);
    CHECK(made->last_anchor == expected->last_anchor);
    const auto reader = open_table(parallel);
    CHECK(same(scan_table(*reader).items, scan_table(*open_table(alone)).items));
    CHECK(faults_of(*reader).empty());
  }
}

TEST_CASE("the info of a table says what is in it", "[table]") {
  io::MemoryFileSystem files;
  TableWriterOptions options = table_options();
  options.level = 1;
  const auto info = write_table(
      files, options,
      {{.items = {Item(event_at(5, 99)), Item(record_at(100, "abc")), Item(record_at(103, "de"))},
        .last = {105}},
       {.items = {Item(event_at(6, 105))}, .last = {105}},
       {.items = {}, .last = {110}}});
  REQUIRE(info.has_value());
  CHECK(info->number == 7);
  CHECK(info->level == 1);
  CHECK(info->first == Lsn{100});
  CHECK(info->last == Lsn{110});
  CHECK(info->records == 2);
  CHECK(info->payload_bytes == 5);
  CHECK(info->first_event == 5);
  CHECK(info->events == 2);
  CHECK(info->gaps == 2);
  CHECK(info->lost_records == 4);
  CHECK(info->min_unix_ns == 1100);
  CHECK(info->max_unix_ns == 1103);
  CHECK(info->pieces == 3);
  CHECK(info->bytes == files.content(kTablePath)->size());
  const auto reader = open_table(files);
  const auto pieces = reader->pieces();
  REQUIRE(pieces.has_value());
  REQUIRE(pieces->size() == 3);
  CHECK((*pieces)[0].first == Lsn{100});
  CHECK((*pieces)[0].last == Lsn{105});
  CHECK((*pieces)[0].records == 2);
  CHECK((*pieces)[1].first == Lsn{106});
  CHECK((*pieces)[1].last == Lsn{105});
  CHECK((*pieces)[1].events == 1);
  CHECK((*pieces)[1].first_event == 6);
  CHECK((*pieces)[2].records == 0);
  CHECK((*pieces)[2].first_event == 7);
  CHECK((*pieces)[2].anchor == info->last_anchor);
  CHECK(faults_of(*reader).empty());
  CHECK(faults_of(*reader, Digest{1}).size() == 1);
}

TEST_CASE("a scan gives what the filter names and nothing else", "[table]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    INFO("seed " << seed);
    io::MemoryFileSystem files;
    RandomTable random(seed);
    const auto pieces = random.pieces(3, 120, 300);
    REQUIRE(write_table(files, table_options(), pieces).has_value());
    const auto reader = open_table(files);
    for (int round = 0; round < 12; ++round) {
      TableFilter filter;
      filter.first = {90 + random.below(400)};
      filter.last = {random.below(3) == 0 ? 0 : filter.first.value + random.below(200)};
      if (random.below(2) == 0) {
        filter.min_unix_ns = 1700000000000000000 + static_cast<std::int64_t>(random.below(1000));
        filter.max_unix_ns = filter.min_unix_ns + static_cast<std::int64_t>(random.below(300));
      }
      const std::string source = "source-" + std::to_string(random.below(6));
      if (random.below(2) == 0) {
        filter.source = source;
      }
      if (random.below(3) == 0) {
        filter.pipeline = "till-1";
      }
      std::vector<Item> expected;
      for (const Item& item : items_of(pieces)) {
        const auto* record = std::get_if<OwnedRecord>(&item);
        const auto* event = std::get_if<Event>(&item);
        const std::uint64_t lsn = record != nullptr ? record->lsn : event->after.value;
        const std::int64_t time = record != nullptr ? record->unix_ns : event->observed_unix_ns;
        const std::uint64_t reach = record != nullptr ? lsn : lsn + 1;
        const bool in_range = reach >= filter.first.value &&
                              (filter.last.value == 0 || lsn <= filter.last.value) &&
                              time >= filter.min_unix_ns && time <= filter.max_unix_ns;
        const bool of_source =
            record == nullptr || ((filter.source.empty() || record->source == filter.source) &&
                                  (filter.pipeline.empty() || record->pipeline == filter.pipeline));
        if (in_range && of_source) {
          expected.push_back(item);
        }
      }
      REQUIRE(same(scan_table(*reader, filter).items, expected));
    }
  }
}

TEST_CASE("a narrow scan reads few bytes of a large table and opening reads none of its blocks",
          "[table]") {
  io::MemoryFileSystem files;
  PieceContent piece;
  for (std::uint64_t lsn = 100; lsn < 20100; ++lsn) {
    OwnedRecord record = record_at(lsn, std::string(100, static_cast<char>('a' + lsn % 26)));
    record.source = lsn < 10000 ? "early" : "late";
    piece.items.emplace_back(std::move(record));
  }
  piece.last = {20099};
  TableWriterOptions options = table_options(TableCodec::none);
  options.block_bytes_raw = 4096;
  REQUIRE(write_table(files, options, {piece}).has_value());
  const std::uint64_t before = files.call_count(io::CallKind::read);
  const auto reader = open_table(files);
  CHECK(files.call_count(io::CallKind::read) - before == 2);  // footer and top index
  const auto reads_of = [&](const TableFilter& filter) {
    const std::uint64_t start = files.call_count(io::CallKind::read);
    CHECK_FALSE(scan_table(*reader, filter).items.empty());
    return files.call_count(io::CallKind::read) - start;
  };
  CHECK(reads_of({.first = {15000}, .last = {15000}}) == 2);  // its page and its block
  CHECK(reads_of({.min_unix_ns = 16000, .max_unix_ns = 16001}) <= 4);
  const std::uint64_t all = reads_of({});
  const std::uint64_t early = reads_of({.source = "early"});
  CHECK(early > all / 4);
  CHECK(early < all * 3 / 4);
}

TEST_CASE("a callback that returns false ends the scan", "[table]") {
  io::MemoryFileSystem files;
  REQUIRE(write_table(files, table_options(), RandomTable(1).pieces(2, 100, 100)).has_value());
  const auto reader = open_table(files);
  int seen = 0;
  const auto stop = [&seen](const auto&) { return ++seen < 3; };
  REQUIRE(reader->scan({}, stop, stop, [](const TableDamage&) { FAIL("damage"); }).is_ok());
  CHECK(seen == 3);
}

TEST_CASE("what is out of order, too large or unfinished is refused and leaves no file",
          "[table]") {
  io::MemoryFileSystem files;
  const auto refused = [&files](const auto& action) {
    {
      auto writer = TableWriter::create(files, table_options());
      REQUIRE(writer.has_value());
      REQUIRE(add(**writer, Item(record_at(105, "a"))).is_ok());
      REQUIRE(add(**writer, Item(event_at(3, 105))).is_ok());
      const Status status = action(**writer);
      REQUIRE(status.code() == Code::invalid);
      // The failure stays.
      CHECK(add(**writer, Item(record_at(200, "a"))).message() == status.message());
      CHECK(files.content(kTablePath).has_value());
    }
    CHECK_FALSE(files.content(kTablePath).has_value());
  };
  refused([](TableWriter& writer) { return add(writer, Item(record_at(105, "b"))); });
  refused([](TableWriter& writer) { return add(writer, Item(record_at(104, "b"))); });
  refused([](TableWriter& writer) { return add(writer, Item(event_at(3, 105))); });
  refused([](TableWriter& writer) { return writer.end_piece(Lsn{104}).status(); });
  refused([](TableWriter& writer) { return writer.finish().status(); });
  refused([](TableWriter& writer) {
    return add(writer, Item(record_at(106, std::string(kTableItemBytesMax, 'x'))));
  });
  refused([](TableWriter& writer) {
    REQUIRE(writer.end_piece(Lsn{105}).has_value());
    return writer.end_piece(Lsn{105}).status();
  });
}

TEST_CASE("a table that exists is not written over and stays", "[table]") {
  io::MemoryFileSystem files;
  const auto pieces = RandomTable(1).pieces(2, 10, 100);
  REQUIRE(write_table(files, table_options(), pieces).has_value());
  CHECK_FALSE(write_table(files, table_options(), pieces).has_value());
  CHECK(same(scan_table(*open_table(files)).items, items_of(pieces)));
}

TEST_CASE("compaction gives the same pieces and refuses others", "[table]") {
  io::MemoryFileSystem files;
  RandomTable random(3);
  const auto first = random.pieces(3, 40, 500);
  const auto info = write_table(files, table_options(), first);
  REQUIRE(info.has_value());
  auto second = random.pieces(2, 40, 500);
  second.push_back({.items = {}, .last = {second.back().last.value + 4}});
  TableWriterOptions options = table_options();
  options.path = "/table-0000000000000008";
  options.number = 8;
  options.first = info->last.next();
  options.previous_anchor = info->last_anchor;
  options.next_event = 5000;  // numbers were skipped before the pieces without events
  const auto next = write_table(files, options, second);
  REQUIRE(next.has_value());

  TableWriterOptions joined = table_options(TableCodec::zstd);
  joined.path = "/table-0000000000000009";
  joined.number = 9;
  joined.level = 1;
  auto writer = TableWriter::create(files, joined);
  REQUIRE(writer.has_value());
  const auto left = open_table(files);
  const auto right = open_table(files, options.path, 8);
  REQUIRE(left->copy_to(**writer).is_ok());
  REQUIRE(right->copy_to(**writer).is_ok());
  const auto whole = (*writer)->finish();
  REQUIRE(whole.has_value());
  CHECK(whole->first == info->first);
  CHECK(whole->last == next->last);
  CHECK(whole->records == info->records + next->records);
  CHECK(whole->last_anchor == next->last_anchor);
  const auto result = open_table(files, joined.path, 9);
  auto expected = *left->pieces();
  const auto more = *right->pieces();
  expected.insert(expected.end(), more.begin(), more.end());
  CHECK(*result->pieces() == expected);
  CHECK(faults_of(*result).empty());
  auto items = items_of(first);
  const auto others = items_of(second);
  items.insert(items.end(), others.begin(), others.end());
  CHECK(same(scan_table(*result).items, items));

  // The same pieces chained to another one are not the same pieces.
  joined.path = "/table-0000000000000010";
  joined.number = 10;
  joined.previous_anchor = Digest{1};
  auto refusing = TableWriter::create(files, joined);
  REQUIRE(refusing.has_value());
  CHECK(left->copy_to(**refusing).code() == Code::corrupt);
}

TEST_CASE("a block that is compressed well already goes over as it is stored", "[table]") {
  const auto seed = GENERATE(range(std::uint64_t{0}, std::uint64_t{20}));
  const bool is_mixed = GENERATE(false, true);
  INFO("seed " << seed << (is_mixed ? ", with a table of level 0" : ""));
  io::MemoryFileSystem files;
  RandomTable random(seed);
  // Two tables of level 1, and perhaps one of level 0 behind them.
  std::vector<PieceContent> pieces;
  std::vector<std::string> paths;
  TableWriterOptions options = table_options(TableCodec::zstd);
  options.level = 1;
  for (options.number = 7; options.number < (is_mixed ? 10U : 9U); ++options.number) {
    options.path = "/" + table_file_name(options.number);
    if (options.number == 9) {
      options.level = 0;
      options.codec = TableCodec::lz4;
    }
    const auto some = random.pieces(3, 60, 500);
    const auto info = write_table(files, options, some);
    REQUIRE(info.has_value());
    options.first = info->last.next();
    options.previous_anchor = info->last_anchor;
    options.next_event = 5000;  // what a piece without events says
    paths.push_back(options.path);
    pieces.insert(pieces.end(), some.begin(), some.end());
  }
  TableWriterOptions joined = table_options(TableCodec::zstd);
  joined.path = "/table-0000000000000020";
  joined.number = 20;
  joined.level = 2;
  auto writer = TableWriter::create(files, joined);
  REQUIRE(writer.has_value());
  for (std::size_t i = 0; i < paths.size(); ++i) {
    REQUIRE(open_table(files, paths[i], 7 + i)->copy_to(**writer).is_ok());
  }
  REQUIRE((*writer)->finish().has_value());

  const auto result = open_table(files, joined.path, 20);
  CHECK(faults_of(*result).empty());
  CHECK(same(scan_table(*result).items, items_of(pieces)));
  // Which blocks hold a source is known of them too.
  std::vector<Item> of_one;
  for (const Item& item : items_of(pieces)) {
    const auto* record = std::get_if<OwnedRecord>(&item);
    if (record == nullptr || record->source == "source-2") {
      of_one.push_back(item);
    }
  }
  CHECK(same(scan_table(*result, {.source = "source-2"}).items, of_one));
  // Behind its header, every block stands there byte by byte.
  const auto whole = files.content(joined.path);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto part = files.content(paths[i]);
    std::size_t at = sizeof(TableHeader);
    std::size_t blocks = 0;
    for (; load<TableBlockHeader>(part->data() + at).magic == kTableBlockMagic; ++blocks) {
      const auto header = load<TableBlockHeader>(part->data() + at);
      const auto stored = ByteView(*part).subspan(at + sizeof header, header.stored_bytes);
      CHECK_FALSE(std::ranges::search(*whole, stored).empty());
      at += sizeof header + header.stored_bytes;
    }
    CHECK(blocks > 10);
  }
}
