#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/size_text.hpp"
#include "core/config/options.hpp"

namespace kifa::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::int64_t kSecond = 1'000'000'000;
// From large to small: a duration names each at most once, in this order.
constexpr Unit kDurationUnits[] = {{"d", 86'400 * kSecond},
                                   {"h", 3'600 * kSecond},
                                   {"m", 60 * kSecond},
                                   {"s", kSecond},
                                   {"ms", 1'000'000},
                                   {"us", 1'000},
                                   {"ns", 1}};
constexpr Unit kSizeUnits[] = {{"TiB", std::int64_t{1} << 40},
                               {"GiB", std::int64_t{1} << 30},
                               {"MiB", std::int64_t{1} << 20},
                               {"KiB", std::int64_t{1} << 10},
                               {"B", 1}};

// The digits at the start of `text`, taken off it; nullopt: none, a leading zero, or too many.
[[nodiscard]] std::optional<std::int64_t> take_number(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && text[size] >= '0' && text[size] <= '9') {
    ++size;
  }
  if (size == 0 || (size > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  for (const char digit : text.substr(0, size)) {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, digit - '0', &value)) {
      return std::nullopt;
    }
  }
  text.remove_prefix(size);
  return value;
}

[[nodiscard]] bool add_product(std::int64_t value, std::int64_t factor, std::int64_t& sum) {
  std::int64_t product = 0;
  return !__builtin_mul_overflow(value, factor, &product) &&
         !__builtin_add_overflow(sum, product, &sum);
}

}  // namespace

std::optional<std::int64_t> parse_duration_ns(std::string_view text) {
  if (text == "0") {
    return 0;
  }
  if (text.empty()) {
    return std::nullopt;
  }
  std::int64_t sum = 0;
  const Unit* next_allowed = std::begin(kDurationUnits);
  while (!text.empty()) {
    const std::optional<std::int64_t> value = take_number(text);
    if (!value) {
      return std::nullopt;
    }
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789"));
    const Unit* found = next_allowed;
    while (found != std::end(kDurationUnits) && found->name != unit) {
      ++found;
    }
    if (found == std::end(kDurationUnits) || !add_product(*value, found->factor, sum)) {
      return std::nullopt;
    }
    text.remove_prefix(unit.size());
    next_allowed = found + 1;
  }
  return sum;
}

std::optional<std::int64_t> parse_size_bytes(std::string_view text) {
  const std::optional<std::int64_t> value = take_number(text);
  if (!value) {
    return std::nullopt;
  }
  if (text.empty()) {
    return value;
  }
  for (const Unit& unit : kSizeUnits) {
    std::int64_t bytes = 0;
    if (text == unit.name && add_product(*value, unit.factor, bytes)) {
      return bytes;
    }
  }
  return std::nullopt;
}

std::string format_duration_ns(std::int64_t duration_ns) {
  if (duration_ns <= 0) {
    return duration_ns == 0 ? "0s" : fmt::format("{}ns", duration_ns);
  }
  std::string out;
  for (const Unit& unit : kDurationUnits) {
    if (const std::int64_t count = duration_ns / unit.factor; count > 0) {
      out += fmt::format("{}{}", count, unit.name);
      duration_ns %= unit.factor;
    }
  }
  return out;
}

std::string format_size_bytes(std::int64_t bytes) {
  return exact_size(static_cast<std::uint64_t>(bytes));
}

}  // namespace kifa::config
