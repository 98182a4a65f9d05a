#pragma once

#include <kifa/plugin.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/config/options.hpp"

// The options of a formatter, as a command line gives them: NAME=VALUE.
namespace kifa::cli {

// Fails with `invalid` and one sentence when a text of `options` has no name or no `=`. What the
// names and values mean is not known before the formatter is: format_settings() checks that.
[[nodiscard]] Status check_format_options(const std::vector<std::string>& options);

// The settings of the formatter `component`: those that `options` give, and defaults for the rest.
// Values are written as in a pipeline file; a list is written with commas, or by giving its name
// several times. What passed check_format_options() may be given.
//
// Errors:  `invalid`, with all that is wrong and a hint: an unknown name, a value that is none, a
//          name given twice, an option that is needed and was not given.
[[nodiscard]] Result<std::vector<config::Setting>> format_settings(
    const kifa_component& component, const std::vector<std::string>& options);

}  // namespace kifa::cli
