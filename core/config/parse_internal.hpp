#pragma once

#include <optional>
#include <string_view>

#include "core/config/document.hpp"

namespace kifa::config {

// As parse_yaml, but ${...} stays as it is written: for defaults that plugins declare.
[[nodiscard]] std::optional<Node> parse_literal_yaml(std::string_view text,
                                                     Diagnostics& diagnostics);

}  // namespace kifa::config
