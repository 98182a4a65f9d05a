#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/store/store.hpp"
#include "examples/gen-transactions/stream.hpp"

namespace kifa::bench {

inline constexpr std::size_t kRecordBytes = 200;
inline constexpr std::size_t kBatchRecords = 4096;

// Batches of generated transactions, made beforehand: what is measured is the store. They come
// round again after 13 MB, which no block of a table is large enough to notice.
class Transactions final {
 public:
  explicit Transactions(std::size_t batches = kBatches) {
    gen::RecordStream stream({.size = kRecordBytes + 1});
    for (std::size_t i = 0; i < batches; ++i) {
      std::string& text = texts_.emplace_back();
      while (text.size() < kBatchRecords * (kRecordBytes + 1)) {
        text += stream.next(1, kRecordBytes + 1).bytes;
      }
      std::vector<store::RecordView>& records = records_.emplace_back(kBatchRecords);
      for (std::size_t n = 0; n < kBatchRecords; ++n) {
        records[n].payload =
            as_byte_view(std::string_view(text).substr(n * (kRecordBytes + 1), kRecordBytes));
      }
    }
  }
  // The next batch, of records observed now.
  store::BatchView batch(std::size_t count) {
    std::vector<store::RecordView>& records = records_[next_++ % records_.size()];
    const std::int64_t now = clock_.now_unix_ns();
    for (std::size_t i = 0; i < count; ++i) {
      records[i].observed_unix_ns = now + static_cast<std::int64_t>(i) * 1000;
    }
    return {.pipeline = "till-1",
            .source = "journal",
            .records = std::span(records).first(count),
            .checkpoints = {},
            .events = {}};
  }

 private:
  static constexpr std::size_t kBatches = 16;

  SystemClock clock_;
  std::deque<std::string> texts_;
  std::vector<std::vector<store::RecordView>> records_;
  std::size_t next_ = 0;
};

}  // namespace kifa::bench
