#include "core/cli/time_bound.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>
#include <string>

#include "core/config/options.hpp"

namespace kifa::cli {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerMinute = 60;
constexpr std::int64_t kSecondsPerDay = 86'400;
// Whole years that nanoseconds in 64 bits can tell.
constexpr int kFirstYear = 1678;
constexpr int kLastYear = 2261;

Status not_a_time(std::string_view text) {
  return {Code::invalid,
          fmt::format("`{}` is no time; write how long ago (90s, 30m, 1h30m, 2d) or a date, "
                      "with or without a time and its zone (2026-01-29, 2026-01-29 12:00:00, "
                      "2026-01-29T12:00:00+01:00)",
                      text)};
}

Status out_of_reach(std::string_view text) {
  return {Code::invalid, fmt::format("`{}` lies outside the years {} to {}, which kifa can tell",
                                     text, kFirstYear, kLastYear)};
}

// A text that is eaten from the front.
class Letters final {
 public:
  explicit Letters(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool take(char letter) {
    if (rest_.empty() || rest_.front() != letter) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }
  // Exactly `count` digits.
  std::optional<int> number(std::size_t count) {
    int value = 0;
    const std::string_view digits = rest_.substr(0, count);
    if (digits.size() != count || !std::ranges::all_of(digits, is_digit)) {
      return std::nullopt;
    }
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    rest_.remove_prefix(count);
    return value;
  }
  // All digits that follow.
  std::string_view digits() {
    const auto end = std::ranges::find_if_not(rest_, is_digit);
    const std::string_view found = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(found.size());
    return found;
  }

 private:
  static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
  std::string_view rest_;
};

// A date and a time of day as written, before it is known in which zone.
struct Written {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t ns = 0;
  std::int64_t unit_ns = kSecondsPerDay * kNsPerSecond;  // what the last part written counts
  std::optional<std::int64_t> offset_seconds;            // east of UTC; nullopt: not written

