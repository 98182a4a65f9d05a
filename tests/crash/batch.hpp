#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/io/memory_crash_choice.hpp"
#include "core/store/records.hpp"

namespace kifa::crash {

// Batches up to this size are one frame, so they survive whole or not at all.
inline constexpr std::size_t kAtomicBatchBytes = 64 << 10U;
// How the text of every event that a test appends begins; events of the store itself do not.
inline constexpr std::string_view kTestEventPrefix = "crash test event ";

struct OwnedRecord {
  std::int64_t observed_unix_ns = 0;
  std::uint32_t flags = 0;
  std::vector<std::pair<std::string, std::string>> attributes = {};
  std::string payload = {};
  auto operator<=>(const OwnedRecord&) const = default;
};

// A batch that a test sends, kept for comparison.
struct OwnedBatch {
  std::string pipeline = {};
  std::string source = {};
  std::vector<OwnedRecord> records = {};
  std::vector<store::Checkpoint> checkpoints = {};
  std::vector<std::string> events = {};
  [[nodiscard]] std::size_t payload_bytes() const;
};

enum class BatchSize : std::uint8_t {
  tiny,             // one record of some hundred bytes
  medium,           // tens of records in one frame
  large,            // a frame of 100 KiB and more
  huge,             // more than a frame holds
  checkpoint_only,  // no record
};

// Makes different batches from one seed.
//
// Threads: confined.
class BatchMaker final {
 public:
  explicit BatchMaker(std::uint64_t seed) : random_(seed) {}
  OwnedBatch make(BatchSize size);
  // One record of `bytes` bytes.
  OwnedBatch make_record(std::size_t bytes);
  // Two records of `bytes` bytes together.
  OwnedBatch make_big_batch(std::size_t bytes);

 private:
  OwnedRecord record(std::size_t bytes);
  void add_checkpoints(OwnedBatch& batch);

  io::SplitMix random_;
  std::uint64_t batches_ = 0;
  std::uint64_t records_ = 0;
};

// The views that Store::append takes. `batch` must live as long.
class BatchViews final {
 public:
  explicit BatchViews(const OwnedBatch& batch);
  BatchViews(const BatchViews&) = delete;
  BatchViews& operator=(const BatchViews&) = delete;
  [[nodiscard]] store::BatchView view() const;

 private:
  const OwnedBatch& batch_;
  std::vector<std::vector<store::Attribute>> attributes_;
  std::vector<store::RecordView> records_;
  std::vector<store::Event> events_;
};

// A copy of a record that was read, for comparison.
[[nodiscard]] OwnedRecord owned(const store::RecordView& record);

}  // namespace kifa::crash
