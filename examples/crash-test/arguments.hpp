#pragma once

#include <cstdint>
#include <kifa/store.hpp>
#include <random>
#include <string>

namespace crash {

extern const char* const kUsage;

struct Arguments {
  std::string directory;
  std::uint64_t cycles = 20;
  std::uint64_t seed = std::random_device{}();
  kifa::store::FlushMode flush_mode = kifa::store::FlushMode::cautious;
  std::string power_cut;  // type of file system; empty: processes are killed
  bool keep = false;      // also what passed
  bool help = false;      // nothing else counts
};

// Errors: invalid, with the option, what it takes and what was given.
[[nodiscard]] kifa::Result<Arguments> arguments_from(int count, char** words);

}  // namespace crash
