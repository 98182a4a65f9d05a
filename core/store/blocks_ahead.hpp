#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <span>
#include <thread>

#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/store/table_codec.hpp"
#include "core/store/table_file.hpp"

namespace kifa::store {

// Loads the blocks of a table for a scan, in the order in which they are wanted.
//
// Whoever wants many gets a thread that reads, checks and decompresses some of them ahead, while
// those before them are taken apart; whoever wants few gets one at a time and no thread. Neither
// side wakes the other for every block: the one that waits sleeps until there are several.
//
// Threads: confined; it has one thread of its own.
// Limits:  kBlocksMax blocks ahead, and no further one when they have kBytesMax.
class BlocksAhead final {
 public:
  static constexpr std::size_t kBlocksMax = 32;
  static constexpr std::size_t kBytesMax = 2_MiB;   // blocks of the usual size reach it together
  static constexpr std::size_t kBlocksBefore = 16;  // loaded one at a time before it begins
  static constexpr std::size_t kKeptBytesMax = 128_KiB;  // of a buffer that is used again

  struct Loaded {
    Status status;
    TableBlock block;
    std::size_t bytes = 0;  // of its content
  };

  explicit BlocksAhead(const TableFile& file) : file_(file) {}
  BlocksAhead(const BlocksAhead&) = delete;
  BlocksAhead& operator=(const BlocksAhead&) = delete;
  ~BlocksAhead();

  // These are wanted behind all that were added before.
  void add(std::span<const TableIndexEntry> entries);
  // The next one that was added and not taken yet, which there must be. Valid until the next
  // take().
  [[nodiscard]] const Loaded& take();

 private:
  void run();
  [[nodiscard]] bool can_load() const KIFA_REQUIRES(mutex_) {
    return !entries_.empty() && !is_full_;
  }
  void load(const TableIndexEntry& entry, Loaded& into);
  static void forget_large(Loaded& released);

  const TableFile& file_;
  BlockCodec codec_;  // of the thread, once there is one
  std::size_t taken_count_ = 0;
  std::size_t taken_ = 0;  // index of the one that was taken last

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<TableIndexEntry> entries_ KIFA_GUARDED_BY(mutex_);  // nobody has begun to load them
  // A ring: the one that is taken, then the loaded ones, then free ones, one of which is the
  // thread's. Each has one owner at a time.
  std::array<Loaded, kBlocksMax + 2> ring_;
  std::size_t first_ KIFA_GUARDED_BY(mutex_) = 0;  // index of the first loaded one
  std::size_t loaded_count_ KIFA_GUARDED_BY(mutex_) = 0;
  std::size_t loaded_bytes_ KIFA_GUARDED_BY(mutex_) = 0;
  bool is_full_ KIFA_GUARDED_BY(mutex_) = false;  // until half of it is taken
  bool is_waited_for_ KIFA_GUARDED_BY(mutex_) = false;
  bool is_ending_ KIFA_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace kifa::store
