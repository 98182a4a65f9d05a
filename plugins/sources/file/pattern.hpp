#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins::file_source {

// The path of files, with `*`, `?` and `[...]` inside a name and `**` for any number of folders:
// /var/log/tills/**/*.log. Names that begin with a dot are matched only by a dot. A backslash takes
// the meaning from the character behind it.
//
// Threads: immutable.
// Errors:  read() gives a sentence without the option's name in front.
// Limits:  kPatternBytesMax; `**` goes kDepthMax folders down.
class Pattern final {
 public:
  static constexpr std::size_t kPatternBytesMax = 1024;
  static constexpr std::size_t kDepthMax = 16;

  // `text` is an absolute path.
  static sdk::Status read(const std::string& text, Pattern& pattern);

  [[nodiscard]] bool matches(std::string_view path) const;
  // Calls `visit` with every folder that files of this pattern may stand in, and `look` with every
  // folder that has to be watched because such folders may appear in it. False: the first folders
  // of the path are not there, or cannot be read.
  bool folders(const std::function<void(const std::string&)>& visit,
               const std::function<void(const std::string&)>& look) const;
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  // Only one name fits.
  [[nodiscard]] bool has_literal_name() const {
    return name_.find_first_of("*?[\\") == std::string::npos;
  }

 private:
  std::string text_;
  std::vector<std::string> folders_;  // parts of the path in front of the name
  std::string name_;
};

// The names in a folder, "." and ".." left out, with their inode numbers; false: errno says why.
bool list_folder(const std::string& folder,
                 const std::function<void(const std::string& name, std::uint64_t inode)>& visit);

// "/var/log/app.log" is app.log in /var/log.
[[nodiscard]] inline std::string name_of(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}
[[nodiscard]] inline std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == 0 ? "/" : path.substr(0, slash));
}
[[nodiscard]] inline std::string join(const std::string& folder, const std::string& name) {
  return folder == "/" ? folder + name : folder + "/" + name;
}

}  // namespace kifa::plugins::file_source
