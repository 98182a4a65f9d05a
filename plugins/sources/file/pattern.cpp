#include "plugins/sources/file/pattern.hpp"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace kifa::plugins::file_source {

namespace {

constexpr std::string_view kAnyFolders = "**";

bool is_literal(std::string_view part) {
  return part.find_first_of("*?[\\") == std::string_view::npos;
}

bool fits(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) {
      parts.emplace_back(path.substr(0, slash));
    }
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

bool match_folders(std::span<const std::string> pattern, std::span<const std::string> folders) {
  if (pattern.empty()) {
    return folders.empty();
  }
  if (pattern.front() == kAnyFolders) {
    for (std::size_t taken = 0; taken <= std::min(folders.size(), Pattern::kDepthMax); ++taken) {
      if (match_folders(pattern.subspan(1), folders.subspan(taken))) {
        return true;
      }
    }
    return false;
  }
  return !folders.empty() && fits(pattern.front(), folders.front()) &&
         match_folders(pattern.subspan(1), folders.subspan(1));
}

bool is_folder(const std::string& path) {
  struct stat facts{};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// Goes through the folders that a pattern leads to.
struct Walk {
  const std::function<void(const std::string&)>& visit;
  const std::function<void(const std::string&)>& look;
  bool is_complete = true;

  void go(const std::string& folder, std::span<const std::string> rest, std::size_t depth) {
    if (rest.empty()) {
      if (is_folder(folder)) {
        visit(folder);
      } else {
        is_complete = false;
      }
      return;
    }
    if (is_literal(rest.front())) {
      go(join(folder, rest.front()), rest.subspan(1), 0);
      return;
    }
    const bool any = rest.front() == kAnyFolders;
    if (any) {
      go(folder, rest.subspan(1), 0);
      if (depth >= Pattern::kDepthMax) {
        return;
      }
    }
    look(folder);
    const bool listed = list_folder(folder, [&](const std::string& name, std::uint64_t) {
      const std::string below = join(folder, name);
      if (any ? !name.starts_with('.') && is_real_folder(below)
              : fits(rest.front(), name) && is_folder(below)) {
        go(below, any ? rest : rest.subspan(1), any ? depth + 1 : 0);
      }
    });
    is_complete &= listed;
  }

  // Symbolic links may lead in a circle.
  static bool is_real_folder(const std::string& path) {
    struct stat facts{};
    return ::lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
  }
};

}  // namespace

bool list_folder(const std::string& folder,
                 const std::function<void(const std::string& name, std::uint64_t inode)>& visit) {
  struct Close {
    void operator()(DIR* opened) const { ::closedir(opened); }
  };
  const std::unique_ptr<DIR, Close> opened(::opendir(folder.c_str()));
  if (opened == nullptr) {
    return false;
  }
  while (const dirent* entry = ::readdir(opened.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") {
      visit(name, entry->d_ino);
    }
  }
  return true;
}

sdk::Status Pattern::read(const std::string& text, Pattern& pattern) {
  if (!text.starts_with('/')) {
    return sdk::Status::invalid("`" + text + "` does not begin with /; write the whole path");
  }
  if (text.size() > kPatternBytesMax) {
    return sdk::Status::invalid("`" + text.substr(0, 40) + "...` is longer than " +
                                std::to_string(kPatternBytesMax) + " bytes");
  }
  pattern.text_ = text;
  pattern.folders_ = parts_of(text);
  for (const std::string& part : pattern.folders_) {
    if (part == "." || part == "..") {
      return sdk::Status::invalid("`" + text + "` has . or .. in it; write the path without them");
    }
    if (part != kAnyFolders && part.find(kAnyFolders) != std::string::npos) {
      return sdk::Status::invalid(
          "`" + text + "` has ** inside a name; between two / it stands for any folders");
    }
  }
  if (text.ends_with('/') || pattern.folders_.empty() || pattern.folders_.back() == kAnyFolders) {
    return sdk::Status::invalid("`" + text +
                                "` names folders; say which files in them, for example " +
                                (text.ends_with('/') ? text : text + "/") + "*.log");
  }
  pattern.name_ = std::move(pattern.folders_.back());
  pattern.folders_.pop_back();
  return {};
}

bool Pattern::matches(std::string_view path) const {
  std::vector<std::string> parts = parts_of(path);
  if (parts.empty() || !fits(name_, parts.back())) {
    return false;
  }
  parts.pop_back();
  return match_folders(folders_, parts);
}

bool Pattern::folders(const std::function<void(const std::string&)>& visit,
                      const std::function<void(const std::string&)>& look) const {
  Walk walk{visit, look};
  walk.go("/", folders_, 0);
  return walk.is_complete;
}

}  // namespace kifa::plugins::file_source
