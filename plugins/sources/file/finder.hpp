#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "plugins/sources/file/facts.hpp"
#include "plugins/sources/file/rotated_name.hpp"
#include "plugins/sources/file/settings.hpp"

namespace kifa::plugins::file_source {

// A file that may have something to do with what is read.
struct Found {
  std::string path;
  Facts facts;
  bool included = false;
  bool is_link = false;  // the path is a symbolic link: changes behind it are not heard of
};

// Looks through the folders of the patterns: for files that they name, for those that look like
// rotated ones or copies of them, and for known files under any name.
//
// Threads: confined.
// Limits:  kEntriesMax names of one look.
class Finder final {
 public:
  static constexpr std::size_t kEntriesMax = 1'000'000;

  explicit Finder(const FileSettings& settings) : settings_(settings) {}

  // What was read by which name until now, and where it was last seen.
  struct Known {
    std::vector<std::string> bases;
    std::unordered_set<std::uint64_t> inodes;
  };
  struct Look {
    std::vector<Found> found;       // oldest first
    std::set<std::string> folders;  // to be watched
    bool is_complete = true;        // false: folders are missing or cannot be read
    bool has_links = false;
    bool is_cut = false;                  // there are more names than kEntriesMax
    std::vector<std::string> odd;         // included, but no files
    std::vector<std::string> unreadable;  // folders that cannot be looked through
  };
  Look look(const Known& known);

  // As of the last look.
  [[nodiscard]] const RotatedNames& names_in(const std::string& folder) const;
  // Whether something of this name is worth a look.
  [[nodiscard]] bool is_relevant(const std::string& folder, const std::string& name) const;

 private:
  void look_into(const std::string& folder, const Known& known, Look& look);
  void add(const std::string& path, bool included, Look& look);

  const FileSettings& settings_;
  std::map<std::string, RotatedNames> names_;
};

}  // namespace kifa::plugins::file_source
