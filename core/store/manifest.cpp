#include "core/store/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "core/base/assert.hpp"
#include "core/base/crc32c.hpp"
#include "core/store/manifest_format.hpp"

namespace kifa::store {

namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";
constexpr std::size_t kNumberDigits = 16;
constexpr std::uint32_t kEntryBytesMax = 4096;  // what a later minor may grow a part to
// LSNs and event numbers stay below this, so that adding to them cannot overflow.
constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 63U;

Status contradiction(std::string text) { return {Code::corrupt, std::move(text)}; }

std::uint32_t prefix_crc_of(const ManifestHeader& header) {
  return crc32c(0,
                std::as_bytes(std::span(&header, 1)).first(offsetof(ManifestHeader, prefix_crc)));
}

template <class T>
void append(std::vector<std::byte>& bytes, const T& value) {
  const auto view = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), view.begin(), view.end());
}

ManifestHeader header_of(const Manifest& manifest) {
  ManifestHeader header;
  header.flags_read_only = manifest.flags_read_only;
  header.store_id = manifest.store_id;
  header.table_count = static_cast<std::uint32_t>(manifest.tables.size());
  header.file_bytes =
      sizeof(ManifestHeader) + manifest.tables.size() * sizeof(ManifestTable) + sizeof(FileTrailer);
  header.prefix_crc = prefix_crc_of(header);
  header.version = manifest.version;
  header.previous_version = manifest.previous_version;
  header.previous_checksum = manifest.previous_checksum;
  header.checkpoints_crc = manifest.checkpoints.crc;
  header.next_file_number = manifest.next_file_number;
  header.highest_event = manifest.highest_event;
  header.flushed = manifest.flushed.mark.at;
  header.flushed_epoch = manifest.flushed.epoch;
  header.next_lsn = manifest.flushed.mark.next_lsn.value;
  header.next_event = manifest.flushed.mark.next_event;
  header.flushed_totals = manifest.flushed.mark.totals;
  header.flushed_chain = manifest.flushed.mark.chain;
  header.last_anchor = manifest.last_anchor;
  header.purged_through = manifest.purged.through.value;
  header.purged_next_event = manifest.purged.next_event;
  header.purged_totals = manifest.purged.totals;
  header.purged_anchor = manifest.purged.anchor;
  header.checkpoints_number = manifest.checkpoints.number;
  header.checkpoints_bytes = manifest.checkpoints.bytes;
  header.clock_unix_ns = manifest.clock.unix_ns;
  header.clock_boot_ns = manifest.clock.boot_ns;
  std::ranges::copy(manifest.clock.boot_id, header.clock_boot_id.begin());
  header.written_log = manifest.written.log;
  header.written_tables = manifest.written.tables;
  header.written_manifests = manifest.written.manifests;
  return header;
}

Manifest manifest_of(const ManifestHeader& header) {
  Manifest manifest;
  manifest.version = header.version;
  manifest.previous_version = header.previous_version;
  manifest.previous_checksum = header.previous_checksum;
  manifest.flags_read_only = header.flags_read_only;
  manifest.store_id = header.store_id;
  manifest.next_file_number = header.next_file_number;
  manifest.highest_event = header.highest_event;
  manifest.flushed = {.mark = {.at = header.flushed,
                               .chain = header.flushed_chain,
                               .next_lsn = {header.next_lsn},
                               .next_event = header.next_event,
                               .totals = header.flushed_totals},
                      .epoch = header.flushed_epoch};
  manifest.last_anchor = header.last_anchor;
  manifest.purged = {.through = {header.purged_through},
                     .next_event = header.purged_next_event,
                     .anchor = header.purged_anchor,
                     .totals = header.purged_totals};
  manifest.checkpoints = {.number = header.checkpoints_number,
                          .bytes = header.checkpoints_bytes,
                          .crc = header.checkpoints_crc};
  const std::string_view boot_id(header.clock_boot_id.data(), header.clock_boot_id.size());
  manifest.clock = {.unix_ns = header.clock_unix_ns,
                    .boot_ns = header.clock_boot_ns,
                    .boot_id = std::string(boot_id.substr(0, boot_id.find('\0')))};
  manifest.written = {.log = header.written_log,
                      .tables = header.written_tables,
                      .manifests = header.written_manifests};
  return manifest;
}

ManifestTable stored(const TableInfo& table) {
  return {.number = table.number,
          .first_lsn = table.first.value,
          .last_lsn = table.last.value,
          .records = table.records,
          .payload_bytes = table.payload_bytes,
          .bytes = table.bytes,
          .first_event = table.first_event,
          .events = table.events,
          .gaps = table.gaps,
          .lost_records = table.lost_records,
          .min_unix_ns = table.min_unix_ns,
          .max_unix_ns = table.max_unix_ns,
          .pieces = table.pieces,
          .level = table.level,
          .footer_crc = table.footer_crc,
          .last_anchor = table.last_anchor};
}

