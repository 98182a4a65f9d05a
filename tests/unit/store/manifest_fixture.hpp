#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "core/store/manifest.hpp"
#include "core/store/manifest_edit.hpp"
#include "tests/support/catch.hpp"

namespace kifa::store::testing {

inline Digest digest_of(std::uint64_t n) {
  Digest digest{};
  digest.fill(static_cast<std::uint8_t>(n));
  return digest;
}

// A table of one piece that holds a record for each LSN, 100 bytes each, and two events for each
// ten records.
inline TableInfo table_of(std::uint64_t number, std::uint64_t first, std::uint64_t last,
                          std::uint64_t first_event, std::uint64_t events = 0) {
  const std::uint64_t records = last + 1 - first;
  return {.number = number,
          .level = 0,
          .first = {first},
          .last = {last},
          .records = records,
          .payload_bytes = 100 * records,
          .bytes = 1000 + 30 * records,
          .first_event = first_event,
          .events = events,
          .gaps = 0,
          .lost_records = 0,
          .min_unix_ns = static_cast<std::int64_t>(1000 * first),
          .max_unix_ns = static_cast<std::int64_t>(1000 * last),
          .pieces = 1,
          .footer_crc = static_cast<std::uint32_t>(number * 77),
          .last_anchor = digest_of(last)};
}

// The log behind `table`, when it is the last of a flush.
inline FlushedLog log_behind(const TableInfo& table, const Manifest& before) {
  FlushedLog log = before.flushed;
  log.mark.at = {1, log.mark.at.offset + 4096};
  log.epoch = 4711;
  log.mark.chain = table.footer_crc;
  log.mark.next_lsn = table.last.next();
  log.mark.next_event = table.first_event + table.events;
  log.mark.totals.records += table.records;
  log.mark.totals.payload_bytes += table.payload_bytes;
  log.mark.totals.events += table.events;
  return log;
}

inline Manifest empty_manifest() {
  Manifest manifest;
  for (std::size_t i = 0; i < manifest.store_id.size(); ++i) {
    manifest.store_id[i] = static_cast<std::uint8_t>(i + 1);
  }
  manifest.flushed.epoch = 4711;
  return manifest;
}

inline Manifest must(const Result<Manifest>& manifest) {
  INFO(manifest.status().message());
  REQUIRE(manifest.has_value());
  return *manifest;
}

inline Manifest flushed(const Manifest& before, const TableInfo& table) {
  return must(apply(before, FlushEdit{.tables = {table}, .flushed = log_behind(table, before)}));
}

// Three tables, 1 to 3, with LSNs 1 to 10, 11 to 20, 21 to 30 and two events in the second.
inline Manifest three_tables() {
  Manifest manifest = flushed(empty_manifest(), table_of(1, 1, 10, 1));
  manifest = flushed(manifest, table_of(2, 11, 20, 1, 2));
  return flushed(manifest, table_of(3, 21, 30, 3));
}

// With every member set to something of its own.
inline Manifest rich_manifest() {
  Manifest manifest = must(apply(three_tables(), PurgeEdit{{1}}));
  manifest.checkpoints = {.number = 4, .bytes = 128, .crc = 99};
  manifest.next_file_number = 9;
  manifest.highest_event = 12;
  manifest.clock = {.unix_ns = 1'769'884'200'123'000'000,
                    .boot_ns = 3'600'000'000'000,
                    .boot_id = "b0071d00-0000-4000-8000-000000000001"};
  manifest.written = {.log = 1000, .tables = 2000, .manifests = 3000};
  return manifest;
}

}  // namespace kifa::store::testing
