#pragma once

#include <kifa/plugin.h>

#include <string>

#include "core/base/status.hpp"

namespace kifa::plugin {

// Loads the shared library at `absolute_path` into this process and asks it for its descriptor,
// which may be null. The library stays loaded until the process ends, also when it is refused
// later.
//
// Threads: the control thread, before pipelines start.
// Errors:  one sentence with the linker's reason, for example "undefined symbol: missing_fn".
[[nodiscard]] Result<const kifa_plugin*> load_descriptor(const std::string& absolute_path);

}  // namespace kifa::plugin