TableInfo loaded(const ManifestTable& table) {
  return {.number = table.number,
          .level = table.level,
          .first = {table.first_lsn},
          .last = {table.last_lsn},
          .records = table.records,
          .payload_bytes = table.payload_bytes,
          .bytes = table.bytes,
          .first_event = table.first_event,
          .events = table.events,
          .gaps = table.gaps,
          .lost_records = table.lost_records,
          .min_unix_ns = table.min_unix_ns,
          .max_unix_ns = table.max_unix_ns,
          .pieces = table.pieces,
          .footer_crc = table.footer_crc,
          .last_anchor = table.last_anchor};
}

// What one table says about itself.
Status check_table(const TableInfo& table) {
  if (table.number == 0 || table.first.value == 0 || table.first_event == 0) {
    return contradiction(fmt::format("table {} begins at LSN {} and event {}; all count from 1",
                                     table.number, table.first.value, table.first_event));
  }
  if (table.first.value >= kNumberMax || table.last.value >= kNumberMax ||
      table.first_event >= kNumberMax || table.events >= kNumberMax) {
    return contradiction(fmt::format("table {} holds numbers above 2^63", table.number));
  }
  if (table.last.value + 1 < table.first.value) {
    return contradiction(fmt::format("table {} ends at LSN {} and begins at {}", table.number,
                                     table.last.value, table.first.value));
  }
  if (table.records > table.last.value + 1 - table.first.value) {
    return contradiction(fmt::format("table {} has {} records in LSN {} to {}", table.number,
                                     table.records, table.first.value, table.last.value));
  }
  if (table.gaps > table.events) {
    return contradiction(
        fmt::format("table {} has {} gaps in {} events", table.number, table.gaps, table.events));
  }
  return {};
}

// That the tables lie one behind the other between what is purged and what is flushed.
Status check_order(const Manifest& manifest) {
  std::uint64_t next_lsn = manifest.purged.through.value + 1;
  std::uint64_t next_event = manifest.purged.next_event;
  for (const TableInfo& table : manifest.tables) {
    KIFA_TRY(check_table(table));
    if (table.first.value != next_lsn) {
      return contradiction(fmt::format("table {} begins at LSN {} where {} was to follow",
                                       table.number, table.first.value, next_lsn));
    }
    if (table.first_event < next_event) {
      return contradiction(fmt::format("table {} begins at event {} where {} was to follow",
                                       table.number, table.first_event, next_event));
    }
    next_lsn = table.last.value + 1;
    next_event = table.first_event + table.events;
  }
  const LogMark& mark = manifest.flushed.mark;
  if (mark.next_lsn.value != next_lsn) {
    return contradiction(
        fmt::format("the tables end before LSN {}, but the log was flushed up to LSN {}", next_lsn,
                    mark.next_lsn.value));
  }
  if (mark.next_event < next_event) {
    return contradiction(
        fmt::format("the tables end before event {}, but the log was flushed up to event {}",
                    next_event, mark.next_event));
  }
  return {};
}

Status check_numbers(const Manifest& manifest) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(manifest.tables.size() + 1);
  for (const TableInfo& table : manifest.tables) {
    numbers.push_back(table.number);
  }
  if (manifest.checkpoints.number != 0) {
    numbers.push_back(manifest.checkpoints.number);
  }
  std::ranges::sort(numbers);
  const auto twice = std::ranges::adjacent_find(numbers);
  if (twice != numbers.end()) {
    return contradiction(fmt::format("file number {} is used twice", *twice));
  }
  if (!numbers.empty() && numbers.back() >= manifest.next_file_number) {
    return contradiction(fmt::format("file number {} is used, but the next to be given is {}",
                                     numbers.back(), manifest.next_file_number));
  }
  return {};
}

Status check_single_values(const Manifest& manifest) {
  // Version 0 is what a store begins with; it is never written.
  if (manifest.version == 0 ? manifest.previous_version != 0
                            : manifest.previous_version >= manifest.version) {
    return contradiction(
        fmt::format("version {} follows version {}", manifest.version, manifest.previous_version));
  }
  if (manifest.tables.size() > kManifestTablesMax) {
    return contradiction(fmt::format("{} tables are more than the limit of {}",
                                     manifest.tables.size(), kManifestTablesMax));
  }
  if (manifest.version > kFileNumberMax || manifest.next_file_number > kFileNumberMax + 1) {
    return contradiction("its file numbers do not fit in 16 digits");
  }
  if (manifest.next_file_number == 0 || manifest.purged.next_event == 0) {
    return contradiction("file numbers and events count from 1, not from 0");
  }
  const LogMark& mark = manifest.flushed.mark;
  if (manifest.purged.through.value >= kNumberMax || mark.next_lsn.value >= kNumberMax ||
      mark.next_event >= kNumberMax || manifest.highest_event >= kNumberMax) {
    return contradiction("an LSN or event number is above 2^63");
  }
  if (manifest.highest_event + 1 < mark.next_event) {
    return contradiction(fmt::format("the log was flushed up to event {}, but the highest is {}",
                                     mark.next_event, manifest.highest_event));
  }
  if (!manifest.clock.boot_id.empty() && manifest.clock.boot_id.size() != 36) {
    return contradiction("the boot id of the trusted clock has not 36 characters");
  }
  if (manifest.checkpoints.number == 0 && manifest.checkpoints != CheckpointsRef{}) {
    return contradiction("there is no checkpoints file, but it has a size or checksum");
  }
  return {};
}

