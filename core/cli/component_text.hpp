#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/config/options.hpp"

// Components and their options in words, for `kifa plugin`.
namespace kifa::cli {

[[nodiscard]] std::string_view kind_text(std::uint32_t kind);  // KIFA_KIND_*: "source", ...

// One option as a JSON object; default, minimum and maximum are texts as they would stand in the
// YAML.
[[nodiscard]] std::string option_json(const config::OptionSpec& option);

}  // namespace kifa::cli
