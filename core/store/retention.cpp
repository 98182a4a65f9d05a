#include "core/store/retention.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
constexpr std::int64_t kDayNs = std::int64_t{24} * 60 * kMinuteNs;
constexpr std::int64_t kEarliestUnixNs = 1'735'689'600 * kSecondNs;  // 2025-01-01

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    return b > 0 ? INT64_MAX : INT64_MIN;
  }
  return sum;
}

std::int64_t saturated_difference(std::int64_t a, std::int64_t b) {
  std::int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) {
    return b < 0 ? INT64_MAX : INT64_MIN;
  }
  return difference;
}

// How many of the first tables end below `lsn`.
std::size_t tables_below(const std::vector<TableInfo>& tables, Lsn lsn) {
  const auto stays = std::ranges::find_if(
      tables, [lsn](const TableInfo& table) { return table.last >= lsn || table.first >= lsn; });
  return static_cast<std::size_t>(stays - tables.begin());
}

// How many of the first tables have to go for the rest to fit. The newest always stays.
std::size_t tables_beyond(const std::vector<TableInfo>& tables, std::uint64_t bytes_max) {
  if (tables.empty()) {
    return 0;
  }
  std::uint64_t kept = tables.back().bytes;
  std::size_t count = tables.size() - 1;
  while (count > 0 && kept <= bytes_max && tables[count - 1].bytes <= bytes_max - kept) {
    kept += tables[count - 1].bytes;
    --count;
  }
  return count;
}

// How many of the first tables are too old. A table is as young as the youngest before it, so that
// one written by a clock that was behind does not go early.
std::size_t tables_too_old(const Manifest& manifest, std::int64_t now_unix_ns,
                           std::int64_t age_max_ns) {
  const std::int64_t latest = saturated_sum(now_unix_ns, kDayNs);
  const auto is_dated = [latest](std::int64_t unix_ns) {
    return unix_ns >= kEarliestUnixNs && unix_ns <= latest;
  };
  const std::int64_t cut = saturated_difference(now_unix_ns, age_max_ns);
  std::int64_t youngest = INT64_MIN;
  if (is_dated(manifest.purged.totals.max_unix_ns)) {
    youngest = manifest.purged.totals.max_unix_ns;
  }
  std::size_t count = 0;
  for (std::size_t i = 0; i < manifest.tables.size(); ++i) {
    const std::int64_t newest_record = manifest.tables[i].max_unix_ns;
    if (!is_dated(newest_record)) {
      continue;
    }
    youngest = std::max(youngest, newest_record);
    if (youngest >= cut) {
      break;
    }
    count = i + 1;
  }
  return count;
}

std::string why_clock_is_not_believed(const RetentionQuestion& question) {
  const TrustedClock& trusted = question.manifest.clock;
  const std::string what =
      trusted.boot_id.empty()
          ? std::string("no time was ever confirmed")
          : fmt::format("the clock is {} s ahead of the last time that was believed",
                        saturated_difference(question.now.unix_ns, trusted.unix_ns) / kSecondNs);
  return fmt::format(
      "age does not count, because {}, and no time server confirms it; synchronise the "
      "clock, or vouch for it with `trust_clock`, to go on",
      what);
}

// The tables that age alone would take, with what stands against it.
std::size_t decide_age(const RetentionQuestion& question, RetentionAnswer& answer) {
  const std::int64_t age_max_ns = question.policy.age_max.count();
  if (age_max_ns <= 0) {
    return 0;
  }
  const std::size_t old = tables_too_old(question.manifest, question.now.unix_ns, age_max_ns);
  if (old == 0) {
    return 0;
  }
  if (!is_plausible(question.manifest.clock, question.now, question.policy.trusts_clock)) {
    answer.paused = why_clock_is_not_believed(question);
    return 0;
  }
  const std::optional<std::int64_t> last = question.last_age_purge_boot_ns;
  if (last && saturated_difference(question.now.boot_ns, *last) < kMinuteNs) {
    return 0;
  }
  return 1;
}

}  // namespace

RetentionAnswer decide_retention(const RetentionQuestion& question) {
  const std::vector<TableInfo>& tables = question.manifest.tables;
  RetentionAnswer answer;
  const std::size_t for_age = decide_age(question, answer);
  std::size_t others = 0;
  if (question.policy.bytes_max != 0) {
    others = tables_beyond(tables, question.policy.bytes_max);
  }
  others = std::max(others, tables_below(tables, question.policy.purge_below));
  const std::size_t wanted = std::max(for_age, others);
  const bool is_held = question.lowest_held && !mutant_is(Mutant::hold_ignored);
  const std::size_t allowed = is_held ? tables_below(tables, *question.lowest_held) : tables.size();
  if (wanted > allowed) {
    answer.paused =
        fmt::format("table {} (LSN {} to {}) is to go, but {}", tables[allowed].number,
                    tables[allowed].first.value, tables[allowed].last.value, question.held_by);
  }
  answer.tables = std::min(wanted, allowed);
  answer.is_for_age = answer.tables > others;
  return answer;
}

bool is_plausible(const TrustedClock& trusted, const ClockFacts& now, bool trusts_clock) {
  if (now.is_synchronised || trusts_clock || mutant_is(Mutant::wrong_clock_believed)) {
    return true;
  }
  if (trusted.boot_id.empty()) {
    return false;
  }
  const bool same_boot = now.boot_id == trusted.boot_id;
  const std::int64_t passed =
      same_boot ? saturated_difference(now.boot_ns, trusted.boot_ns) : now.boot_ns;
  const std::int64_t latest =
      saturated_sum(saturated_sum(trusted.unix_ns, std::max<std::int64_t>(passed, 0)), kDayNs);
  return now.unix_ns <= latest;
}

std::optional<TrustedClock> next_trusted_clock(const TrustedClock& trusted, const ClockFacts& now,
                                               bool trusts_clock) {
  const TrustedClock next{.unix_ns = now.unix_ns, .boot_ns = now.boot_ns, .boot_id = now.boot_id};
  if (now.is_synchronised || trusts_clock || trusted.boot_id.empty()) {
    return next;
  }
  const bool goes_on = is_plausible(trusted, now) && now.unix_ns >= trusted.unix_ns;
  // Either this clock is wrong or the one that was believed, as the very first may have been. The
  // earlier of the two makes nothing old.
  const bool contradicts =
      now.unix_ns >= kEarliestUnixNs && now.unix_ns < saturated_difference(trusted.unix_ns, kDayNs);
  if (goes_on || contradicts) {
    return next;
  }
  return std::nullopt;
}

std::string stand_in_boot_id(std::uint32_t boot_ordinal) {
  return fmt::format("{:036}", boot_ordinal);
}

FirstClock::FirstClock(const std::vector<TableInfo>& tables) {
  if (!tables.empty() && tables.back().max_unix_ns >= kEarliestUnixNs) {
    clock_ = {.unix_ns = tables.back().max_unix_ns, .boot_ns = 0, .boot_id = stand_in_boot_id(0)};
  }
}

void FirstClock::take(const ClockFacts& then) {
  if (auto next = next_trusted_clock(clock_, then, false)) {
    clock_ = std::move(*next);
  }
}

}  // namespace kifa::store
