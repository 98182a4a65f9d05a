#pragma once

#include <kifa/plugin.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace kifa::sdk {
inline namespace v1 {

// The rules of option declarations, usable at compile time: the builder in options.hpp applies them
// while a plugin is compiled, the host when it loads one.

// [a-z][a-z0-9_]*
[[nodiscard]] constexpr bool is_snake_case(std::string_view text) {
  if (text.empty() || text.front() < 'a' || text.front() > 'z') {
    return false;
  }
  for (const char c : text) {
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') {
      return false;
    }
  }
  return true;
}

namespace detail {

[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits off the front of `text`; nullopt when there are none or they overflow.
[[nodiscard]] constexpr std::optional<std::int64_t> take_digits(std::string_view& text) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::int64_t value = 0;
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) {
    const std::int64_t digit = text[count] - '0';
    if (value > (kMax - digit) / 10) {
      return std::nullopt;
    }
    value = value * 10 + digit;
    ++count;
  }
  text.remove_prefix(count);
  return count == 0 ? std::nullopt : std::optional(value);
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Takes the letters off the front of `text` and gives the factor of that unit; 0: no such unit.
template <std::size_t N>
[[nodiscard]] constexpr std::int64_t take_unit(std::string_view& text, const Unit (&units)[N]) {
  std::size_t count = 0;
  while (count < text.size() && !is_digit(text[count])) {
    ++count;
  }
  const std::string_view name = text.substr(0, count);
  text.remove_prefix(count);
  for (const Unit& unit : units) {
    if (unit.name == name) {
      return unit.factor;
    }
  }
  return 0;
}

[[nodiscard]] constexpr std::optional<std::int64_t> scaled(std::int64_t value,
                                                           std::int64_t factor) {
  if (factor == 0 || value > std::numeric_limits<std::int64_t>::max() / factor) {
    return std::nullopt;
  }
  return value * factor;
}

}  // namespace detail

[[nodiscard]] constexpr std::optional<std::int64_t> parse_integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) {
    text.remove_prefix(1);
  }
  const std::optional<std::int64_t> value = detail::take_digits(text);
  if (!value || !text.empty()) {
    return std::nullopt;
  }
  return negative ? -*value : *value;
}

// "4096", "64KiB", "16MiB", "1GiB", "512B".
[[nodiscard]] constexpr std::optional<std::int64_t> parse_size_bytes(std::string_view text) {
  constexpr detail::Unit kUnits[] = {
      {"", 1},           {"B", 1}, {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30},
      {"TiB", 1LL << 40}};
  const std::optional<std::int64_t> value = detail::take_digits(text);
  if (!value) {
    return std::nullopt;
  }
  const std::int64_t factor = detail::take_unit(text, kUnits);
  return text.empty() ? detail::scaled(*value, factor) : std::nullopt;
}

// "250ms", "2s", "1h30m"; "0" alone needs no unit.
[[nodiscard]] constexpr std::optional<std::int64_t> parse_duration_ns(std::string_view text) {
  constexpr detail::Unit kUnits[] = {{"ns", 1},
                                     {"us", 1'000},
                                     {"ms", 1'000'000},
                                     {"s", 1'000'000'000},
                                     {"m", 60'000'000'000},
                                     {"h", 3'600'000'000'000},
                                     {"d", 86'400'000'000'000}};
  if (text.empty()) {
    return std::nullopt;
  }
  if (text == "0") {
    return 0;
  }
  std::int64_t total = 0;
  while (!text.empty()) {
    const std::optional<std::int64_t> value = detail::take_digits(text);
    if (!value) {
      return std::nullopt;
    }
    const std::optional<std::int64_t> part =
        detail::scaled(*value, detail::take_unit(text, kUnits));
    if (!part || *part > std::numeric_limits<std::int64_t>::max() - total) {
      return std::nullopt;
    }
    total += *part;
  }
  return total;
}

// Decimal, for example -1, 0.5, 2.5e3; near enough for checks of a range.
[[nodiscard]] constexpr std::optional<double> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) {
    text.remove_prefix(1);
  }
  double value = 0;
  std::size_t digits = 0;
  const auto take = [&] { return !text.empty() && detail::is_digit(text.front()); };
  for (; take(); text.remove_prefix(1), ++digits) {
    value = value * 10 + (text.front() - '0');
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    double place = 1;
    for (; take(); text.remove_prefix(1), ++digits) {
      place /= 10;
      value += place * (text.front() - '0');
    }
  }
  if (digits == 0) {
    return std::nullopt;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(text.starts_with("e+") || text.starts_with("E+") ? 2 : 1);
    const std::optional<std::int64_t> exponent = parse_integer(text);
    if (!exponent || *exponent > 300 || *exponent < -300) {
      return std::nullopt;
    }
    for (std::int64_t i = 0; i < *exponent; ++i) {
      value *= 10;
    }
    for (std::int64_t i = 0; i > *exponent; --i) {
      value /= 10;
    }
    text = {};
  }
  if (!text.empty()) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

// True if `text` is one of the choices in "split|truncate|reject".
[[nodiscard]] constexpr bool is_choice(std::string_view choices, std::string_view text) {
  while (true) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == text) {
      return true;
    }
    if (bar == std::string_view::npos) {
      return false;
    }
    choices.remove_prefix(bar + 1);
  }
}

