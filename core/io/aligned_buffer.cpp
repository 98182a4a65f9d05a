#include <new>
#include <utility>

#include "core/base/assert.hpp"
#include "core/io/file_system.hpp"

namespace kifa::io {

namespace {

constexpr std::size_t kAlignmentMin = 4096;  // what every device with 4 KiB blocks accepts

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

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      alignment_(other.alignment_) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  if (this != &other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(alignment_, other.alignment_);
  }
  return *this;
}

AlignedBuffer::~AlignedBuffer() {
  if (data_ != nullptr) {
    ::operator delete(data_, std::align_val_t{alignment_});
  }
}

}  // namespace kifa::io
