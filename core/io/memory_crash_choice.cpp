#include "core/io/memory_crash_choice.hpp"

namespace kifa::io {

namespace {

constexpr std::uint64_t kFixedCases = 8;  // seeds with a meaning of their own

}  // namespace

std::uint64_t SplitMix::next() {
  state_ += 0x9E37'79B9'7F4A'7C15U;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D0'49BB'1331'11EBU;
  return mixed ^ (mixed >> 31U);
}

CrashChoice::CrashChoice(std::uint64_t seed, std::size_t write_count, std::size_t name_count,
                         bool spoils)
    : is_random_(seed >= kFixedCases),
      spoils_(spoils),
      write_count_(write_count),
      name_count_(name_count),
      random_(seed),
      write_policy_(write_policy(seed, random_)),
      name_policy_(name_policy(seed, random_)) {}

CrashChoice::Policy CrashChoice::write_policy(std::uint64_t seed, SplitMix& random) {
  switch (seed) {
    case 0:
    case 4:
      return Policy::none;
    case 1:
    case 3:
      return Policy::all;
    case 2:
      return Policy::last;
    case 5:
      return Policy::all_but_last;
    case 6:
      return Policy::first_half;
    case 7:
      return Policy::second_half;
    default:
      break;
  }
  switch (random.below(10)) {
    case 0:
      return Policy::last;
    case 1:
      return Policy::all_but_last;
    case 2:
      return Policy::first_half;
    default:
      return Policy::mixed;
  }
}

CrashChoice::Policy CrashChoice::name_policy(std::uint64_t seed, SplitMix& random) {
  if (seed < kFixedCases) {
    return seed == 0 || seed == 3 ? Policy::none : Policy::all;
  }
  switch (random.below(6)) {
    case 0:
      return Policy::none;
    case 1:
      return Policy::all;
    case 2:
      return Policy::last;
    case 3:
      return Policy::first_half;
    default:
      return Policy::mixed;
  }
}

CrashChoice::Fate CrashChoice::fate(Policy policy, std::size_t index, std::size_t count) {
  const bool is_last = index + 1 == count;
  switch (policy) {
    case Policy::none:
      return Fate::lost;
    case Policy::all:
      return Fate::kept;
    case Policy::last:
      return is_last ? Fate::kept : Fate::lost;
    case Policy::all_but_last:
      return is_last ? Fate::lost : Fate::kept;
    case Policy::first_half:
      return index < count / 2 ? Fate::kept : Fate::lost;
    case Policy::second_half:
      return index < count / 2 ? Fate::lost : Fate::kept;
    case Policy::mixed:
      break;
  }
  switch (random_.below(4)) {
    case 0:
      return Fate::lost;
    case 1:
      return Fate::kept;
    default:
      return Fate::torn;
  }
}

std::vector<bool> CrashChoice::sectors(std::size_t index, std::size_t sector_count) {
  const Fate decided = fate(write_policy_, index, write_count_);
  std::vector<bool> keep(sector_count, decided == Fate::kept);
  if (decided == Fate::torn) {
    keep = torn(sector_count);
  }
  for (const bool kept : keep) {
    record(kept ? 1 : 0);
  }
  return keep;
}

std::vector<bool> CrashChoice::torn(std::size_t sector_count) {
  constexpr std::size_t kSectorsPerBlock = 8;
  const std::uint64_t way = random_.below(11);
  const auto some = static_cast<std::size_t>(random_.below(sector_count));
  const std::size_t last = sector_count - 1;
  const std::size_t half = sector_count / 2;
  std::vector<bool> keep(sector_count);
  bool block = false;
  for (std::size_t i = 0; i < sector_count; ++i) {
    block = i % kSectorsPerBlock == 0 ? random_.one_in(2) : block;
    const bool choices[] = {i < half,          i >= half,         i == 0,    i != 0,
                            i == last,         i != last,         i == some, i != some,
                            random_.one_in(2), random_.one_in(8), block};
    keep[i] = choices[way];
  }
  return keep;
}

std::optional<std::size_t> CrashChoice::spoilt_sector(std::size_t sector_count) {
  constexpr std::uint64_t kOneIn = 6;
  if (!spoils_ || !is_random_ || sector_count == 0 || !random_.one_in(kOneIn)) {
    return std::nullopt;
  }
  const auto sector = static_cast<std::size_t>(random_.below(sector_count));
  record(16 + sector);
  return sector;
}

std::vector<std::byte> CrashChoice::garbage(std::size_t bytes) {
  std::vector<std::byte> noise(bytes);
  for (std::byte& byte : noise) {
    byte = static_cast<std::byte>(random_.next());
  }
  return noise;
}

bool CrashChoice::keeps_resize(std::size_t index) {
  Fate decided = fate(write_policy_, index, write_count_);
  if (decided == Fate::torn) {
    decided = random_.one_in(2) ? Fate::kept : Fate::lost;
  }
  record(decided == Fate::kept ? 3 : 2);
  return decided == Fate::kept;
}

bool CrashChoice::keeps_length() {
  const bool keeps = is_random_ && random_.one_in(4);
  record(keeps ? 5 : 4);
  return keeps;
}

bool CrashChoice::keeps_name(std::size_t index) {
  Fate decided = fate(name_policy_, index, name_count_);
  if (decided == Fate::torn) {
    decided = random_.one_in(2) ? Fate::kept : Fate::lost;
  }
  record(decided == Fate::kept ? 7 : 6);
  return decided == Fate::kept;
}

void CrashChoice::record(std::uint64_t decision) {
  fingerprint_ = SplitMix(fingerprint_ ^ (decision + 1)).next();
}

}  // namespace kifa::io
