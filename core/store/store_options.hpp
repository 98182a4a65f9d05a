#pragma once

#include <cstdint>

#include "core/base/status.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// The segment size that is really used: a budget wants at least eight segments.
[[nodiscard]] std::uint64_t effective_segment_bytes(const StoreOptions& options);

// So many segments may wait to be made into tables; then appends wait.
[[nodiscard]] std::uint64_t backlog_segments_of(const StoreOptions& options);

// What is possible (check_options() says so) and yet could never take effect beside the other
// options: `invalid`, and both by their names in a configuration. For who reads options from
// somebody; a program may ask for "never" with a number that is never reached. What StoreOptions
// has by default contradicts nothing.
[[nodiscard]] Status check_effect(const StoreOptions& options);

}  // namespace kifa::store
