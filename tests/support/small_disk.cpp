#include "tests/support/small_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace kifa::test {
namespace {

enum Outcome : char { kWithRoot = 'r', kWithUser = 'u', kRefused = 'x' };

bool write_file(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) {
    return false;
  }
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(file);
  return written;
}

// Becomes root of a user namespace, as which a user may mount.
bool enter_user_namespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
         write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
}

}  // namespace

void SmallDisk::mount_in_child(std::uint64_t bytes, int ready, int end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char outcome = kWithRoot;
  if (unshare(CLONE_NEWNS) != 0) {
    outcome = enter_user_namespace() ? kWithUser : kRefused;
  }
  const std::string options = "mode=0755,size=" + std::to_string(bytes);
  if (outcome != kRefused && (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                              mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) != 0)) {
    outcome = kRefused;
  }
  char nothing = 0;
  if (write(ready, &outcome, 1) == 1 && outcome != kRefused) {
    while (read(end, &nothing, 1) > 0) {
    }
  }
  _exit(0);
}

SmallDisk::SmallDisk(std::uint64_t bytes) {
  path_ = "/tmp/kifa-disk-XXXXXX";
  std::array<int, 2> ready{};
  std::array<int, 2> end{};
  if (mkdtemp(path_.data()) == nullptr || pipe2(ready.data(), O_CLOEXEC) != 0 ||
      pipe2(end.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("cannot prepare a small disk: ") + std::strerror(errno));
  }
  holder_ = fork();
  if (holder_ == 0) {
    close(end[1]);
    mount_in_child(bytes, ready[1], end[0]);
  }
  close(ready[1]);
  close(end[0]);
  end_ = end[1];
  char outcome = kRefused;
  if (read(ready[0], &outcome, 1) != 1) {
    outcome = kRefused;
  }
  close(ready[0]);
  const std::string process = "/proc/" + std::to_string(holder_);
  if (outcome == kWithUser) {
    namespaces_.push_back(process + "/ns/user");
  }
  namespaces_.push_back(process + "/ns/mnt");
  if (outcome == kRefused) {
    close(end_);
    waitpid(holder_, nullptr, 0);
    rmdir(path_.c_str());
    throw std::runtime_error(
        "this test needs a small file system: run it as root with CAP_SYS_ADMIN, or allow user "
        "namespaces (sysctl kernel.unprivileged_userns_clone=1)");
  }
}

SmallDisk::~SmallDisk() {
  close(end_);
  waitpid(holder_, nullptr, 0);
  rmdir(path_.c_str());
}

std::string SmallDisk::outside_path() const {
  return "/proc/" + std::to_string(holder_) + "/root" + path_;
}

}  // namespace kifa::test
