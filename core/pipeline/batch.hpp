#pragma once

#include <kifa/plugin.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/pipeline/attributes.hpp"
#include "core/pipeline/buffer.hpp"
#include "core/pipeline/waker.hpp"

namespace kifa::pipeline {

struct Stream;

struct BatchLimits {
  std::uint32_t records_max = 4096;
  std::uint64_t bytes_max = 1'048'576;  // payloads of one batch; one larger record alone is legal
};

// What became of records before they reached a sink: a filter dropped them, or they were too long.
enum class Fate : std::uint8_t { kept, filtered, rejected };

// A stretch of one stream's outcomes in a batch.
struct Run {
  Stream* stream = nullptr;
  std::uint64_t end_position = 0;  // of the stream, after these
  std::uint32_t count = 0;
  Fate fate = Fate::kept;
  std::uint32_t continued = 0;  // filtered pieces of an oversize record that are not its last
};

// Records that travel together, in one contiguous buffer, with the checkpoints and gaps of the same
// source that are committed with them. Filled by the source's thread, then sealed; after that only
// the outcome is written, once, by settle().
//
// Threads: the source's thread fills and reads; view() from any thread once it is sealed; settle()
//          from the sink's side, settled() from any thread, and what it guards when it is true.
class Batch final {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() = default;

  // Ready for a new life; buffers stay.
  void reset(std::uint64_t sequence, std::shared_ptr<Waker> owner);

  // True when one more record of `bytes` must go to the next batch: limits are reached, or gaps
  // stand behind the records already.
  [[nodiscard]] bool is_full_for(std::size_t bytes, const BatchLimits& limits) const {
    return records_.size() >= limits.records_max || !gaps_.empty() ||
           (arena_.size() + bytes > limits.bytes_max && !records_.empty());
  }
  void add_record(Stream& stream, const AttributeSet& attributes, Bytes payload,
                  std::int64_t observed_unix_ns, std::uint32_t flags, std::uint64_t end_position) {
    if (arena_.room() < payload.size()) [[unlikely]] {
      grow(payload.size());
    }
    const std::uint8_t* at = arena_.put(payload);
    const std::span<const kifa_attr> attrs = attributes.attrs();
    records_.push_back({0,
                        observed_unix_ns,
                        {at, payload.size()},
                        attrs.data(),
                        static_cast<std::uint32_t>(attrs.size()),
                        flags});
    extend_run(stream, end_position, 1, Fate::kept);
  }
  void add_filtered(Stream& stream, std::uint64_t end_position, std::uint32_t flags) {
    ++filtered_count_;
    extend_run(stream, end_position, 1, Fate::filtered);
    runs_.back().continued += (flags & KIFA_RECORD_SPLIT) != 0 ? 1 : 0;
  }
  // A record that was too long, and of which only a gap is kept.
  void add_rejected(Stream& stream, std::uint64_t end_position) {
    extend_run(stream, end_position, 1, Fate::rejected);
  }
  // The stream moved on without a record.
  void add_move(Stream& stream, std::uint64_t end_position) {
    extend_run(stream, end_position, 0, runs_.empty() ? Fate::kept : runs_.back().fate);
  }
  void keep(AttributesPtr attributes) { attributes_.push_back(std::move(attributes)); }
  void touch(Stream& stream) { touched_.push_back(&stream); }
  // Upserts: a later one for the same key replaces an earlier one.
  void add_checkpoint(const kifa_checkpoint& checkpoint);
  // A loss behind the records so far; one of the same stream and reason is added to the last one.
  void add_gap(const kifa_gap& gap);

  // Makes the view for sinks. Nothing is added afterwards.
  void seal(std::string_view origin);

  // True when there is nothing in it that a sink must keep.
  [[nodiscard]] bool is_empty_for_sink() const {
    return records_.empty() && checkpoints_.empty() && gaps_.empty();
  }
  [[nodiscard]] bool is_untouched() const { return is_empty_for_sink() && touched_.empty(); }
  [[nodiscard]] const kifa_batch& view() const { return view_; }
  // Memory that it stands for; a record without payload costs something too.
  [[nodiscard]] std::size_t bytes() const {
    return arena_.size() + records_.size() * sizeof(kifa_record) + side_bytes_;
  }
  // Small enough to be kept while nothing happens.
  [[nodiscard]] bool is_small() const;
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] std::uint32_t record_count() const {
    return static_cast<std::uint32_t>(records_.size());
  }
  [[nodiscard]] std::uint32_t filtered_count() const { return filtered_count_; }
  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }
  [[nodiscard]] const std::vector<Stream*>& touched() const { return touched_; }

  // Its place in the required sink's queue.
  void set_ticket(std::uint64_t ticket) { ticket_ = ticket; }
  [[nodiscard]] std::uint64_t ticket() const { return ticket_; }

  // The outcome. settle() wakes the source; nothing of the batch may be used by the caller after
  // it.
  void settle(std::uint64_t first_lsn, kifa_status status);
  [[nodiscard]] bool settled() const { return settled_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t first_lsn() const { return first_lsn_; }
  [[nodiscard]] kifa_status status() const { return status_; }
  // Writes the LSNs into the records, for copies. Only between settled() and the first copy.
  void number_records();

 private:
  void grow(std::size_t more);
  void extend_run(Stream& stream, std::uint64_t end_position, std::uint32_t count, Fate fate) {
    if (!runs_.empty()) {
      Run& last = runs_.back();
      if (last.stream == &stream && last.fate == fate) {
        last.end_position = end_position;
        last.count += count;
        return;
      }
    }
    runs_.push_back({&stream, end_position, count, fate});
  }
  kifa_str keep_text(const void* data, std::size_t size);

  std::uint64_t sequence_ = 0;
  std::uint64_t ticket_ = 0;
  Buffer arena_;
  std::vector<kifa_record> records_;
  std::vector<Run> runs_;
  std::vector<Stream*> touched_;
  std::vector<AttributesPtr> attributes_;
  std::vector<kifa_checkpoint> checkpoints_;
  std::vector<kifa_gap> gaps_;
  std::deque<std::string> texts_;  // what checkpoints and gaps point to
  std::size_t side_bytes_ = 0;     // of texts_
  std::uint32_t filtered_count_ = 0;
  kifa_batch view_{};

  std::shared_ptr<Waker> owner_;
  std::uint64_t first_lsn_ = 0;
  kifa_status status_ = KIFA_OK;
  std::atomic<bool> settled_{false};
};

using BatchPtr = std::shared_ptr<Batch>;

// Batches of one source, used again and again so that a busy source allocates nothing.
//
// Threads: any. Batches come back by themselves, from whatever thread lets go last.
// Limits:  keeps kPoolBatchesMax free ones; trim() drops all but one small one.
class BatchPool final : public std::enable_shared_from_this<BatchPool> {
 public:
  BatchPtr take(std::uint64_t sequence, const std::shared_ptr<Waker>& owner);
  // True when trim() would give memory back.
  [[nodiscard]] bool is_fat() const;
  void trim();

 private:
  void give_back(std::unique_ptr<Batch> batch);

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Batch>> free_ KIFA_GUARDED_BY(mutex_);
};

}  // namespace kifa::pipeline
