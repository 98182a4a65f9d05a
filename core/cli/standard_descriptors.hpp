#pragma once

#include "core/base/status.hpp"

namespace kifa::cli {

// Which of the standard descriptors were closed when the process started.
struct ClosedAtStart {
  bool input = false;
  bool output = false;
  bool error = false;
};

// Opens descriptors 0 to 2 on /dev/null where they are closed: otherwise the next file that is
// opened, a segment of the store perhaps, would become stderr. Call before anything else.
//
// Threads: the first one, before others exist.
[[nodiscard]] Result<ClosedAtStart> open_standard_descriptors();

// What open_standard_descriptors() found; nothing closed before it was called.
[[nodiscard]] const ClosedAtStart& closed_at_start();

}  // namespace kifa::cli
