#pragma once

#include <atomic>
#include <cstdint>
#include <kifa/store.hpp>
#include <string>

namespace crash {

// What the writer has done, in memory that outlives it.
struct Progress {
  std::atomic<std::uint64_t> opened_at{0};     // the last record that it found, plus one
  std::atomic<std::uint64_t> attempted{0};     // number of the last record that it offered
  std::atomic<std::uint64_t> acknowledged{0};  // number of the last record that is durable
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

struct WriterOptions {
  std::string directory;
  kifa::store::FlushMode flush_mode = kifa::store::FlushMode::cautious;
  std::uint64_t seed = 0;
  std::uint64_t records_max = 20'000;  // then it rests and waits for its end
};

// The store that is tested: small segments and tables, so that rotations, flushes and joins go on
// all the time.
[[nodiscard]] kifa::store::StoreOptions store_options(const WriterOptions& options);

// Appends records behind those that are there until it is killed or the store refuses. Returns
// after a failure; otherwise never.
kifa::Status write_until_killed(const WriterOptions& options, Progress& progress);

}  // namespace crash
