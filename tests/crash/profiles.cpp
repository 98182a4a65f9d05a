#include "tests/crash/profiles.hpp"

#include <algorithm>

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

std::vector<Profile> make_profiles() {
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
       .steps = 25,
       .background_threads = true},
  };
}

}  // namespace

const std::vector<Profile>& profiles() {
  static const std::vector<Profile> all = make_profiles();
  return all;
}

const Profile& profile(std::string_view name) {
  const auto place = std::ranges::find(profiles(), name, &Profile::name);
  KIFA_ASSERT(place != profiles().end());
  return *place;
}

}  // namespace kifa::crash
