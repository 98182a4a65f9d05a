#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.hpp"

namespace kifa::cli {

// Whether a store could be opened for writing in `directory` now: nobody else has it, it may be
// written or made there, can be read, and there is room to begin. Changes nothing.
[[nodiscard]] Status probe_store(const std::string& directory, std::uint64_t segment_bytes);

}  // namespace kifa::cli
