#pragma once

#include <kifa/plugin.h>
#include <kifa/sdk.hpp>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins::testing {

// Builds a batch as the host would; everything lives as long as this object.
class BatchBuilder final {
 public:
  BatchBuilder(std::uint64_t ticket, std::string_view origin) {
    batch_.struct_size = sizeof batch_;
    batch_.record_stride = sizeof(kifa_record);
    batch_.checkpoint_stride = sizeof(kifa_checkpoint);
    batch_.gap_stride = sizeof(kifa_gap);
    batch_.ticket = ticket;
    batch_.origin = keep(origin);
  }
  BatchBuilder(const BatchBuilder&) = delete;
  BatchBuilder& operator=(const BatchBuilder&) = delete;
  ~BatchBuilder() = default;

  // Attributes that records share: give the same number to each.
  using Texts = std::vector<std::pair<std::string, std::string>>;
  std::size_t add_attributes(const Texts& attributes) {
    std::vector<kifa_attr>& made = attributes_.emplace_back();
    for (const auto& [key, value] : attributes) {
      made.push_back({keep(key), keep(value)});
    }
    return attributes_.size() - 1;
  }
  void add_record(std::string_view payload, std::size_t attributes, std::int64_t unix_ns = 1,
                  std::uint32_t flags = 0) {
    const kifa_str kept = keep(payload);
    const std::vector<kifa_attr>& shared = attributes_.at(attributes);
    records_.push_back({0,
                        unix_ns,
                        {reinterpret_cast<const std::uint8_t*>(kept.data), kept.size},
                        shared.data(),
                        static_cast<std::uint32_t>(shared.size()),
                        flags});
  }
  void add_checkpoint(std::string_view key, std::uint64_t position, std::string_view state,
                      std::uint32_t flags = 0) {
    const kifa_str kept = keep(state);
    checkpoints_.push_back({sizeof(kifa_checkpoint),
                            flags,
                            keep(key),
                            position,
                            {reinterpret_cast<const std::uint8_t*>(kept.data), kept.size}});
  }
  void add_gap(std::uint32_t reason, std::uint64_t records, std::uint64_t bytes,
               std::string_view detail) {
    gaps_.push_back({sizeof(kifa_gap), reason, 1, records, bytes, keep(detail)});
  }

  const kifa_batch* raw() {
    batch_.records = records_.data();
    batch_.record_count = static_cast<std::uint32_t>(records_.size());
    batch_.checkpoints = checkpoints_.data();
    batch_.checkpoint_count = static_cast<std::uint32_t>(checkpoints_.size());
    batch_.gaps = gaps_.data();
    batch_.gap_count = static_cast<std::uint32_t>(gaps_.size());
    return &batch_;
  }
  sdk::BatchView view() { return sdk::BatchView(raw()); }

 private:
  kifa_str keep(std::string_view text) {
    const std::string& kept = texts_.emplace_back(text);
    return {kept.data(), kept.size()};
  }

  std::deque<std::string> texts_;
  std::deque<std::vector<kifa_attr>> attributes_;
  std::vector<kifa_record> records_;
  std::vector<kifa_checkpoint> checkpoints_;
  std::vector<kifa_gap> gaps_;
  kifa_batch batch_{};
};

}  // namespace kifa::plugins::testing
