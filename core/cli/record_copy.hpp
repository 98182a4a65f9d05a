#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/records.hpp"

namespace kifa::cli {

// A record that was read, with memory of its own.
//
// Threads: immutable.
class RecordCopy final {
 public:
  explicit RecordCopy(const store::RecordView& record);
  RecordCopy(const RecordCopy&) = delete;
  RecordCopy& operator=(const RecordCopy&) = delete;
  ~RecordCopy() = default;

  [[nodiscard]] const store::RecordView& view() const { return view_; }
  [[nodiscard]] std::size_t memory_bytes() const {
    return sizeof(*this) + text_.size() + attributes_.size() * sizeof(store::Attribute);
  }

 private:
  std::string text_;  // everything that the views point into; never changed
  std::vector<store::Attribute> attributes_;
  store::RecordView view_;
};

}  // namespace kifa::cli
