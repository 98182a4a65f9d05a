#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kifa::test {

// A real file system of a few megabytes (tmpfs) in a mount namespace of its own, so that a program
// meets a full disk. Works as root and, where the kernel allows user namespaces, as a user.
//
// Threads: confined; made before the test has other threads.
// Errors:  throws std::runtime_error with the remedy when neither way is allowed.
class SmallDisk final {
 public:
  explicit SmallDisk(std::uint64_t bytes);
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk();

  // Where programs that entered namespaces() find it.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<std::string>& namespaces() const { return namespaces_; }
  // Where this process finds the same files.
  [[nodiscard]] std::string outside_path() const;

 private:
  void mount_in_child(std::uint64_t bytes, int ready, int end);

  std::string path_;
  std::vector<std::string> namespaces_;
  pid_t holder_ = -1;
  int end_ = -1;  // closing it ends the holder, and with it the file system
};

}  // namespace kifa::test
