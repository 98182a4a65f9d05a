#include "tests/crash/profiles.hpp"

#include <algorithm>
#include <iterator>

#include "core/base/assert.hpp"

namespace kifa::crash {

namespace {

using Weights = std::vector<std::pair<Step, unsigned>>;

const Weights kAppends = {
    {Step::append_tiny, 5},  {Step::append_medium, 4}, {Step::append_checkpoint, 2},
    {Step::append_async, 3}, {Step::flush, 1},         {Step::pass_time, 2},
    {Step::idle, 1},         {Step::read, 1}};

Weights with(Weights weights, const Weights& more) {
  weights.insert(weights.end(), more.begin(), more.end());
  return weights;
}

// What goes on behind the log, with small tables so that all of it happens in a short run.
const Weights kBehind = {{Step::append_tiny, 2},  {Step::append_medium, 8},
                         {Step::append_large, 2}, {Step::append_checkpoint, 2},
                         {Step::append_async, 2}, {Step::idle, 2},
                         {Step::pass_time, 1},    {Step::read, 1}};
const Weights kOpens = {{Step::reopen, 2}, {Step::abandon, 2}, {Step::reopen_resized, 2}};
const Weights kBehindErrors = {{Step::write_fails, 2},
                               {Step::write_fails_partly, 1},
                               {Step::write_is_short, 1},
                               {Step::sync_fails, 2}};
const Weights kHolds = {{Step::hold, 2}, {Step::release, 2}};
constexpr std::uint64_t kFlushBytes = 16_KiB;

std::vector<Profile> make_table_profiles() {
  return {
      {.name = "tables",
       .weights = kBehind,
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2},
      {.name = "tables in normal mode",
       .weights = with(kBehind, {{Step::flush, 1}}),
       .steps = 18,
       .flush_mode = store::FlushMode::normal,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 3},
      {.name = "tables and rotation",
       .weights = with(kBehind, {{Step::append_large, 10}, {Step::append_huge, 2}}),
       .steps = 9,
       .memtable_flush_bytes = 512_KiB,
       .compaction_threshold = 2},
      {.name = "tables and opening",
       .weights = with(kBehind, kOpens),
       .steps = 20,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2},
      {.name = "tables and modes",
       .weights = with(kBehind, {{Step::switch_mode, 4}, {Step::reopen, 1}}),
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2},
      {.name = "tables and errors",
       .weights = with(kBehind, with(kBehindErrors, {{Step::abandon, 1}})),
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2},
      {.name = "tables on a full disk",
       .weights = with(kBehind, {{Step::disk_full, 3}}),
       .steps = 7,
       .memtable_flush_bytes = 64_KiB,
       .compaction_threshold = 2},
      {.name = "tables in a small budget",
       .weights = with(kBehind, {{Step::append_large, 8}, {Step::append_huge, 2}}),
       .steps = 18,
       .disk_budget_bytes = 8_MiB,
       .memtable_flush_bytes = 256_KiB,
       .compaction_threshold = 2},
  };
}

std::vector<Profile> make_other_table_profiles() {
  return {
      {.name = "tables in the fallback",
       .weights = with(kBehind, {{Step::switch_mode, 2}, {Step::abandon, 1}}),
       .steps = 20,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2,
       .accepts_direct = false},
      {.name = "retention",
       .weights = with(kBehind, {{Step::reopen, 1}, {Step::abandon, 1}}),
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 3,
       .retention_bytes = 64_KiB},
      {.name = "retention and holds",
       .weights = with(kBehind, with(kHolds, {{Step::abandon, 1}})),
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 3,
       .retention_bytes = 48_KiB},
      {.name = "a wrong clock",
       .weights = with(kBehind, {{Step::jump_clock, 3}, {Step::reopen, 1}}),
       .steps = 16,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 3,
       .retention_age = std::chrono::hours(24 * 30)},
      {.name = "tables with helper threads",
       .weights = with(kBehind, {{Step::switch_mode, 1}, {Step::reopen, 1}}),
       .steps = 24,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2,
       .background_threads = true},
      {.name = "short tables",
       .weights = with(kBehind, with(kOpens, {{Step::switch_mode, 1}})),
       .steps = 10,
       .memtable_flush_bytes = kFlushBytes,
       .compaction_threshold = 2,
       .retention_bytes = 96_KiB},
  };
}

std::vector<Profile> make_log_profiles() {
  const Weights rotates = {{Step::append_large, 8}, {Step::append_huge, 1}};
  const Weights errors = {{Step::write_fails, 2},    {Step::write_fails_partly, 2},
                          {Step::write_is_short, 2}, {Step::sync_fails, 2},
                          {Step::carry_fails, 1},    {Step::append_large, 3}};
  const Weights shorts = {{Step::append_tiny, 4}, {Step::append_large, 2}, {Step::append_async, 3},
                          {Step::flush, 1},       {Step::pass_time, 1},    {Step::switch_mode, 2},
                          {Step::read, 1},        {Step::reopen, 2}};
  return {
      {.name = "append", .weights = kAppends},
      {.name = "rotate", .weights = with(kAppends, rotates), .steps = 30},
      {.name = "normal mode", .weights = kAppends, .flush_mode = store::FlushMode::normal},
      {.name = "rotate in normal mode",
       .weights = with(kAppends, rotates),
       .steps = 30,
       .flush_mode = store::FlushMode::normal},
      {.name = "mode switch", .weights = with(kAppends, {{Step::switch_mode, 6}})},
      {.name = "reopen",
       .weights = with(kAppends, {{Step::reopen, 3}, {Step::abandon, 3}, {Step::append_large, 2}}),
       .steps = 25},
      {.name = "reopen in normal mode",
       .weights = with(kAppends, {{Step::reopen, 3}, {Step::abandon, 3}, {Step::append_large, 2}}),
       .steps = 25,
       .flush_mode = store::FlushMode::normal},
      {.name = "write errors", .weights = with(kAppends, errors), .steps = 30},
      {.name = "write errors in normal mode",
       .weights = with(kAppends, errors),
       .steps = 30,
       .flush_mode = store::FlushMode::normal},
      {.name = "errors and mode switch",
       .weights = with(kAppends, with(errors, {{Step::switch_mode, 4}, {Step::reopen, 1}})),
       .steps = 30},
      {.name = "full disk",
       .weights = with(kAppends, {{Step::disk_full, 3}, {Step::append_large, 2}}),
       .steps = 20},
      {.name = "fallback without direct files",
       .weights = with(kAppends, {{Step::append_large, 3}, {Step::switch_mode, 2}}),
       .steps = 30,
       .accepts_direct = false},
      {.name = "fallback without durable writes",
       .weights = with(kAppends, {{Step::append_large, 3}, {Step::switch_mode, 2}}),
       .steps = 30,
       .accepts_durable_flag = false},
      {.name = "errors in the fallback",
       .weights = with(kAppends, errors),
       .steps = 30,
       .accepts_direct = false,
       .accepts_durable_flag = false},
      {.name = "short", .weights = shorts, .steps = 24},
      {.name = "short fallback", .weights = shorts, .steps = 24, .accepts_direct = false},
      {.name = "helper threads",
       .weights = with(kAppends, with(rotates, {{Step::switch_mode, 2}, {Step::reopen, 1}})),
       .steps = 12,
       .background_threads = true},
  };
}

}  // namespace

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = [] {
    std::vector<Profile> every = make_log_profiles();
    std::ranges::move(make_table_profiles(), std::back_inserter(every));
    std::ranges::move(make_other_table_profiles(), std::back_inserter(every));
    return every;
  }();
  return all;
}

const Profile& profile(std::string_view name) {
  const auto place = std::ranges::find(profiles(), name, &Profile::name);
  KIFA_ASSERT(place != profiles().end());
  return *place;
}

}  // namespace kifa::crash
