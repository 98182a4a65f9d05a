#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"

// What goes into a store and what comes out: records, checkpoints and events.
namespace kifa::store {

struct Attribute {
  std::string_view key;
  std::string_view value;
  auto operator<=>(const Attribute&) const = default;
};

// RecordView::flags; the same bits as KIFA_RECORD_* of the plugin ABI, stored as they are.
inline constexpr std::uint32_t kRecordTruncated = 1U << 0U;
inline constexpr std::uint32_t kRecordSplit = 1U << 1U;
inline constexpr std::uint32_t kRecordPartial = 1U << 2U;
inline constexpr std::uint32_t kRecordResent = 1U << 3U;

// A record to append, or one that was read. Views into memory of the giver.
struct RecordView {
  Lsn lsn = {};  // append: not used
  std::int64_t observed_unix_ns = 0;
  std::int64_t observed_boot_ns = 0;  // read only: CLOCK_BOOTTIME at the same moment
  std::uint32_t boot_ordinal = 0;     // read only: how many boots the store had seen, from 1
  std::uint32_t flags = 0;
  std::string_view pipeline = {};              // append: taken from the batch
  std::string_view source = {};                // append: taken from the batch
  std::span<const Attribute> attributes = {};  // without pipeline and source
  ByteView payload = {};
};

// Where a resumable stream is to be read on. Upserts by (origin, key).
struct Checkpoint {
  std::string origin;  // "pipeline/source"
  std::string key;
  std::uint64_t position = 0;
  std::string state = {};  // the source's own bytes
  bool forget = false;     // append: retire the key
};

// Something that happened to the data and is kept beside it; events have their own numbers and
// consume no LSN.
enum class EventKind : std::uint16_t {
  gap = 1,          // records or bytes that are lost; the text says where and why
  clock_jump = 2,   // the wall clock moved against the boot clock by more than a second
  recovery = 3,     // an open that dropped or salvaged something
  mode_change = 4,  // flush mode
  write_error = 5,  // a segment was given up after an I/O error
  purge = 6,        // retention removed records; the text says why
};

struct Event {
  std::uint64_t number = 0;  // from 1; append: given by the store
  Lsn after;                 // the LSN that it follows (0: before the first)
  EventKind kind = EventKind::gap;
  std::int64_t observed_unix_ns = 0;
  std::uint64_t records = 0;  // gap: known to be lost
  std::uint64_t bytes = 0;    // gap: known to be lost
  Lsn first_lost;             // gap of LSNs: first and last LSN that will never be records; 0: none
  Lsn last_lost;
  std::string text;  // one sentence: origin, reason, detail
};

// What is appended in one atom: either all of it survives or nothing.
struct BatchView {
  std::string_view pipeline = {};
  std::string_view source = {};
  std::span<const RecordView> records = {};
  std::span<const Checkpoint> checkpoints = {};
  std::span<const Event> events = {};
};

}  // namespace kifa::store
