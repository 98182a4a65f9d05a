#include "core/pipeline/buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::pipeline {

namespace {

constexpr std::size_t kFirstCapacity = 4_KiB;
constexpr std::size_t kMappedFrom = 128_KiB;

std::uint8_t* allocate(std::size_t capacity) {
  if (capacity < kMappedFrom) {
    auto* data = static_cast<std::uint8_t*>(std::malloc(capacity));
    KIFA_ASSERT(data != nullptr);
    return data;
  }
  void* data =
      ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  KIFA_ASSERT(data != MAP_FAILED);
  return static_cast<std::uint8_t*>(data);
}

void give_back(std::uint8_t* data, std::size_t capacity) {
  if (capacity < kMappedFrom) {
    std::free(data);
  } else {
    ::munmap(data, capacity);
  }
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
  }
  return *this;
}

void Buffer::release() {
  if (data_ != nullptr) {
    give_back(data_, capacity_);
  }
  data_ = nullptr;
  capacity_ = 0;
  clear();
}

void Buffer::reserve(std::size_t more) {
  if (capacity_ - end_ >= more) {
    return;
  }
  const std::size_t held = size();
  // Half-eaten buffers are moved to the front instead of growing; `begin_ >= held` keeps the cost
  // of moving below the cost of what was eaten.
  if (begin_ >= held && capacity_ - held >= more) {
    std::memmove(data_, data_ + begin_, held);
    begin_ = 0;
    end_ = held;
    return;
  }
  const std::size_t capacity = std::max(kFirstCapacity, std::bit_ceil(held + more));
  std::uint8_t* data = allocate(capacity);
  if (held != 0) {
    std::memcpy(data, data_ + begin_, held);
  }
  if (data_ != nullptr) {
    give_back(data_, capacity_);
  }
  data_ = data;
  capacity_ = capacity;
  begin_ = 0;
  end_ = held;
}

std::uint8_t* Buffer::put(Bytes bytes) {
  KIFA_ASSERT(capacity_ - end_ >= bytes.size());
  std::uint8_t* at = data_ + end_;
  if (!bytes.empty()) {
    std::memcpy(at, bytes.data(), bytes.size());
  }
  end_ += bytes.size();
  return at;
}

void Buffer::append(Bytes bytes) {
  if (!bytes.empty()) {
    reserve(bytes.size());
    put(bytes);
  }
}

void Buffer::consume(std::size_t count) {
  KIFA_ASSERT(count <= size());
  begin_ += count;
  if (begin_ == end_) {
    clear();
  }
}

}  // namespace kifa::pipeline
