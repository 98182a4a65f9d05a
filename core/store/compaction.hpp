#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/manifest.hpp"

namespace kifa::store {

struct CompactionPolicy {
  std::uint64_t threshold = 4;             // so many neighbours are worth it, at least 2
  std::uint64_t table_bytes_max = 64_MiB;  // of what it makes, about
  std::int64_t span_ns_max = INT64_MAX;    // of observed time in what it makes
};

// Neighbouring tables that become one.
struct CompactionPlan {
  std::vector<std::uint64_t> inputs;  // numbers, in order
  std::uint64_t level = 1;            // of the output
  Lsn first;
  std::uint64_t first_event = 0;
  Digest previous_anchor{};
  bool in_parallel = false;  // hashing and compressing have threads of their own
};

// The next tables worth joining, oldest first: flushes (level 0) become level 1, and those level 2;
// so no byte is rewritten more than twice. LSN ranges of tables are disjoint, so joining them is
// putting one behind the other.
[[nodiscard]] std::optional<CompactionPlan> plan_compaction(const Manifest& manifest,
                                                            const CompactionPolicy& policy);

// Writes the table `number` that replaces the inputs, recomputing the digest of every piece from
// what it writes; `corrupt` when one differs, or an input is damaged: then nothing may be replaced.
// The name of the new table is not durable yet.
Result<TableInfo> run_compaction(io::FileSystem& files, const std::string& directory,
                                 const Manifest& manifest, const CompactionPlan& plan,
                                 std::uint64_t number);

}  // namespace kifa::store
