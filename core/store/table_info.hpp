#pragma once

#include <array>
#include <cstdint>

#include "core/base/types.hpp"

// What the store knows about a table without reading it.
namespace kifa::store {

using Digest = std::array<std::uint8_t, 32>;  // SHA-256

// The records and events of one flush, first to last: fixed for ever, whatever table holds them.
// An LSN in that range that is no record is a gap.
struct Piece {
  Lsn first;  // the end of the piece before, plus one
  Lsn last;   // first - 1 when the piece holds events only
  std::uint64_t records = 0;
  std::uint64_t first_event = 0;  // number of its first event; without events: of the next
  std::uint64_t events = 0;
  Digest digest{};  // of the canonical bytes of its records and events
  Digest anchor{};  // chains the digest to the anchor of the piece before
  bool operator==(const Piece&) const = default;
};

struct TableInfo {
  std::uint64_t number = 0;  // of the file's name
  std::uint32_t level = 0;
  Lsn first;  // what the pieces cover; records may be missing in it
  Lsn last;   // first - 1 when the table holds events only
  std::uint64_t records = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t bytes = 0;        // size of the file
  std::uint64_t first_event = 0;  // number of its first event; without events: of the next
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;                // events of the kind gap
  std::uint64_t lost_records = 0;        // known to be lost in those gaps
  std::int64_t min_unix_ns = INT64_MAX;  // of the records' observed times
  std::int64_t max_unix_ns = INT64_MIN;
  std::uint64_t pieces = 0;
  std::uint32_t footer_crc = 0;  // a checksum over everything: the footer holds all the others
  Digest last_anchor{};          // of the last piece
  bool operator==(const TableInfo&) const = default;
};

}  // namespace kifa::store