Status decode_header(ByteView bytes, ManifestHeader& header) {
  if (bytes.size() < sizeof(ManifestHeader) + sizeof(FileTrailer)) {
    return contradiction(fmt::format("it is cut short at {} bytes", bytes.size()));
  }
  header = load<ManifestHeader>(bytes.data());
  if (header.magic != kManifestMagic || header.prefix_crc != prefix_crc_of(header)) {
    return contradiction("its header is damaged");
  }
  if (header.format_major != kFormatMajor || header.flags_incompatible != 0) {
    return {Code::unsupported,
            fmt::format("the store was written in format {}.{} (features {:#x}), this kifa reads "
                        "format {}.{}; use the kifa that wrote it or a newer one",
                        header.format_major, header.format_minor, header.flags_incompatible,
                        kFormatMajor, kFormatMinor)};
  }
  const bool sane =
      header.header_bytes >= sizeof(ManifestHeader) && header.header_bytes <= kEntryBytesMax &&
      header.table_bytes >= sizeof(ManifestTable) && header.table_bytes <= kEntryBytesMax &&
      header.table_count <= kManifestTablesMax;
  if (!sane || header.file_bytes != header.header_bytes +
                                        std::uint64_t{header.table_count} * header.table_bytes +
                                        sizeof(FileTrailer)) {
    return contradiction("the sizes in its header do not add up");
  }
  if (header.file_bytes != bytes.size()) {
    return contradiction(
        fmt::format("it has {} bytes instead of {}", bytes.size(), header.file_bytes));
  }
  return {};
}

}  // namespace

Status check_manifest(const Manifest& manifest) {
  KIFA_TRY(check_single_values(manifest));
  KIFA_TRY(check_order(manifest));
  return check_numbers(manifest);
}

std::vector<std::byte> encode_manifest(const Manifest& manifest) {
  KIFA_ASSERT(check_manifest(manifest).is_ok());
  const ManifestHeader header = header_of(manifest);
  std::vector<std::byte> bytes;
  bytes.reserve(header.file_bytes);
  append(bytes, header);
  for (const TableInfo& table : manifest.tables) {
    append(bytes, stored(table));
  }
  append(bytes, kFileTrailerMagic);
  append(bytes, crc32c(0, bytes));
  KIFA_ASSERT(bytes.size() == header.file_bytes);
  return bytes;
}

Result<Manifest> decode_manifest(ByteView bytes) {
  ManifestHeader header;
  KIFA_TRY(decode_header(bytes, header));
  const std::size_t end = bytes.size() - sizeof(FileTrailer);
  const auto trailer = load<FileTrailer>(bytes.data() + end);
  if (trailer.magic != kFileTrailerMagic ||
      trailer.crc != crc32c(0, bytes.first(end + offsetof(FileTrailer, crc)))) {
    return contradiction("its checksum does not hold");
  }
  Manifest manifest = manifest_of(header);
  manifest.tables.reserve(header.table_count);
  for (std::uint32_t i = 0; i < header.table_count; ++i) {
    const std::size_t at = header.header_bytes + std::size_t{i} * header.table_bytes;
    manifest.tables.push_back(loaded(load<ManifestTable>(bytes.data() + at)));
  }
  KIFA_TRY(check_manifest(manifest));
  return manifest;
}

std::uint32_t checksum_of(const Manifest& manifest) {
  const std::vector<std::byte> bytes = encode_manifest(manifest);
  return load<std::uint32_t>(bytes.data() + bytes.size() - sizeof(std::uint32_t));
}

std::string manifest_file_name(std::uint64_t version) {
  return fmt::format("{}{:0{}}", kManifestPrefix, version, kNumberDigits);
}

std::optional<std::uint64_t> manifest_version_of(std::string_view file_name) {
  return number_in_name(kManifestPrefix, file_name);
}

std::optional<std::uint64_t> number_in_name(std::string_view prefix, std::string_view file_name) {
  if (!file_name.starts_with(prefix) || file_name.size() != prefix.size() + kNumberDigits) {
    return std::nullopt;
  }
  const std::string_view digits = file_name.substr(prefix.size());
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc() || end != digits.data() + digits.size() || number == 0) {
    return std::nullopt;
  }
  return number;
}

}  // namespace kifa::store
