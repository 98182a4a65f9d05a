#include "core/cli/human.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace kifa::cli {

std::string with_separators(std::uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::size_t from_end = 3; from_end < text.size(); from_end += 4) {
    text.insert(text.size() - from_end, 1, ',');
  }
  return text;
}

std::string bytes_for_people(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> kUnits = {"KiB", "MiB", "GiB",
                                                             "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string exact_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return fmt::format("{}{}", bytes, kUnits[unit]);
}

std::string exact_duration(std::int64_t nanoseconds) {
  struct Unit {
    std::int64_t nanoseconds;
    std::string_view name;
  };
  static constexpr std::array<Unit, 5> kUnits = {{{3'600'000'000'000, "h"},
                                                  {60'000'000'000, "m"},
                                                  {1'000'000'000, "s"},
                                                  {1'000'000, "ms"},
                                                  {1'000, "us"}}};
  if (nanoseconds == 0) {
    return "0s";
  }
  for (const Unit& unit : kUnits) {
    if (nanoseconds % unit.nanoseconds == 0) {
      return fmt::format("{}{}", nanoseconds / unit.nanoseconds, unit.name);
    }
  }
  return fmt::format("{}ns", nanoseconds);
}

std::string utc_text(std::int64_t unix_ns) {
  using std::chrono::days;
  using std::chrono::milliseconds;
  const std::chrono::sys_time<std::chrono::nanoseconds> moment{std::chrono::nanoseconds(unix_ns)};
  const auto day = std::chrono::floor<days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<milliseconds>(moment - day));
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::string counted(std::uint64_t number, const char* singular) {
  return fmt::format("{} {}{}", with_separators(number), singular, number == 1 ? "" : "s");
}

}  // namespace kifa::cli
