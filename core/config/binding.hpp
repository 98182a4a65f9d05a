#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.hpp"

namespace kifa::config {

// One value as `spec` wants it. nullopt: a diagnostic says why (or an earlier one did).
[[nodiscard]] std::optional<Setting> convert_value(const OptionSpec& spec, const Node& value,
                                                   Mark key_mark, Diagnostics& diagnostics);
// The setting that `spec` gives when nobody writes one; nullopt: none, or a default that is wrong.
[[nodiscard]] std::optional<Setting> default_setting(const OptionSpec& spec,
                                                     const std::string& base_folder);

// Says for each key of `mapping` that is neither in `specs` nor in `reserved` that it is unknown.
void report_unknown_keys(const Node& mapping, std::span<const OptionSpec> specs,
                         std::span<const std::string> reserved, std::string_view what,
                         Diagnostics& diagnostics);

// The settings that `mapping` writes; keys that no spec names are left alone.
[[nodiscard]] std::vector<Setting> bind_written(const Node& mapping,
                                                std::span<const OptionSpec> specs,
                                                std::string_view what, Diagnostics& diagnostics);

// Adds for each spec without a setting its default, or says at `where` that it is missing.
// `mapping` may be null; an option that it has but that was wrong is not called missing.
void add_defaults(std::vector<Setting>& settings, const Node* mapping,
                  std::span<const OptionSpec> specs, std::string_view what, Mark where,
                  std::string_view missing_hint, Diagnostics& diagnostics);

// Whether `node` is a mapping, or null and thus an empty one; says what is wrong otherwise.
[[nodiscard]] bool expect_mapping(const Node& node, Mark where, std::string_view what,
                                  Diagnostics& diagnostics);

}  // namespace kifa::config
