#include "core/store/blocks_ahead.hpp"

#include <pthread.h>

#include "core/base/assert.hpp"

namespace kifa::store {

BlocksAhead::~BlocksAhead() {
  {
    const MutexLock lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
}

void BlocksAhead::add(std::span<const TableIndexEntry> entries) {
  const MutexLock lock(mutex_);
  entries_.insert(entries_.end(), entries.begin(), entries.end());
  changed_.notify_all();
}

const BlocksAhead::Loaded& BlocksAhead::take() {
  const MutexLock lock(mutex_);
  forget_large(ring_[taken_]);
  if (taken_count_++ < kBlocksBefore) {
    KIFA_ASSERT(!entries_.empty());
    const TableIndexEntry entry = entries_.front();
    entries_.pop_front();
    load(entry, ring_[first_]);
    return ring_[first_];
  }
  if (!thread_.joinable()) {
    thread_ = std::jthread([this] { run(); });
    ::pthread_setname_np(thread_.native_handle(), "kifa-blocks");
  }
  if (is_full_ && loaded_count_ <= kBlocksMax / 2 && loaded_bytes_ <= kBytesMax / 2) {
    is_full_ = false;
    changed_.notify_all();
  }
  is_waited_for_ = loaded_count_ == 0;
  while (is_waited_for_) {
    changed_.wait(mutex_);
  }
  taken_ = first_;
  const Loaded& taken = ring_[taken_];
  first_ = (first_ + 1) % ring_.size();
  --loaded_count_;
  loaded_bytes_ -= taken.bytes;
  return taken;
}

void BlocksAhead::run() {
  constexpr std::size_t kSeveral = kBlocksMax / 4;
  mutex_.lock();
  while (!is_ending_) {
    if (!can_load()) {
      changed_.wait(mutex_);
      continue;
    }
    const TableIndexEntry entry = entries_.front();
    entries_.pop_front();
    Loaded& next = ring_[(first_ + loaded_count_) % ring_.size()];
    mutex_.unlock();
    load(entry, next);
    mutex_.lock();
    ++loaded_count_;
    loaded_bytes_ += next.bytes;
    is_full_ = loaded_count_ >= kBlocksMax || loaded_bytes_ >= kBytesMax;
    if (is_waited_for_ && (loaded_count_ >= kSeveral || !can_load())) {
      is_waited_for_ = false;
      changed_.notify_all();
    }
  }
  mutex_.unlock();
}

// A block of one large record may be there once only; its buffers are not kept for others.
void BlocksAhead::forget_large(Loaded& released) {
  for (ByteBuffer* const buffer : {&released.block.stored, &released.block.raw}) {
    if (buffer->capacity() > kKeptBytesMax) {
      *buffer = ByteBuffer();
    }
  }
}

void BlocksAhead::load(const TableIndexEntry& entry, Loaded& into) {
  into.status = file_.load_block(entry, codec_, into.block);
  into.bytes = into.status ? into.block.content().size() : 0;
}

}  // namespace kifa::store
