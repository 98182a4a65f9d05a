#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace kifa::plugins {

// A moment split at the second, also before 1970.
struct UnixTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  static UnixTime from_ns(std::int64_t unix_ns) {
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    std::int64_t seconds = unix_ns / kSecondNs;
    std::int64_t rest = unix_ns % kSecondNs;
    if (rest < 0) {
      rest += kSecondNs;
      --seconds;
    }
    return {seconds, static_cast<std::uint32_t>(rest)};
  }
  [[nodiscard]] std::int64_t milliseconds() const {
    return seconds * 1'000 + nanoseconds / 1'000'000;
  }
};

// Writes `value` with exactly `digits` digits and returns the end.
inline char* write_digits(char* at, std::uint32_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  return at + digits;
}

// The nine digits of the nanoseconds in a second. In three groups that do not wait for each other:
// every record has one.
inline char* write_nanoseconds(char* at, std::uint32_t nanoseconds) {
  write_digits(at, nanoseconds / 1'000'000, 3);
  write_digits(at + 3, nanoseconds / 1'000 % 1'000, 3);
  return write_digits(at + 6, nanoseconds % 1'000, 3);
}

// Bytes that SecondText::write_timestamp() writes.
inline constexpr std::size_t kTimestampBytes = 30;

// Writes seconds as "2026-01-31 18:30:00" in UTC and remembers the last one: records that follow
// each other mostly share it. Any time that fits nanoseconds in 64 bits (1677 to 2262).
//
// Threads: confined to one.
class SecondText final {
 public:
  static constexpr int kChars = 19;

  char* write(char* at, std::int64_t seconds, char between_date_and_time) {
    if (seconds != seconds_) {
      render(seconds);
    }
    std::memcpy(at, text_, kChars);
    at[10] = between_date_and_time;
    return at + kChars;
  }
  // RFC 3339 with all nine digits: 2026-01-31T18:30:00.123456789Z
  char* write_timestamp(char* at, UnixTime time) {
    at = write(at, time.seconds, 'T');
    *at++ = '.';
    at = write_nanoseconds(at, time.nanoseconds);
    *at++ = 'Z';
    return at;
  }

 private:
  void render(std::int64_t seconds) {
    constexpr std::int64_t kDaySeconds = 86'400;
    std::int64_t days = seconds / kDaySeconds;
    std::int64_t of_day = seconds % kDaySeconds;
    if (of_day < 0) {
      of_day += kDaySeconds;
      --days;
    }
    // Gregorian date, in eras of 400 years (146,097 days) that begin on 1 March of year 0.
    const auto shifted = static_cast<std::uint32_t>(days + 719'468);
    const std::uint32_t era = shifted / 146'097;
    const std::uint32_t day_of_era = shifted % 146'097;
    const std::uint32_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint32_t march_month = (5 * day_of_year + 2) / 153;
    const std::uint32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    const std::uint32_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    const auto second_of_day = static_cast<std::uint32_t>(of_day);

    char* at = write_digits(text_, year, 4);
    *at++ = '-';
    at = write_digits(at, month, 2);
    *at++ = '-';
    at = write_digits(at, day_of_year - (153 * march_month + 2) / 5 + 1, 2);
    *at++ = ' ';
    at = write_digits(at, second_of_day / 3'600, 2);
    *at++ = ':';
    at = write_digits(at, second_of_day / 60 % 60, 2);
    *at++ = ':';
    write_digits(at, second_of_day % 60, 2);
    seconds_ = seconds;
  }

  std::int64_t seconds_ = std::numeric_limits<std::int64_t>::min();  // none rendered yet
  char text_[kChars + 1] = "";
};

}  // namespace kifa::plugins
