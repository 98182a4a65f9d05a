#include "core/cli/human.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace kifa::cli {
namespace {

// A time in the proleptic Gregorian calendar, before 1970 too.
struct Moment {
  explicit Moment(std::int64_t unix_ns) {
    const std::chrono::sys_time<std::chrono::nanoseconds> moment{std::chrono::nanoseconds(unix_ns)};
    const auto day_start = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day day(day_start);
    const std::chrono::hh_mm_ss of_day(moment - day_start);
    date = fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                       static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
    time = fmt::format("{:02}:{:02}:{:02}", of_day.hours().count(), of_day.minutes().count(),
                       of_day.seconds().count());
    nanoseconds = of_day.subseconds().count();
  }

  std::string date;
  std::string time;
  std::int64_t nanoseconds = 0;  // of the second
};

}  // namespace

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

std::string utc_text(std::int64_t unix_ns) {
  const Moment moment(unix_ns);
  return fmt::format("{} {}.{:03} UTC", moment.date, moment.time, moment.nanoseconds / 1'000'000);
}

std::string iso_text(std::int64_t unix_ns) {
  const Moment moment(unix_ns);
  return fmt::format("{}T{}.{:09}Z", moment.date, moment.time, moment.nanoseconds);
}

std::string counted(std::uint64_t number, const char* singular) {
  return fmt::format("{} {}{}", with_separators(number), singular, number == 1 ? "" : "s");
}

}  // namespace kifa::cli
