#include "plugins/sources/file/finder.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "plugins/sources/file/content_file.hpp"

namespace kifa::plugins::file_source {

namespace {

// Of files that were written in the same tick of the clock the one with the higher number is the
// older one.
bool is_older(const Found& one, const Found& other) {
  const auto bare = [](const Found& found) {
    std::string_view path = found.path;
    if (is_gzip_name(path)) {
      path.remove_suffix(3);
    }
    return path;
  };
  return std::tuple(one.facts.modified_ns, bare(other).size(), bare(other)) <
         std::tuple(other.facts.modified_ns, bare(one).size(), bare(one));
}

}  // namespace

Finder::Look Finder::look(const Known& known) {
  Look look;
  std::set<std::string> folders;
  names_.clear();
  for (const Pattern& pattern : settings_.include) {
    look.is_complete &= pattern.folders(
        [&](const std::string& folder) {
          folders.insert(folder);
          if (pattern.has_literal_name()) {
            names_[folder].add(pattern.name());
          }
        },
        [&](const std::string& folder) { look.folders.insert(folder); });
  }
  for (const std::string& base : known.bases) {
    names_[folder_of(base)].add(name_of(base));
  }
  for (const std::string& folder : folders) {
    look_into(folder, known, look);
    look.folders.insert(folder);
  }
  std::ranges::sort(look.found, is_older);
  return look;
}

void Finder::look_into(const std::string& folder, const Known& known, Look& look) {
  struct Entry {
    std::string name;
    std::uint64_t inode;
    bool included;
  };
  std::vector<Entry> entries;
  RotatedNames& names = names_[folder];
  const bool listed = list_folder(folder, [&](const std::string& name, std::uint64_t inode) {
    if (entries.size() + look.found.size() < kEntriesMax) {
      entries.push_back({name, inode, settings_.includes(join(folder, name))});
    } else {
      look.is_cut = true;
    }
  });
  if (!listed) {
    look.is_complete = false;
    look.unreadable.push_back(folder);
  }
  // What is known by its own name is not a base again: app.log.1, with app*, is the rotated
  // app.log.
  for (const Entry& entry : entries) {
    if (entry.included && !known.inodes.contains(entry.inode) && !is_gzip_name(entry.name)) {
      names.add(entry.name);
    }
  }
  for (const Entry& entry : entries) {
    const std::string path = join(folder, entry.name);
    if (entry.included || known.inodes.contains(entry.inode) ||
        (!names.alike(entry.name).empty() && !settings_.excludes(path))) {
      add(path, entry.included, look);
    }
  }
}

void Finder::add(const std::string& path, bool included, Look& look) {
  const std::optional<Facts> facts = facts_at(path);
  if (!facts) {
    return;  // it has vanished meanwhile, or is a link that leads nowhere
  }
  if (!facts->is_regular) {
    if (included) {
      look.odd.push_back(path);
    }
    return;
  }
  struct stat itself{};
  const bool is_link = ::lstat(path.c_str(), &itself) == 0 && S_ISLNK(itself.st_mode);
  look.has_links |= is_link;
  look.found.push_back({path, *facts, included, is_link});
}

const RotatedNames& Finder::names_in(const std::string& folder) const {
  static const RotatedNames kNone;
  const auto names = names_.find(folder);
  return names == names_.end() ? kNone : names->second;
}

bool Finder::is_relevant(const std::string& folder, const std::string& name) const {
  const RotatedNames& names = names_in(folder);
  return names.contains(name) || !names.alike(name).empty() ||
         settings_.includes(join(folder, name));
}

}  // namespace kifa::plugins::file_source
