#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/store/format.hpp"
#include "core/store/log_mark.hpp"
#include "core/store/table_info.hpp"

// Which files make up a store: the state of everything below the log, whole, in one small file.
// Bytes: docs/formats/manifest.md and manifest_format.hpp. How it changes: manifest_edit.hpp.
namespace kifa::store {

inline constexpr std::size_t kManifestTablesMax = 65'536;
inline constexpr std::uint64_t kFileNumberMax = 9'999'999'999'999'999;  // 16 digits

// How far the log has been moved into tables. Everything before the mark is in tables, gaps or
// purged; the log is read from here.
struct FlushedLog {
  LogMark mark;             // of a frame's beginning; segment 0: nothing was flushed yet
  std::uint64_t epoch = 0;  // of that segment
  bool operator==(const FlushedLog&) const = default;
};

// What retention has removed for ever: a prefix of the store.
struct PurgedState {
  Lsn through;                   // 0: nothing was purged
  std::uint64_t next_event = 1;  // the first event that was not
  Digest anchor{};               // of the last purged piece: the hash chain goes on from it
  Totals totals;
  bool operator==(const PurgedState&) const = default;
};

// The file CHECKPOINTS-<number> with the checkpoints of everything before the flushed mark.
struct CheckpointsRef {
  std::uint64_t number = 0;  // 0: there is none, and no such checkpoint
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // as it stands at the file's end
  bool operator==(const CheckpointsRef&) const = default;
};

// The last time that was believed (retention.hpp).
struct TrustedClock {
  std::int64_t unix_ns = 0;
  std::int64_t boot_ns = 0;  // CLOCK_BOOTTIME at that moment
  std::string boot_id = {};  // 36 characters; empty: no time was believed yet
  bool operator==(const TrustedClock&) const = default;
};

// Bytes written since the store was made, for write amplification.
struct WrittenBytes {
  std::uint64_t log = 0;
  std::uint64_t tables = 0;
  std::uint64_t manifests = 0;  // and checkpoints
  bool operator==(const WrittenBytes&) const = default;
};

struct Manifest {
  std::uint64_t version = 1;            // 0: of a store without a manifest yet; never written
  std::uint64_t previous_version = 0;   // the one that it was made from; 0: none
  std::uint32_t previous_checksum = 0;  // of that one
  std::uint32_t flags_read_only = 0;    // features that this kifa cannot write; 0 in what it writes
  StoreId store_id{};
  std::uint64_t next_file_number = 1;  // of tables and checkpoints; lower ones are never used again
  std::uint64_t highest_event = 0;     // given when this was written
  FlushedLog flushed;
  Digest last_anchor{};           // of the last piece, also when its table is purged
  std::vector<TableInfo> tables;  // by LSN, each beginning where the one before ends
  PurgedState purged;
  CheckpointsRef checkpoints;
  TrustedClock clock;
  WrittenBytes written;
  bool operator==(const Manifest&) const = default;
};

// Ok, or the first contradiction in a manifest: tables that are not adjacent, not between what is
// purged and what is flushed, numbered twice or above next_file_number, more than
// kManifestTablesMax, and the like.
Status check_manifest(const Manifest& manifest);

// The bytes of its file. Asserts check_manifest().
[[nodiscard]] std::vector<std::byte> encode_manifest(const Manifest& manifest);

// The manifest in `bytes`, which nobody has vouched for. corrupt: damaged or contradictory, and
// why; unsupported: undamaged, of a newer format.
Result<Manifest> decode_manifest(ByteView bytes);

// What stands at the end of its file and in its successor's previous_checksum.
[[nodiscard]] std::uint32_t checksum_of(const Manifest& manifest);

// "MANIFEST-0000000000000001"
[[nodiscard]] std::string manifest_file_name(std::uint64_t version);
[[nodiscard]] std::optional<std::uint64_t> manifest_version_of(std::string_view file_name);

// The number in a name that is `prefix` and 16 digits; 0 is none.
[[nodiscard]] std::optional<std::uint64_t> number_in_name(std::string_view prefix,
                                                          std::string_view file_name);

}  // namespace kifa::store
