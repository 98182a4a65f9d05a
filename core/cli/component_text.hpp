#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/config/options.hpp"

// Components and their options in words, for `kifa plugin`.
namespace kifa::cli {

[[nodiscard]] std::string_view kind_text(std::uint32_t kind);  // KIFA_KIND_*: "source", ...

// "size", "enumeration: split | truncate | reject", "integer (records)"
[[nodiscard]] std::string type_text(const config::OptionSpec& option);
[[nodiscard]] std::string_view type_name(config::OptionType type);

// "1 to 65,536", "at least 4KiB"; empty: not limited. In the option's own unit.
[[nodiscard]] std::string range_text(const config::OptionSpec& option);

}  // namespace kifa::cli