namespace detail {

[[nodiscard]] constexpr bool is_numeric(std::uint32_t type) {
  return type == KIFA_TYPE_INT || type == KIFA_TYPE_DOUBLE || type == KIFA_TYPE_DURATION ||
         type == KIFA_TYPE_SIZE;
}

[[nodiscard]] constexpr std::optional<double> parse_default(const kifa_option& option) {
  const std::string_view text = option.default_text;
  std::optional<std::int64_t> value;
  if (option.type == KIFA_TYPE_DOUBLE) {
    return parse_number(text);
  }
  if (option.type == KIFA_TYPE_INT) {
    value = parse_integer(text);
  } else if (option.type == KIFA_TYPE_DURATION) {
    value = parse_duration_ns(text);
  } else {
    value = parse_size_bytes(text);
  }
  return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
}

[[nodiscard]] constexpr const char* default_fault(const kifa_option& option) {
  const std::string_view text = option.default_text;
  if ((option.flags & KIFA_OPTION_REQUIRED) != 0) {
    return "default_text: a required option has no default";
  }
  if (option.type == KIFA_TYPE_BOOL && text != "true" && text != "false") {
    return "default_text: must be true or false";
  }
  if (option.type == KIFA_TYPE_ENUM && !is_choice(option.choices, text)) {
    return "default_text: must be one of the choices";
  }
  if (is_numeric(option.type)) {
    const std::optional<double> value = parse_default(option);
    if (!value) {
      return "default_text: is not a value of the option's type";
    }
    if ((option.min != 0 || option.max != 0) && (*value < option.min || *value > option.max)) {
      return "default_text: must lie between min and max";
    }
  }
  return nullptr;
}

}  // namespace detail

// The first rule that a declaration breaks, as "field: rule"; null when it is well formed.
[[nodiscard]] constexpr const char* option_fault(const kifa_option& option) {
  if (option.name == nullptr || !is_snake_case(option.name)) {
    return "name: must be snake_case";
  }
  if (option.summary == nullptr || std::string_view(option.summary).empty()) {
    return "summary: must be a sentence";
  }
  if (option.type < KIFA_TYPE_BOOL || option.type > KIFA_TYPE_STRING_LIST) {
    return "type: is unknown to this kifa";
  }
  if ((option.type == KIFA_TYPE_ENUM) !=
      (option.choices != nullptr && !std::string_view(option.choices).empty())) {
    return "choices: an ENUM has them, others have none";
  }
  if (option.type == KIFA_TYPE_ENUM && is_choice(option.choices, "")) {
    return "choices: no choice may be empty";
  }
  if (!(option.min <= option.max)) {
    return "min: must not be above max";
  }
  if (!detail::is_numeric(option.type) && (option.min != 0 || option.max != 0)) {
    return "min: only INT, DOUBLE, DURATION and SIZE have a range";
  }
  return option.default_text == nullptr ? nullptr : detail::default_fault(option);
}

}  // namespace v1
}  // namespace kifa::sdk
