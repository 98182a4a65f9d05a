#include "core/plugin/duplicates.hpp"

#include <fmt/format.h>

namespace kifa::plugin {
namespace {

Status twice(std::string_view what, const std::string& first, const std::string& second) {
  if (first == kBuiltIn) {
    return {Code::unsupported,
            fmt::format("{} as a plugin that is built in, which comes first; to use this one, name "
                        "its folder with --plugin-path",
                        what)};
  }
  if (second == kBuiltIn) {
    return {Code::unsupported, fmt::format("{} as {}, which comes first", what, first)};
  }
  return {Code::unsupported,
          fmt::format("{} as {}; remove one of the two: {}, {}", what, first, first, second)};
}

}  // namespace

Status Duplicates::add_file(std::uint64_t device, std::uint64_t inode, const std::string& path) {
  const auto [seen, is_new] = files_.try_emplace({device, inode}, path);
  return is_new ? Status() : twice("is the same file", seen->second, path);
}

Status Duplicates::add_id(const std::string& id, const std::string& path) {
  const auto [seen, is_new] = ids_.try_emplace(id, path);
  return is_new ? Status() : twice("has the same id, " + id + ",", seen->second, path);
}

}  // namespace kifa::plugin
