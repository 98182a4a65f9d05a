#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

// What survives a crash of a disk in memory. For tests.
namespace kifa::io {

// Small generator of random numbers (splitmix64): the same everywhere for the same seed.
class SplitMix final {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // In [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }

 private:
  std::uint64_t state_;
};

// Decides about everything that is uncertain at one moment. The first seeds are the extreme cases,
// because random choice alone would hardly ever meet them: 0 nothing survives, 1 everything, 2 only
// the last write, 3 all data but no name, 4 all names but no data, 5 all but the last write, 6 the
// first half of the writes, 7 the second half. Further seeds mix these with torn writes, some of
// which leave garbage in one sector.
//
// Threads: confined. Ask for every write once, in order, then for every name.
class CrashChoice final {
 public:
  // `spoils`: a sector may be left as garbage.
  CrashChoice(std::uint64_t seed, std::size_t write_count, std::size_t name_count, bool spoils);

  // For write `index` of write_count: which of its sectors survive.
  std::vector<bool> sectors(std::size_t index, std::size_t sector_count);
  // For a change of size.
  bool keeps_resize(std::size_t index);
  // The sector, of those of a write, that holds garbage because the power went while it was
  // written; none for most writes.
  std::optional<std::size_t> spoilt_sector(std::size_t sector_count);
  std::vector<std::byte> garbage(std::size_t bytes);
  // Whether a write that made the file longer leaves it long although its data is missing.
  bool keeps_length();
  // For name `index` of name_count.
  bool keeps_name(std::size_t index);

  // Equal for equal decisions.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

 private:
  enum class Policy : std::uint8_t {
    none,
    all,
    last,
    all_but_last,
    first_half,
    second_half,
    mixed
  };
  enum class Fate : std::uint8_t { lost, kept, torn };

  static Policy write_policy(std::uint64_t seed, SplitMix& random);
  static Policy name_policy(std::uint64_t seed, SplitMix& random);
  Fate fate(Policy policy, std::size_t index, std::size_t count);
  std::vector<bool> torn(std::size_t sector_count);
  void record(std::uint64_t decision);

  const bool is_random_;  // beyond the fixed cases
  const bool spoils_;
  const std::size_t write_count_;
  const std::size_t name_count_;
  SplitMix random_;
  const Policy write_policy_;
  const Policy name_policy_;
  std::uint64_t fingerprint_ = 0;
};

}  // namespace kifa::io
