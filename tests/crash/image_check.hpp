#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/store/store.hpp"
#include "tests/crash/history.hpp"
#include "tests/crash/oracle.hpp"

namespace kifa::crash {

inline constexpr std::string_view kDirectory = "/data";

// How to look at the disk that a crash has left.
struct ImageCheckOptions {
  store::StoreOptions store;
  std::uint64_t seed = 0;     // decides about what is checked beside the rest
  bool is_same_boot = false;  // the process was killed: the machine went on
};

// Opens the store on `image` and compares it with the expectation, appends to it, closes it and
// compares again. Also with a Reader before the first open, which must change nothing. `history`,
// made for the image, receives what the recovered store promises. Returns what is wrong, or
// nothing.
[[nodiscard]] std::string check_image(io::MemoryFileSystem& image, const Expectation& expectation,
                                      const ImageCheckOptions& options, History& history);

}  // namespace kifa::crash