  [[nodiscard]] bool is_day() const { return unit_ns == kSecondsPerDay * kNsPerSecond; }
  [[nodiscard]] std::chrono::year_month_day date() const {
    return {std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
            std::chrono::day(static_cast<unsigned>(day))};
  }
};

// 1 to 9 digits behind the point.
bool read_fraction(Letters& letters, std::int64_t& ns, std::int64_t& unit_ns) {
  const std::string_view digits = letters.digits();
  if (digits.empty() || digits.size() > 9) {
    return false;
  }
  std::from_chars(digits.data(), digits.data() + digits.size(), ns);
  unit_ns = 1;
  for (std::size_t i = digits.size(); i < 9; ++i) {
    ns *= 10;
    unit_ns *= 10;
  }
  return true;
}

bool read_time_of_day(Letters& letters, Written& written) {
  const auto hour = letters.number(2);
  const bool has_minute = letters.take(':');
  const auto minute = letters.number(2);
  if (!hour || !has_minute || !minute || *hour > 23 || *minute > 59) {
    return false;
  }
  written.hour = *hour;
  written.minute = *minute;
  written.unit_ns = kSecondsPerMinute * kNsPerSecond;
  if (!letters.take(':')) {
    return true;
  }
  const auto second = letters.number(2);
  if (!second || *second > 59) {
    return false;
  }
  written.second = *second;
  written.unit_ns = kNsPerSecond;
  return !letters.take('.') || read_fraction(letters, written.ns, written.unit_ns);
}

bool read_zone(Letters& letters, Written& written) {
  letters.take(' ');
  if (letters.take('Z') || letters.take('z') || letters.take("UTC")) {
    written.offset_seconds = 0;
    return true;
  }
  const bool is_west = letters.take('-');
  if (!is_west && !letters.take('+')) {
    return false;
  }
  const auto hours = letters.number(2);
  letters.take(':');
  const auto minutes = letters.number(2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) {
    return false;
  }
  const std::int64_t offset = (*hours * 60 + *minutes) * kSecondsPerMinute;
  written.offset_seconds = is_west ? -offset : offset;
  return true;
}

std::optional<Written> read_written(std::string_view text) {
  Letters letters(text);
  Written written;
  const auto year = letters.number(4);
  const bool has_month = letters.take('-');
  const auto month = letters.number(2);
  const bool has_day = letters.take('-');
  const auto day = letters.number(2);
  if (!year || !has_month || !month || !has_day || !day) {
    return std::nullopt;
  }
  written.year = *year;
  written.month = *month;
  written.day = *day;
  const bool has_time = letters.take('T') || letters.take('t') || letters.take(' ');
  if (has_time && !read_time_of_day(letters, written)) {
    return std::nullopt;
  }
  if (!letters.at_end() && (!read_zone(letters, written) || !letters.at_end())) {
    return std::nullopt;
  }
  return written;
}

std::int64_t utc_seconds(const Written& written) {
  const std::int64_t days =
      std::chrono::sys_days(written.date()).time_since_epoch().count();  // NOLINT: days
  return days * kSecondsPerDay + (written.hour * 60 + written.minute) * kSecondsPerMinute +
         written.second;
}

tm local_fields(const Written& written) {
  tm fields = {};
  fields.tm_year = written.year - 1900;
  fields.tm_mon = written.month - 1;
  fields.tm_mday = written.day;
  fields.tm_hour = written.hour;
  fields.tm_min = written.minute;
  fields.tm_sec = written.second;
  return fields;
}

// When the local clock shows what is written; twice where a clock was put back, never where it was
// put forward.
std::optional<std::int64_t> local_seconds(const Written& written, RangeEnd end) {
  std::optional<std::int64_t> chosen;
  for (const int is_summer : {0, 1}) {
    tm fields = local_fields(written);
    fields.tm_isdst = is_summer;
    const time_t seconds = ::mktime(&fields);
    tm shown = {};
    if (::localtime_r(&seconds, &shown) == nullptr || shown.tm_mday != written.day ||
        shown.tm_hour != written.hour || shown.tm_min != written.minute ||
        shown.tm_sec != written.second) {
      continue;
    }
    if (!chosen || (end == RangeEnd::first ? seconds < *chosen : seconds > *chosen)) {
      chosen = seconds;
    }
  }
  return chosen;
}

// The first moment of a local day: where the clock is put forward at midnight, it is not 00:00.
std::int64_t local_day_seconds(Written day) {
  tm fields = local_fields(day);
  fields.tm_isdst = -1;
  const std::int64_t some = ::mktime(&fields);
  return local_seconds(day, RangeEnd::first).value_or(some);
}

Result<std::int64_t> bound_of(const Written& written, std::string_view text, RangeEnd end,
                              const TimeContext& context) {
  const std::int64_t offset_into_unit = end == RangeEnd::last ? written.unit_ns - 1 : 0;
  if (written.offset_seconds || context.zone == Zone::utc) {
    const std::int64_t seconds = utc_seconds(written) - written.offset_seconds.value_or(0);
    return seconds * kNsPerSecond + written.ns + offset_into_unit;
  }
  if (written.is_day()) {
    if (end == RangeEnd::first) {
      return local_day_seconds(written) * kNsPerSecond;
    }
    Written next = written;
    const std::chrono::year_month_day day(std::chrono::sys_days(written.date()) +
                                          std::chrono::days(1));
    next.year = static_cast<int>(day.year());
    next.month = static_cast<int>(static_cast<unsigned>(day.month()));
    next.day = static_cast<int>(static_cast<unsigned>(day.day()));
    return local_day_seconds(next) * kNsPerSecond - 1;
  }
  const auto seconds = local_seconds(written, end);
  if (!seconds) {
    return Status(Code::invalid,
                  fmt::format("there was no local time `{}`: the clock was put forward then; name "
                              "another time, or its zone",
                              text));
  }
  return *seconds * kNsPerSecond + written.ns + offset_into_unit;
}

// "@1769688000.5"
Result<std::int64_t> seconds_since_1970(std::string_view text, RangeEnd end) {
  Letters letters(text.substr(1));
  const std::string_view digits = letters.digits();
  std::int64_t seconds = 0;
  std::int64_t ns = 0;
  std::int64_t unit_ns = kNsPerSecond;
  const auto [last, failed] =
      std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (digits.empty() || (letters.take('.') && !read_fraction(letters, ns, unit_ns)) ||
      !letters.at_end()) {
    return not_a_time(text);
  }
  std::int64_t total = 0;
  if (failed != std::errc() || __builtin_mul_overflow(seconds, kNsPerSecond, &total) ||
      __builtin_add_overflow(total, ns + (end == RangeEnd::last ? unit_ns - 1 : 0), &total)) {
    return out_of_reach(text);
  }
  return total;
}

}  // namespace

Result<std::int64_t> parse_time_bound(std::string_view text, RangeEnd end,
                                      const TimeContext& context) {
  if (text == "now") {
    return context.now_unix_ns;
  }
  if (const auto ago = config::parse_duration_ns(text)) {
    std::int64_t moment = 0;
    return __builtin_sub_overflow(context.now_unix_ns, *ago, &moment)
               ? Result<std::int64_t>(out_of_reach(text))
               : Result<std::int64_t>(moment);
  }
  if (text.starts_with('@')) {
    return seconds_since_1970(text, end);
  }
  const std::optional<Written> written = read_written(text);
  if (!written) {
    return not_a_time(text);
  }
  if (!written->date().ok()) {
    return Status(Code::invalid, fmt::format("there is no such day as in `{}`", text));
  }
  if (written->year < kFirstYear || written->year > kLastYear) {
    return out_of_reach(text);
  }
  return bound_of(*written, text, end, context);
}

}  // namespace kifa::cli
