#pragma once

#include <kifa/plugin.h>

#include <chrono>
#include <string>

#include "core/plugin/registry.hpp"

namespace kifa::plugin {

inline constexpr std::chrono::milliseconds kScanTimeLimit{2000};
inline constexpr std::size_t kScanAnswerBytesMax = 4U << 20U;

// What is to be said about the plugin file at `path` (absolute). The file is checked here; its code
// runs in a forked child that has `time_limit`, so that a crash, an exit or a hang there is a
// refusal here. The child's output goes to /dev/null.
//
// Threads: the control thread, best before others are started.
// Errors:  none; what fails is the listing's refusal.
[[nodiscard]] PluginListing scan_plugin(const std::string& path,
                                        std::chrono::milliseconds time_limit = kScanTimeLimit);

// The listing of a descriptor that passed check_descriptor().
[[nodiscard]] PluginListing listing_of(const kifa_plugin& plugin);

}  // namespace kifa::plugin
