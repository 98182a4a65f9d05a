#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/crash/history.hpp"

namespace kifa::crash {

// What a reader saw of a store.
struct Observed {
  std::uint64_t records = 0;  // with those that retention has removed
  std::uint64_t purged = 0;   // the first so many of them
  std::vector<std::string> test_events = {};
};

// Which beginning of an expectation a store holds.
struct Found {
  std::size_t batches = 0;
  std::uint64_t records = 0;
};

// The functions return what is wrong, in a sentence, or nothing.

// Reads the whole store: LSNs must be dense from 1, or from where an event says that retention has
// removed what it may; every record the expected one, events numbered without a hole, and nothing
// reported as lost.
[[nodiscard]] std::string observe(store::Reader& reader, const Expectation& expectation,
                                  Observed& observed);

// Whether `records`, the events and the checkpoints belong to one beginning of the expectation that
// holds at least what was acknowledged. Null: not known.
[[nodiscard]] std::string match(const Expectation& expectation, std::uint64_t records,
                                const Observed* observed, const CheckpointMap* checkpoints,
                                Found& found);

// All checkpoints that the batches of these tests may set.
[[nodiscard]] CheckpointMap checkpoints_of(const store::Store& store);

}  // namespace kifa::crash
