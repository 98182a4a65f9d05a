#pragma once

#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace kifa::plugins {

inline constexpr std::size_t kGatherBytes = std::size_t{256} << 10U;  // handed over from there on
// Most bytes of a payload that are turned into text at once: a payload of many MiB, and what comes
// of it, is never in the buffer as a whole.
inline constexpr std::size_t kSliceBytes = std::size_t{16} << 10U;

// Bytes on their way out, gathered so that they leave in few large pieces. Unlike std::string it
// does not zero what is about to be written.
//
// room(n) gives a place for at least n bytes; what was written there counts after advance_to().
// Memory grows to the largest need and stays.
//
// Threads: confined to one. Errors: std::bad_alloc; handing over gives those of the writer.
class OutputBuffer final {
 public:
  [[nodiscard]] char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) {
      grow(bytes);
    }
    return bytes_.get() + size_;
  }
  // `end`: behind the last byte that was written into room().
  void advance_to(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

  void append(std::string_view text) {
    char* const at = room(text.size());
    if (!text.empty()) {
      std::memcpy(at, text.data(), text.size());
    }
    advance_to(at + text.size());
  }

  [[nodiscard]] kifa_status hand_over(sdk::Writer out) {
    const kifa_status status = size_ > 0 ? out.append(view()) : KIFA_OK;
    size_ = 0;
    return status;
  }
  [[nodiscard]] kifa_status hand_over_if_large(sdk::Writer out) {
    return size_ >= kGatherBytes ? hand_over(out) : KIFA_OK;
  }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() { size_ = 0; }

 private:
  void grow(std::size_t bytes) {
    const std::size_t capacity = std::max(size_ + bytes, capacity_ * 2);
    std::unique_ptr<char[]> larger(new char[capacity]);
    if (size_ > 0) {
      std::memcpy(larger.get(), bytes_.get(), size_);
    }
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace kifa::plugins
