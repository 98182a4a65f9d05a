#include "core/plugin/search_path.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace kifa::plugin {
namespace {

constexpr const char* kPathVariable = "KIFA_PLUGIN_PATH";
constexpr std::string_view kPluginFolder = "lib/kifa/plugins";

Status add_explicit(SearchPath& search_path, std::string_view path, std::string_view origin) {
  if (!path.starts_with('/')) {
    return {Code::invalid,
            fmt::format("{} '{}' is not an absolute path; write it from the root, for example "
                        "/opt/acme/plugins",
                        origin, path)};
  }
  KIFA_TRY(check_explicit_folder(std::string(path)));
  search_path.folders.push_back({std::string(path), true});
  return {};
}

Status add_from_environment(SearchPath& search_path) {
  const char* value = ::secure_getenv(kPathVariable);
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view path = rest.substr(0, colon);
    if (!path.empty()) {
      KIFA_TRY(add_explicit(search_path, path, "the plugin folder in KIFA_PLUGIN_PATH"));
    }
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return {};
}

}  // namespace

Status check_explicit_folder(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) {
      return {Code::not_found,
              fmt::format("the plugin folder {} is missing; create it or leave it out", path)};
    }
    return Status::from_errno(errno, fmt::format("cannot look at the plugin folder {}", path));
  }
  if (!S_ISDIR(facts.st_mode)) {
    return {Code::invalid, fmt::format("the plugin folder {} is not a folder", path)};
  }
  return {};
}

std::vector<SearchPath::Folder> distinct_folders(const SearchPath& search_path) {
  std::vector<SearchPath::Folder> folders;
  std::set<std::pair<dev_t, ino_t>> seen;
  for (const SearchPath::Folder& folder : search_path.folders) {
    struct stat facts{};
    const bool is_there = ::stat(folder.path.c_str(), &facts) == 0;
    if (is_there && !seen.emplace(facts.st_dev, facts.st_ino).second) {
      continue;
    }
    if (is_there || folder.is_explicit) {
      folders.push_back(folder);
    }
  }
  return folders;
}

Result<SearchPath> SearchPath::standard(const std::vector<std::string>& explicit_folders) {
  SearchPath search_path;
  for (const std::string& path : explicit_folders) {
    KIFA_TRY(add_explicit(search_path, path, "the plugin folder"));
  }
  KIFA_TRY(add_from_environment(search_path));
  std::error_code failure;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", failure);
  if (!failure) {
    const std::filesystem::path prefix = executable.parent_path().parent_path();
    search_path.folders.push_back({(prefix / kPluginFolder).native(), false});
  }
  search_path.folders.push_back({"/usr/local/lib/kifa/plugins", false});
  search_path.folders.push_back({"/usr/lib/kifa/plugins", false});
  return search_path;
}

}  // namespace kifa::plugin
