#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/types.hpp"

namespace kifa::pipeline {

using Bytes = std::span<const std::uint8_t>;

// A growing run of bytes that can be eaten from the front. Large ones are mappings of their own, so
// that giving them back really gives memory back to the system (malloc keeps what it once had).
//
// Threads: confined. Errors: none; running out of memory ends the process.
class Buffer final {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { release(); }

  // Adds `bytes` at the end; every pointer into the buffer may move.
  void append(Bytes bytes);
  // Makes room for `more` bytes behind the last one without changing the content.
  void reserve(std::size_t more);
  // Copies `bytes` to the end; the room must be there (reserve()). Returns where they stand.
  std::uint8_t* put(Bytes bytes);
  // Drops the first `count` bytes.
  void consume(std::size_t count);
  void clear() {
    begin_ = 0;
    end_ = 0;
  }
  // Gives the memory back.
  void release();

  [[nodiscard]] Bytes bytes() const { return {data_ + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t room() const { return capacity_ - end_; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kifa::pipeline
