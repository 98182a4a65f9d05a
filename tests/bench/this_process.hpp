#pragma once

#include <cstdint>
#include <string_view>

namespace kifa::bench {

// What the system has counted of this process. Nothing here fails: what the system does not tell is
// 0.

// Seconds of processor time, user and system together.
[[nodiscard]] double cpu_seconds();
// The same of the thread that asks.
[[nodiscard]] double own_cpu_seconds();
// The same of the threads called `name` that are there now.
[[nodiscard]] double cpu_seconds_of(std::string_view name);

// Bytes of memory that were resident at most since the last call of forget_peak_memory().
[[nodiscard]] std::uint64_t peak_memory();
void forget_peak_memory();
[[nodiscard]] std::uint64_t resident_memory();

// Bytes that were given to block devices, or to the page cache to be written later.
[[nodiscard]] std::uint64_t bytes_to_disk();

}  // namespace kifa::bench
