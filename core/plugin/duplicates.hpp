#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/status.hpp"

namespace kifa::plugin {

inline constexpr const char* kBuiltIn = "built in";  // in place of a path

// Remembers which files and ids of plugins were seen, to refuse the second of each.
//
// Threads: confined.
// Errors:  one sentence with the remedy, without the path of the second at its front.
class Duplicates final {
 public:
  // By device and inode, before anything of the file runs.
  Status add_file(std::uint64_t device, std::uint64_t inode, const std::string& path);
  Status add_id(const std::string& id, const std::string& path);

 private:
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> files_;
  std::map<std::string, std::string> ids_;
};

}  // namespace kifa::plugin
