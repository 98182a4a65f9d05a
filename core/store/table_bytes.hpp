#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "core/base/types.hpp"
#include "core/store/format.hpp"

// Bytes of a table in memory: gathering them fast and taking them apart without believing them.
namespace kifa::store {

// Bytes that are appended. Grows without initialising; clear() keeps the memory.
class ByteBuffer final {
 public:
  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] ByteView view() const { return {bytes_.get(), used_}; }
  void clear() { used_ = 0; }

  // Room for `size` bytes whose content is not defined; the size is set to it.
  MutableBytes resize_for_overwrite(std::size_t size) {
    used_ = 0;
    reserve_more(size);
    used_ = size;
    return {bytes_.get(), size};
  }
  void truncate(std::size_t size) { used_ = size; }
  void put_bytes(ByteView bytes) {
    if (bytes.empty()) {
      return;
    }
    reserve_more(bytes.size());
    std::memcpy(bytes_.get() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  void put_text(std::string_view text) { put_bytes(as_byte_view(text)); }
  template <class T>
  void put(const T& value) {
    put_bytes(std::as_bytes(std::span(&value, 1)));
  }
  // Seven bits a byte, the lowest first; the highest bit says that another byte follows.
  void put_varint(std::uint64_t value) {
    reserve_more(kVarintBytesMax);
    std::byte* to = bytes_.get() + used_;
    while (value >= 0x80) {
      *to++ = static_cast<std::byte>(value | 0x80U);
      value >>= 7U;
    }
    *to++ = static_cast<std::byte>(value);
    used_ = static_cast<std::size_t>(to - bytes_.get());
  }
  // A difference that may be negative: small ones of either sign become small numbers.
  void put_difference(std::uint64_t difference) {
    put_varint((difference << 1U) ^ ((difference >> 63U) != 0 ? ~std::uint64_t{0} : 0));
  }

 private:
  static constexpr std::size_t kVarintBytesMax = 10;

  void reserve_more(std::size_t more) {
    if (more > capacity_ - used_) {
      grow(used_ + more);
    }
  }
  void grow(std::size_t least) {
    const std::size_t capacity = least < 4096 ? 4096 : least + least / 2;
    auto larger = std::make_unique_for_overwrite<std::byte[]>(capacity);  // NOLINT(*-c-arrays)
    if (used_ != 0) {
      std::memcpy(larger.get(), bytes_.get(), used_);
    }
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> bytes_;  // NOLINT(*-avoid-c-arrays): not to be initialised
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

// Takes outside bytes apart from the front and remembers whether something was missing.
class ByteCursor final {
 public:
  ByteCursor() = default;
  explicit ByteCursor(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  T take() {
    const ByteView raw = take_bytes(sizeof(T));
    return good_ ? load<T>(raw.data()) : T{};
  }
  ByteView take_bytes(std::size_t size) {
    if (size > bytes_.size()) {
      good_ = false;
      return {};
    }
    const ByteView taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  std::string_view take_text(std::size_t size) { return as_text(take_bytes(size)); }
  std::uint64_t take_varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint64_t>(bytes_.front());
      bytes_ = bytes_.subspan(1);
      if (shift == 63 && byte > 1) {
        break;  // more than 64 bits
      }
      value |= (byte & 0x7FU) << shift;
      if (byte < 0x80U) {
        return value;
      }
    }
    good_ = false;
    return 0;
  }
  std::uint64_t take_difference() {
    const std::uint64_t value = take_varint();
    return (value >> 1U) ^ ((value & 1U) != 0 ? ~std::uint64_t{0} : 0);
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  ByteView bytes_;
  bool good_ = true;
};

}  // namespace kifa::store
