#pragma once

#include <cstdint>
#include <string>

#include "core/io/memory_file_system.hpp"
#include "core/store/store.hpp"
#include "tests/crash/history.hpp"
#include "tests/crash/image_check.hpp"

namespace kifa::crash {

enum class CrashKind : std::uint8_t { power_cut, kill };

struct SweepOptions {
  CrashKind kind = CrashKind::power_cut;
  std::uint64_t points = 0;  // about as many places, spread evenly, and the end; 0: all
  std::uint64_t seeds = 40;  // choices tried at every place; equal ones are tried once
  // Of the places at which a new segment is being filled with zeros only every n-th: what is left
  // of it makes no difference to anybody.
  std::uint64_t zero_fill_every = 8;
  // Every n-th state: its own recovery is cut in the same way. 0: never.
  std::uint64_t nested_every = 30;
  std::uint64_t nested_points = 10;  // places of it, spread evenly
  std::uint64_t nested_seeds = 3;
};

struct SweepResult {
  std::uint64_t points = 0;  // places in the trace
  std::uint64_t states = 0;  // disks that were recovered, all different at their place
  std::string violation = {};
};

// Crashes after every event of the trace of `files`, recovers every disk that may be left and
// compares it with `history`. Stops at the first violation.
[[nodiscard]] SweepResult sweep(const io::MemoryFileSystem& files, const History& history,
                                const store::StoreOptions& store, const SweepOptions& options);

// Disks that all sweeps of this process have recovered.
[[nodiscard]] std::uint64_t states_so_far();

// Keeps freed memory in the process: giving the buffers of every recovery back to the system and
// taking them again would cost more than the recoveries.
void keep_freed_memory();

// What costs ten times as much is tried a tenth as often.
[[nodiscard]] bool is_sanitized();

// The value of an environment variable, or `otherwise`: the long form of these tests is chosen by
// KIFA_CRASH_SEEDS (choices at every place), KIFA_CRASH_WORKLOADS (runs of every profile) and
// KIFA_CRASH_STRIDE (1: every bit).
[[nodiscard]] std::uint64_t setting(const char* name, std::uint64_t otherwise);

}  // namespace kifa::crash
