#include "core/pipeline/batch.hpp"

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/pipeline/limits.hpp"

namespace kifa::pipeline {

namespace {

// Capacity of the vectors that an idle batch may keep.
constexpr std::size_t kIdleRecordsMax = 512;

}  // namespace

void Batch::reset(std::uint64_t sequence, std::shared_ptr<Waker> owner) {
  sequence_ = sequence;
  ticket_ = 0;
  arena_.clear();
  records_.clear();
  runs_.clear();
  touched_.clear();
  attributes_.clear();
  checkpoints_.clear();
  gaps_.clear();
  texts_.clear();
  side_bytes_ = 0;
  filtered_count_ = 0;
  view_ = {};
  owner_ = std::move(owner);
  first_lsn_ = 0;
  status_ = KIFA_OK;
  settled_.store(false, std::memory_order_relaxed);
}

// Growing moves the payloads, so the records are pointed at their new places.
void Batch::grow(std::size_t more) {
  const std::uint8_t* before = arena_.bytes().data();
  arena_.reserve(more);
  const std::uint8_t* after = arena_.bytes().data();
  for (kifa_record& record : records_) {
    record.payload.data = after + (record.payload.data - before);
  }
}

kifa_str Batch::keep_text(const void* data, std::size_t size) {
  std::string& text = texts_.emplace_back(static_cast<const char*>(data), size);
  side_bytes_ += size;
  return {text.data(), text.size()};
}

void Batch::add_checkpoint(const kifa_checkpoint& checkpoint) {
  kifa_checkpoint kept{};
  kept.struct_size = sizeof(kept);
  kept.flags = checkpoint.flags;
  kept.position = checkpoint.position;
  const kifa_str state = keep_text(checkpoint.state.data, checkpoint.state.size);
  kept.state = {reinterpret_cast<const std::uint8_t*>(state.data), state.size};
  const std::string_view key = to_view(checkpoint.key);
  const auto same = std::ranges::find_if(
      checkpoints_, [&](const kifa_checkpoint& other) { return to_view(other.key) == key; });
  if (same != checkpoints_.end()) {
    kept.key = same->key;
    *same = kept;
    return;
  }
  kept.key = keep_text(key.data(), key.size());
  checkpoints_.push_back(kept);
}

void Batch::add_gap(const kifa_gap& gap) {
  const auto same = std::ranges::find_if(gaps_, [&](const kifa_gap& other) {
    return other.stream == gap.stream && other.reason == gap.reason &&
           (to_view(other.detail) == to_view(gap.detail) || gaps_.size() >= kBatchGapsMax);
  });
  if (same != gaps_.end()) {
    same->records += gap.records;
    same->bytes += gap.bytes;
    return;
  }
  kifa_gap kept = gap;
  kept.struct_size = sizeof(kept);
  kept.detail = keep_text(gap.detail.data, gap.detail.size);
  gaps_.push_back(kept);
}

void Batch::seal(std::string_view origin) {
  view_.struct_size = sizeof(view_);
  view_.record_stride = sizeof(kifa_record);
  view_.records = records_.data();
  view_.record_count = record_count();
  view_.origin = to_abi(origin);
  view_.checkpoints = checkpoints_.data();
  view_.checkpoint_count = static_cast<std::uint32_t>(checkpoints_.size());
  view_.checkpoint_stride = sizeof(kifa_checkpoint);
  view_.gaps = gaps_.data();
  view_.gap_count = static_cast<std::uint32_t>(gaps_.size());
  view_.gap_stride = sizeof(kifa_gap);
}

void Batch::settle(std::uint64_t first_lsn, kifa_status status) {
  KIFA_ASSERT(!settled());
  first_lsn_ = first_lsn;
  status_ = status;
  const std::shared_ptr<Waker> owner = owner_;
  settled_.store(true, std::memory_order_release);
  if (owner != nullptr) {
    owner->wake();
  }
}

void Batch::number_records() {
  KIFA_ASSERT(settled());
  if (first_lsn_ != 0) {
    std::uint64_t lsn = first_lsn_;
    for (kifa_record& record : records_) {
      record.lsn = lsn++;
    }
  }
}

BatchPtr BatchPool::take(std::uint64_t sequence, const std::shared_ptr<Waker>& owner) {
  std::unique_ptr<Batch> batch;
  {
    const MutexLock lock(mutex_);
    if (!free_.empty()) {
      batch = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (batch == nullptr) {
    batch = std::make_unique<Batch>();
  }
  batch->reset(sequence, owner);
  return {batch.release(), [pool = shared_from_this()](Batch* returned) {
            pool->give_back(std::unique_ptr<Batch>(returned));
          }};
}

void BatchPool::give_back(std::unique_ptr<Batch> batch) {
  batch->reset(0, nullptr);  // lets go of attribute sets and the source
  const MutexLock lock(mutex_);
  if (free_.size() < kPoolBatchesMax) {
    free_.push_back(std::move(batch));
  }
}

bool BatchPool::is_fat() const {
  const MutexLock lock(mutex_);
  return free_.size() > 1 || std::ranges::any_of(free_, [](const std::unique_ptr<Batch>& batch) {
           return !batch->is_small();
         });
}

void BatchPool::trim() {
  std::vector<std::unique_ptr<Batch>> dropped;  // given back outside the lock
  const MutexLock lock(mutex_);
  const auto small = std::ranges::find_if(
      free_, [](const std::unique_ptr<Batch>& batch) { return batch->is_small(); });
  std::unique_ptr<Batch> kept;
  if (small != free_.end()) {
    kept = std::move(*small);
  }
  dropped.swap(free_);
  if (kept != nullptr) {
    free_.push_back(std::move(kept));
  }
}

bool Batch::is_small() const {
  return arena_.capacity() <= kIdleBatchBytesMax && records_.capacity() <= kIdleRecordsMax;
}

}  // namespace kifa::pipeline
