#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/table_writer.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store::testing {

inline const std::string kTablePath = "/table-0000000000000007";
inline const StoreId kTableStore = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

// A record that owns what RecordView borrows.
struct OwnedRecord {
  std::uint64_t lsn = 0;
  std::int64_t unix_ns = 0;
  std::int64_t boot_ns = 0;
  std::uint32_t boot_ordinal = 1;
  std::uint32_t flags = 0;
  std::string pipeline = "till-1";
  std::string source = "app";
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string payload;
  bool operator==(const OwnedRecord&) const = default;
};

inline OwnedRecord owned(const RecordView& record) {
  OwnedRecord copy{.lsn = record.lsn.value,
                   .unix_ns = record.observed_unix_ns,
                   .boot_ns = record.observed_boot_ns,
                   .boot_ordinal = record.boot_ordinal,
                   .flags = record.flags,
                   .pipeline = std::string(record.pipeline),
                   .source = std::string(record.source),
                   .attributes = {},
                   .payload = std::string(as_text(record.payload))};
  for (const Attribute& attribute : record.attributes) {
    copy.attributes.emplace_back(attribute.key, attribute.value);
  }
  return copy;
}

inline bool same(const Event& a, const Event& b) {
  return a.number == b.number && a.after == b.after && a.kind == b.kind &&
         a.observed_unix_ns == b.observed_unix_ns && a.records == b.records && a.bytes == b.bytes &&
         a.first_lost == b.first_lost && a.last_lost == b.last_lost && a.text == b.text;
}

using Item = std::variant<OwnedRecord, Event>;

inline bool same(const Item& a, const Item& b) {
  if (a.index() != b.index()) {
    return false;
  }
  return std::holds_alternative<OwnedRecord>(a)
             ? std::get<OwnedRecord>(a) == std::get<OwnedRecord>(b)
             : same(std::get<Event>(a), std::get<Event>(b));
}

inline bool same(const std::vector<Item>& a, const std::vector<Item>& b) {
  return std::ranges::equal(a, b, [](const Item& x, const Item& y) { return same(x, y); });
}

inline Status add(TableWriter& writer, const Item& item) {
  if (const auto* event = std::get_if<Event>(&item)) {
    return writer.add(*event);
  }
  const auto& record = std::get<OwnedRecord>(item);
  std::vector<Attribute> attributes;
  for (const auto& [key, value] : record.attributes) {
    attributes.push_back({.key = key, .value = value});
  }
  return writer.add(RecordView{.lsn = {record.lsn},
                               .observed_unix_ns = record.unix_ns,
                               .observed_boot_ns = record.boot_ns,
                               .boot_ordinal = record.boot_ordinal,
                               .flags = record.flags,
                               .pipeline = record.pipeline,
                               .source = record.source,
                               .attributes = attributes,
                               .payload = as_byte_view(record.payload)});
}

// What one piece is made of, and where it ends.
struct PieceContent {
  std::vector<Item> items;
  Lsn last;
};

inline TableWriterOptions table_options(TableCodec codec = TableCodec::lz4) {
  TableWriterOptions options;
  options.path = kTablePath;
  options.store_id = kTableStore;
  options.number = 7;
  options.codec = codec;
  options.first = {100};
  options.block_bytes_raw = kTableBlockBytesMin;
  return options;
}

inline Result<TableInfo> write_table(io::FileSystem& files, const TableWriterOptions& options,
                                     const std::vector<PieceContent>& pieces) {
  auto writer = TableWriter::create(files, options);
  KIFA_TRY(writer.status());
  for (const PieceContent& piece : pieces) {
    for (const Item& item : piece.items) {
      KIFA_TRY(add(**writer, item));
    }
    KIFA_TRY((*writer)->end_piece(piece.last).status());
  }
  return (*writer)->finish();
}

// Everything that a scan gave.
struct TableContents {
  std::vector<Item> items;
  std::vector<TableDamage> damage;
};

