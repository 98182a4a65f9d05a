#pragma once

#include <kifa/plugin.h>

#include <span>

namespace kifa::plugin {

// How a plugin that is linked into the executable is entered: kifa_plugin_v1 under a name of its
// own.
using BuiltinEntry = const kifa_plugin* (*)();

// The plugins that are linked into this executable: none, unless it brings its own definition of
// this function, as the self-contained kifa does (cmake/KifaEdge.cmake).
//
// Threads: any; what it gives lives as long as the process.
[[nodiscard]] std::span<const BuiltinEntry> builtin_plugins();

}  // namespace kifa::plugin
