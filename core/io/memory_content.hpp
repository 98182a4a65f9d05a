#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/types.hpp"

// The bytes of files in memory, cut into pages that any number of files, writes and crash images
// share. For tests.
namespace kifa::io {

inline constexpr std::size_t kMemoryPageBytes = 4096;
inline constexpr std::size_t kSectorBytes = 512;  // what a disk writes whole or not at all

using MemoryPage = std::array<std::byte, kMemoryPageBytes>;
using MemoryPageRef = std::shared_ptr<const MemoryPage>;  // null: a hole

// The bytes of one write at their place in the file.
//
// Threads: a value; its pages are immutable and shared.
class Extent final {
 public:
  Extent() = default;
  Extent(std::uint64_t offset, ByteView bytes);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t end() const { return offset_ + bytes_; }
  [[nodiscard]] std::uint64_t size() const { return bytes_; }
  // The sectors that it touches, counted from the one in which it begins.
  [[nodiscard]] std::size_t sector_count() const;
  [[nodiscard]] bool overlaps(const Extent& other) const {
    return offset_ < other.end() && other.offset_ < end();
  }
  [[nodiscard]] bool is_zero() const;  // nothing but zeros
  // Only its first `bytes` bytes.
  [[nodiscard]] Extent truncated(std::uint64_t bytes) const;
  // The runs of sectors whose entry in `keep` (sector_count() of them) is true.
  [[nodiscard]] std::vector<Extent> runs(const std::vector<bool>& keep) const;
  // Pages from the one in which it begins; bytes outside the extent are without meaning.
  [[nodiscard]] const std::vector<MemoryPageRef>& pages() const { return pages_; }

 private:
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<MemoryPageRef> pages_;
};

// A file's bytes, with holes. Copies are cheap: they share everything until one is written.
//
// Threads: a value; what copies share is immutable.
class Content final {
 public:
  [[nodiscard]] std::uint64_t size() const { return bytes_; }
  [[nodiscard]] std::uint64_t allocated_bytes() const {
    return allocated_pages_ * kMemoryPageBytes;
  }
  // What writing `extent` would add to allocated_bytes().
  [[nodiscard]] std::uint64_t bytes_to_allocate(const Extent& extent) const;
  [[nodiscard]] std::size_t read(MutableBytes into, std::uint64_t offset) const;

  void write(const Extent& extent);
  // Only the sectors of `extent` whose entry in `keep` (sector_count() of them) is true. The file
  // grows to the end of the last of them.
  void write_sectors(const Extent& extent, const std::vector<bool>& keep);
  void resize(std::uint64_t bytes);

 private:
  static constexpr std::size_t kChunkPages = 64;
  using Chunk = std::array<MemoryPageRef, kChunkPages>;

  struct Edit {  // the chunk that one call is changing, copied once
    std::size_t index = 0;
    std::shared_ptr<Chunk> chunk;
  };

  [[nodiscard]] const MemoryPageRef& page(std::uint64_t index) const;
  void set_page(Edit& edit, std::uint64_t index, MemoryPageRef page);

  std::uint64_t bytes_ = 0;
  std::uint64_t allocated_pages_ = 0;
  std::vector<std::shared_ptr<const Chunk>> chunks_;  // null: a hole
};

}  // namespace kifa::io
