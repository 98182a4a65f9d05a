#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kifa {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

[[nodiscard]] inline ByteView as_byte_view(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()),
          bytes.size()};  // NOLINT: bytes seen as chars
}

// Log sequence number: the position of a record in the store's total order. Dense from 1; 0 means
// "none".
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
  [[nodiscard]] Lsn next() const { return {value + 1}; }
};

inline namespace literals {
consteval std::uint64_t operator""_KiB(unsigned long long n) { return n << 10U; }
consteval std::uint64_t operator""_MiB(unsigned long long n) { return n << 20U; }
consteval std::uint64_t operator""_GiB(unsigned long long n) { return n << 30U; }
}  // namespace literals

}  // namespace kifa
