#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.hpp"

namespace kifa::plugin {

// What can be said about a plugin's file without running its code.
struct PluginFile {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string warning;  // "the folder is writable by its group"; empty: nothing to say
};

// Checks the file at `path` (absolute): a regular file; neither it nor its folder writable by
// others or owned by somebody who is neither root nor this process's user; ELF, for this machine
// and this plugin ABI. A symbolic link is followed, and the folders of both its ends are checked.
//
// Threads: any.
// Errors:  one sentence without the path at its front: the caller puts it there.
[[nodiscard]] Result<PluginFile> check_plugin_file(const std::string& path);

inline constexpr std::size_t kPluginFilesMax = 1024;  // of one folder

// The absolute paths of the *.kifa.so in `folder`, sorted by name; not recursive. A folder that is
// not there has none.
[[nodiscard]] Result<std::vector<std::string>> plugin_files_in(const std::string& folder);

}  // namespace kifa::plugin
