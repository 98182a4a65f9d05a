#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/store/records.hpp"

namespace kifa::plugins::kifa_sink {

// Shows a batch of the host as the store wants it. Copies no payload and, once its vectors have
// grown, allocates nothing for records: attributes are converted once for all neighbours that share
// them.
//
// The attributes kifa.pipeline and kifa.source say what the batch's origin says already and are
// left out; should they say something else, they are kept.
//
// Threads: confined to one.
class BatchConverter final {
 public:
  // The result views into `batch` and into this object: valid until the next call. `now_unix_ns` is
  // the time of gaps.
  store::BatchView convert(sdk::BatchView batch, std::int64_t now_unix_ns);

 private:
  void convert_records(sdk::Records records);
  std::span<const store::Attribute> convert_attributes(std::span<const kifa_attr> attributes);
  void convert_checkpoints(sdk::BatchView batch);
  void convert_gaps(sdk::BatchView batch, std::int64_t now_unix_ns);

  std::string_view pipeline_;
  std::string_view source_;
  std::vector<store::RecordView> records_;
  std::vector<store::Attribute> attributes_;
  std::vector<store::Checkpoint> checkpoints_;  // never shrinks: keeps the strings' memory
  std::vector<store::Event> events_;
};

}  // namespace kifa::plugins::kifa_sink
