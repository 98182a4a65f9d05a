#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/store/records.hpp"

namespace kifa::cli {

// When to write colours: `automatic` is on a terminal, unless NO_COLOR is set (no-color.org).
enum class Color : std::uint8_t { automatic, always, never };

// Whether what is written to `descriptor` is coloured.
[[nodiscard]] bool has_color(Color color, int descriptor);

// A line of text about an event: red for what is lost, yellow otherwise.
[[nodiscard]] std::string colored(std::string_view line, store::EventKind kind);

}  // namespace kifa::cli
