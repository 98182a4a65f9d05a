#pragma once

#include <cstdint>
#include <string>

namespace crash {

struct Expected {
  std::uint64_t seed = 0;
  std::uint64_t acknowledged = 0;  // all records up to this one must be there
  std::uint64_t attempted = 0;     // none behind this one may be
  std::uint64_t check_from = 1;    // contents are compared from here on
};

struct Finding {
  std::uint64_t records = 0;  // in the store
  std::string violation;      // a sentence; empty: all is as it must be
};

// Reads the store: every record up to the last acknowledged one is there, in order, once, with the
// bytes that were appended, and nothing is there that was never offered.
[[nodiscard]] Finding check_store(const std::string& directory, const Expected& expected);

}  // namespace crash
