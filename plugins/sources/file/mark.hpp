#pragma once

#include <kifa/sdk.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kifa::plugins::file_source {

inline constexpr std::size_t kHeadBytes = 1024;
inline constexpr std::size_t kTailBytes = 128;

// FNV-1a. It finds files that differ, not people who want two files to look alike.
struct Hash {
  std::uint64_t value = 0xCBF29CE484222325U;

  void add(sdk::Bytes bytes) {
    for (const std::uint8_t byte : bytes) {
      value = (value ^ byte) * 0x00000100000001B3U;
    }
  }
  static std::uint64_t of(sdk::Bytes bytes) {
    Hash hash;
    hash.add(bytes);
    return hash.value;
  }
};

// By what a content is known again in whatever file it is: its first bytes, and those before a
// place that was read up to.
struct Mark {
  std::uint32_t head_bytes = 0;
  std::uint64_t head_hash = Hash().value;
  std::uint64_t tail_offset = 0;  // behind the tail, which has tail_bytes()
  std::uint64_t tail_hash = Hash().value;

  [[nodiscard]] std::size_t tail_bytes() const {
    return static_cast<std::size_t>(std::min<std::uint64_t>(tail_offset, kTailBytes));
  }
};

// The mark of a content that is read from its beginning, kept up to date with every byte.
//
// Threads: confined.
class Trail final {
 public:
  [[nodiscard]] const Mark& mark() const { return mark_; }
  // A mark that was stored; before more is added, tail() has to be told what stands there.
  void set(const Mark& mark) {
    mark_ = mark;
    has_tail_ = mark.tail_offset == 0;
    tail_size_ = 0;
  }
  [[nodiscard]] bool has_tail() const { return has_tail_; }
  // The bytes that stand before `offset`, up to kTailBytes of them.
  void set_tail(std::uint64_t offset, sdk::Bytes before) {
    mark_.tail_offset = offset;
    tail_size_ = 0;
    keep(before);
    has_tail_ = true;
  }
  void set_head(sdk::Bytes head) {
    mark_.head_bytes = static_cast<std::uint32_t>(head.size());
    mark_.head_hash = Hash::of(head);
  }

  // The content goes on with `bytes` at mark().tail_offset.
  void add(sdk::Bytes bytes) {
    if (mark_.head_bytes == mark_.tail_offset && mark_.head_bytes < kHeadBytes) {
      const sdk::Bytes head = bytes.first(std::min(bytes.size(), kHeadBytes - mark_.head_bytes));
      Hash hash{mark_.head_hash};
      hash.add(head);
      mark_.head_hash = hash.value;
      mark_.head_bytes += static_cast<std::uint32_t>(head.size());
    }
    mark_.tail_offset += bytes.size();
    keep(bytes);
  }

 private:
  void keep(sdk::Bytes bytes) {
    if (bytes.size() >= kTailBytes) {
      tail_size_ = 0;
      bytes = bytes.last(kTailBytes);
    } else if (tail_size_ + bytes.size() > kTailBytes) {
      const std::size_t kept = kTailBytes - bytes.size();
      std::memmove(tail_.data(), tail_.data() + tail_size_ - kept, kept);
      tail_size_ = kept;
    }
    std::ranges::copy(bytes, tail_.begin() + static_cast<std::ptrdiff_t>(tail_size_));
    tail_size_ += bytes.size();
    mark_.tail_hash = Hash::of(sdk::Bytes(tail_).first(tail_size_));
  }

  Mark mark_;
  std::array<std::uint8_t, kTailBytes> tail_{};
  std::size_t tail_size_ = 0;
  bool has_tail_ = true;
};

}  // namespace kifa::plugins::file_source
