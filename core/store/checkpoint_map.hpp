#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/limits.hpp"
#include "core/store/records.hpp"

namespace kifa::store {

// The live checkpoints by origin and key, within the limits of core/base/limits.hpp.
//
// Threads: guarded by its owner.
class CheckpointMap final {
 public:
  void apply(const Checkpoint& checkpoint) {
    const auto found = map_.find({checkpoint.origin, checkpoint.key});
    if (found != map_.end()) {
      bytes_ -= bytes_of(found->second);
      map_.erase(found);
    }
    if (!checkpoint.forget) {
      bytes_ += bytes_of(checkpoint);
      map_.emplace(std::pair(checkpoint.origin, checkpoint.key), checkpoint);
    }
  }
  // Whether `checkpoint` may be applied without exceeding a limit; replacing and forgetting always
  // may.
  [[nodiscard]] bool has_room_for(const Checkpoint& checkpoint) const {
    if (checkpoint.forget || map_.contains({checkpoint.origin, checkpoint.key})) {
      return true;
    }
    return map_.size() < limits::kCheckpointStreamsMax &&
           bytes_ + bytes_of(checkpoint) <= limits::kCheckpointBytesMax;
  }
  [[nodiscard]] std::vector<Checkpoint> of(std::string_view origin) const {
    std::vector<Checkpoint> found;
    for (auto at = map_.lower_bound({std::string(origin), std::string()});
         at != map_.end() && at->first.first == origin; ++at) {
      found.push_back(at->second);
    }
    return found;
  }
  // All, in the order of origin and key.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [key, checkpoint] : map_) {
      visit(checkpoint);
    }
  }
  [[nodiscard]] std::size_t size() const { return map_.size(); }

 private:
  static std::size_t bytes_of(const Checkpoint& checkpoint) {
    return checkpoint.origin.size() + checkpoint.key.size() + checkpoint.state.size();
  }
  std::map<std::pair<std::string, std::string>, Checkpoint> map_;
  std::size_t bytes_ = 0;
};

}  // namespace kifa::store
