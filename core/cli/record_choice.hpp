#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kifa::cli {

struct AttributeMatch {
  std::string key;
  std::string value;
};

// Which records of a store somebody wants; all bounds are inclusive. Shared by the commands that
// give records out.
struct RecordChoice {
  std::uint64_t from_lsn = 1;
  bool is_from_lsn_given = false;
  std::uint64_t to_lsn = 0;  // 0: as far as it goes
  std::int64_t min_unix_ns = INT64_MIN;
  std::int64_t max_unix_ns = INT64_MAX;
  std::string pipeline = {};                 // empty: any
  std::string source = {};                   // empty: any
  std::string grep = {};                     // a regular expression of RE2; empty: any payload
  std::vector<AttributeMatch> matches = {};  // all must hold
  std::uint64_t limit = 0;                   // 0: no limit
  std::uint64_t last = 0;                    // of those that match, only so many last ones; 0: all
  bool is_reverse = false;                   // newest first
};

}  // namespace kifa::cli
