#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

// What the tests of the plugin host share: the folders of the test plugins and a folder to play in.
namespace kifa::plugin::test {

inline const std::string kGoodFolder = KIFA_TEST_PLUGIN_DIR "/good";
inline const std::string kBadFolder = KIFA_TEST_PLUGIN_DIR "/bad";

inline std::string good_plugin(const std::string& name) {
  return kGoodFolder + "/" + name + ".kifa.so";
}
inline std::string bad_plugin(const std::string& name) {
  return kBadFolder + "/" + name + ".kifa.so";
}

// A folder of mode 0700 that goes with this object.
class TempFolder final {
 public:
  TempFolder() : path_(std::filesystem::temp_directory_path() / "kifa-plugin-XXXXXX") {
    std::string name = path_.native();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("cannot make a temporary folder");
    }
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_.native() : (path_ / name).native();
  }
  // Copies `from` to `name` in this folder, mode 0644, and gives the new path.
  [[nodiscard]] std::string copy(const std::string& from, const std::string& name) const {
    std::filesystem::copy_file(from, path(name));
    ::chmod(path(name).c_str(), 0644);
    return path(name);
  }
  [[nodiscard]] std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    ::chmod(path(name).c_str(), 0644);
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::string& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

}  // namespace kifa::plugin::test
