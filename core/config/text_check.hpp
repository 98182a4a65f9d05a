#pragma once

#include <string_view>

#include "core/config/diagnostics.hpp"

namespace kifa::config {

// Says what makes `text` no configuration before a YAML parser sees it: too long, empty, UTF-16,
// binary, not UTF-8, control characters, tabs as indentation. False: an error was added.
[[nodiscard]] bool check_text(std::string_view text, Diagnostics& diagnostics);

}  // namespace kifa::config
