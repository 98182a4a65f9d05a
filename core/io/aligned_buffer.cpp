#include <sys/mman.h>

#include <new>
#include <utility>

#include "core/base/assert.hpp"
#include "core/io/file_system.hpp"

namespace kifa::io {

namespace {

constexpr std::size_t kAlignmentMin = 4096;  // what every device with 4 KiB blocks accepts

// Whole huge pages, where the system has them to give.
std::byte* map_huge(std::size_t bytes) {
  const std::size_t mapped = bytes + kHugePageBytes;  // an aligned part of it is kept
  void* const got =
      ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KIFA_ASSERT(got != MAP_FAILED);
  auto* const first = static_cast<std::byte*>(got);
  const std::size_t unaligned = reinterpret_cast<std::uintptr_t>(first) % kHugePageBytes;
  const std::size_t before = unaligned == 0 ? 0 : kHugePageBytes - unaligned;
  if (before != 0) {
    ::munmap(first, before);
  }
  ::munmap(first + before + bytes, mapped - before - bytes);
  ::madvise(first + before, bytes, MADV_HUGEPAGE);
  return first + before;
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes, std::size_t alignment) : bytes_(bytes) {
  KIFA_ASSERT(alignment != 0 && (alignment & (alignment - 1)) == 0);
  if (bytes == 0) {
    return;
  }
  alignment_ = alignment < kAlignmentMin ? kAlignmentMin : alignment;
  data_ =
      static_cast<std::byte*>(::operator new(bytes, std::align_val_t{alignment_}, std::nothrow));
  KIFA_ASSERT(data_ != nullptr);
}

AlignedBuffer AlignedBuffer::huge(std::size_t bytes) {
  AlignedBuffer buffer;
  buffer.bytes_ = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  buffer.is_mapped_ = true;
  buffer.data_ = map_huge(buffer.bytes_);
  return buffer;
}

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      is_mapped_(std::exchange(other.is_mapped_, false)),
      alignment_(other.alignment_) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(is_mapped_, other.is_mapped_);
    std::swap(alignment_, other.alignment_);
  }
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  if (is_mapped_) {
    ::munmap(data_, bytes_);
  } else if (data_ != nullptr) {
    ::operator delete(data_, std::align_val_t{alignment_});
  }
}

}  // namespace kifa::io
