#pragma once

#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::plugin {

// A folder that was named by hand must be there; the standard ones need not.
[[nodiscard]] Status check_explicit_folder(const std::string& path);

// The folders of `search_path` without those that are another one under a second name (for an
// installation in /usr, <executable>/../lib/kifa/plugins is /usr/lib/kifa/plugins).
[[nodiscard]] std::vector<SearchPath::Folder> distinct_folders(const SearchPath& search_path);

}  // namespace kifa::plugin