inline TableContents scan_table(TableReader& reader, const TableFilter& filter = {}) {
  TableContents contents;
  const Status status = reader.scan(
      filter,
      [&](const RecordView& record) {
        contents.items.emplace_back(owned(record));
        return true;
      },
      [&](const Event& event) {
        contents.items.emplace_back(event);
        return true;
      },
      [&](const TableDamage& damage) { contents.damage.push_back(damage); });
  REQUIRE(status.is_ok());
  return contents;
}

inline std::vector<Item> items_of(const std::vector<PieceContent>& pieces) {
  std::vector<Item> items;
  for (const PieceContent& piece : pieces) {
    items.insert(items.end(), piece.items.begin(), piece.items.end());
  }
  return items;
}

inline std::unique_ptr<TableReader> open_table(io::FileSystem& files,
                                               const std::string& path = kTablePath,
                                               std::uint64_t number = 7) {
  auto reader =
      TableReader::open(files, path, {.number = number, .store_id = kTableStore, .footer_crc = {}});
  INFO(reader.status().message());
  REQUIRE(reader.has_value());
  return std::move(*reader);
}

inline std::vector<TableDamage> faults_of(TableReader& reader,
                                          const std::optional<Digest>& previous = Digest{}) {
  std::vector<TableDamage> faults;
  REQUIRE(reader.verify(previous, {}, [&](const TableDamage& fault) { faults.push_back(fault); })
              .is_ok());
  return faults;
}

// Pieces of random records and events: all sizes, several sources, gaps, times that jump.
class RandomTable final {
 public:
  explicit RandomTable(std::uint64_t seed) : random_(seed) {}

  std::vector<PieceContent> pieces(std::size_t count, std::size_t items_each,
                                   std::size_t payload_bytes_max) {
    std::vector<PieceContent> made;
    for (std::size_t i = 0; i < count; ++i) {
      PieceContent piece;
      for (std::size_t k = 0; k < items_each; ++k) {
        piece.items.push_back(below(5) == 0 ? Item(event()) : Item(record(payload_bytes_max)));
      }
      lsn_ += below(3);
      piece.last = {lsn_ - 1};
      if (piece.items.empty() && below(2) == 0) {
        piece.last = {lsn_++};
      }
      made.push_back(std::move(piece));
    }
    return made;
  }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

 private:
  std::string text(std::size_t bytes) {
    std::string made(bytes, '\xff');
    if (below(3) != 0) {
      const bool is_noise = below(2) == 0;
      for (char& c : made) {
        c = static_cast<char>(is_noise ? random_() : 'a' + random_() % 3);
      }
    }
    return made;
  }
  OwnedRecord record(std::size_t payload_bytes_max) {
    OwnedRecord made;
    made.lsn = lsn_ + (below(4) == 0 ? below(3) : 0);
    lsn_ = made.lsn + 1;
    made.unix_ns = below(20) == 0 ? static_cast<std::int64_t>(random_())
                                  : 1700000000000000000 + static_cast<std::int64_t>(below(1000));
    made.boot_ns = below(20) == 0 ? static_cast<std::int64_t>(random_()) : made.unix_ns - 1234567;
    made.boot_ordinal = 1 + static_cast<std::uint32_t>(below(2));
    made.flags = below(4) == 0 ? static_cast<std::uint32_t>(random_()) : 0;
    made.pipeline = "till-" + std::to_string(below(3));
    made.source = "source-" + std::to_string(below(4));
    for (std::uint64_t i = below(3); i > 0; --i) {
      made.attributes.emplace_back(text(below(9)), text(below(40)));
    }
    made.payload = text(below(2) == 0 ? below(30) : below(payload_bytes_max + 1));
    return made;
  }
  Event event() {
    Event made;
    made.number = event_ += 1 + below(2);
    made.after = {lsn_ - 1};
    made.kind = static_cast<EventKind>(1 + below(5));
    made.observed_unix_ns = 1700000000000000000 + static_cast<std::int64_t>(below(1000));
    made.records = below(9);
    made.bytes = random_();
    made.first_lost = {below(5)};
    made.last_lost = {below(5)};
    made.text = text(below(60));
    return made;
  }

  std::mt19937_64 random_;
  std::uint64_t lsn_ = 100;
  std::uint64_t event_ = 0;
};

}  // namespace kifa::store::testing
