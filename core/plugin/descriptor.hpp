#pragma once

#include <kifa/plugin.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/status.hpp"

namespace kifa::plugin {

inline constexpr std::uint32_t kComponentsMax = 256;  // of one plugin
inline constexpr std::uint32_t kOptionsMax = 1024;    // of one component

// Checks a descriptor from top to bottom: magic, sizes, strides, version, then every component with
// its functions and options. The first broken rule is one sentence that names plugin, component,
// field and rule; the caller adds the file.
//
// Reads through every pointer in the descriptor: a descriptor that points into nowhere crashes, and
// that is why listing runs in a process of its own.
[[nodiscard]] Status check_descriptor(const kifa_plugin* plugin);

// True when id and version can be read: the descriptor begins as one.
[[nodiscard]] bool has_identity(const kifa_plugin* plugin);

// The component at `index`, however long the plugin's structs are.
[[nodiscard]] const kifa_component& component_at(const kifa_plugin& plugin, std::uint32_t index);

// "source", "framing", "sink", "formatter"; "component of kind 7".
[[nodiscard]] std::string kind_name(std::uint32_t kind);

// A kind that a newer plugin has beside those that this host knows: it is passed over.
[[nodiscard]] bool is_known_kind(std::uint32_t kind);

}  // namespace kifa::plugin
