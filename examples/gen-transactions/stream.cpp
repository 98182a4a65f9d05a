#include "examples/gen-transactions/stream.hpp"

#include <array>
#include <cstring>

namespace gen {

namespace {

constexpr std::uint64_t kMillisPerRecord = 250;
constexpr std::uint64_t kMillisPerDay = 86'400'000;
constexpr std::uint64_t kFirstDay = 20'484;               // 2026-01-31, days since 1970
constexpr std::uint64_t kFirstMillis = 8ULL * 3'600'000;  // shops open at eight

// References run through all of 36^8 values in jumps before one comes twice; the factor has no
// divisor in common with 36, and factor times number stays below 2^63.
constexpr std::uint64_t kReferences = 36ULL * 36 * 36 * 36 * 36 * 36 * 36 * 36;
constexpr std::uint64_t kReferenceFactor = 7'368'787;
constexpr std::uint64_t kNumbers = 1'000'000'000'000;  // numbers begin again after this many

constexpr auto kDigitPairs = [] {
  std::array<std::array<char, 2>, 100> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  }
  return pairs;
}();

constexpr auto kBase36Pairs = [] {
  constexpr std::string_view kDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::array<std::array<char, 2>, std::size_t{36} * 36> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {kDigits[i / 36], kDigits[i % 36]};
  }
  return pairs;
}();

void write_pair(char* at, std::uint64_t value) { std::memcpy(at, kDigitPairs[value].data(), 2); }

void write_number(char* at, std::uint64_t number) {
  for (std::size_t pair = kNumberDigits; pair > 0; pair -= 2) {
    write_pair(at + pair - 2, number % 100);
    number /= 100;
  }
}

void write_reference(char* at, std::uint64_t number) {
  std::uint64_t value = number * kReferenceFactor % kReferences;
  for (std::size_t pair = kReferenceChars; pair > 0; pair -= 2) {
    std::memcpy(at + pair - 2, kBase36Pairs[value % (std::uint64_t{36} * 36)].data(), 2);
    value /= std::uint64_t{36} * 36;
  }
}

struct Date {
  std::uint64_t year, month, day;
};

// Gregorian date of a day number since 1970-01-01, in eras of 400 years that begin on 1 March.
Date date_of(std::uint64_t days) {
  const std::uint64_t shifted = days + 719'468;
  const std::uint64_t era = shifted / 146'097;
  const std::uint64_t day_of_era = shifted % 146'097;
  const std::uint64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t march_month = (5 * day_of_year + 2) / 153;
  const std::uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * march_month + 2) / 5 + 1};
}

}  // namespace

RecordStream::RecordStream(StreamOptions options) : options_(options), random_(options.seed) {}

void RecordStream::set_date(std::uint64_t day) {
  day_ = day;
  const Date date = date_of(kFirstDay + day);
  write_pair(date_, date.year / 100 % 100);
  write_pair(date_ + 2, date.year % 100);
  date_[4] = '-';
  write_pair(date_ + 5, date.month);
  date_[7] = '-';
  write_pair(date_ + 8, date.day);
}

void RecordStream::write_changing_parts(const Rendered& record) {
  char* const begin = pool_.data() + record.begin;
  number_ = number_ % (kNumbers - 1) + 1;
  write_number(begin + record.slots.number, number_);
  if (record.slots.reference != 0) {
    write_reference(begin + record.slots.reference, number_);
  }
  if (record.slots.date == 0) {
    return;
  }
  const std::uint64_t millis = kFirstMillis + (number_ - 1) * kMillisPerRecord;
  if (millis / kMillisPerDay != day_) {
    set_date(millis / kMillisPerDay);
  }
  std::memcpy(begin + record.slots.date, date_, 10);
  const std::uint64_t of_day = millis % kMillisPerDay;
  char* const clock = begin + record.slots.clock;
  write_pair(clock, of_day / 3'600'000);
  write_pair(clock + 3, of_day / 60'000 % 60);
  write_pair(clock + 6, of_day / 1'000 % 60);
  if (options_.format == Format::json) {
    clock[9] = static_cast<char>('0' + of_day / 100 % 10);
    write_pair(clock + 10, of_day % 100);
  }
}

// Renders into the pool until it has `records` more or `bytes` more than given out, or is full.
void RecordStream::render_more(std::uint64_t records, std::size_t bytes) {
  if (pool_.capacity() < kPoolBytes) {
    pool_.reserve(kPoolBytes);
  }
  const std::size_t begin = pool_.size();
  for (std::uint64_t i = 0; i < records && (i == 0 || pool_.size() - begin < bytes); ++i) {
    if (!records_.empty() && (pool_.size() >= kPoolBytes - pool_.size() / records_.size() ||
                              records_.size() >= kPoolRecordsMax)) {
      pool_full_ = true;
      return;
    }
    Rendered record;
    record.begin = pool_.size();
    const Transaction txn = make_transaction(random_);
    record.slots = options_.format == Format::json ? render_json(txn, options_.size, pool_)
                                                   : render_receipt(txn, options_.size, pool_);
    records_.push_back(record);
  }
}

RecordStream::Piece RecordStream::next(std::uint64_t records_max, std::size_t bytes_max) {
  if (next_record_ == records_.size()) {
    if (!pool_full_) {
      render_more(records_max, bytes_max);
    }
    if (next_record_ == records_.size()) {
      next_record_ = 0;
    }
  }
  const std::size_t begin = records_[next_record_].begin;
  std::size_t end = begin;
  std::uint64_t count = 0;
  while (next_record_ < records_.size() && count < records_max &&
         (count == 0 || end - begin < bytes_max)) {
    write_changing_parts(records_[next_record_]);
    ++next_record_;
    ++count;
    end = next_record_ < records_.size() ? records_[next_record_].begin : pool_.size();
  }
  return {.bytes = std::string_view(pool_).substr(begin, end - begin), .records = count};
}

}  // namespace gen
