#include "examples/crash-test/loop_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace crash {

using kifa::Code;
using kifa::Status;

namespace {

constexpr off_t kImageBytes = off_t{1} << 30U;  // sparse, as the next
constexpr off_t kInnerImageBytes = off_t{3} << 28U;
constexpr const char* kOuterType = "ext4";
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutJournal = 2;
constexpr int kUnmountTriesMax = 500;
constexpr useconds_t kUnmountPauseUs = 10'000;

// Runs a program of the system with its messages discarded.
Status run(std::vector<std::string> words) {
  const pid_t child = ::fork();
  if (child < 0) {
    return Status::from_errno(errno, "cannot fork");
  }
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    std::vector<char*> arguments;
    for (std::string& word : words) {
      arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
      ::execv((folder + words[0]).c_str(), arguments.data());
    }
    ::_exit(127);
  }
  int ended = 0;
  while (::waitpid(child, &ended, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(ended) && WEXITSTATUS(ended) == 0) {
    return {};
  }
  return {Code::unsupported,
          WIFEXITED(ended) && WEXITSTATUS(ended) == 127
              ? words[0] + " is not installed"
              : words[0] + " " + words.back() + " failed; is this root, with loop devices?"};
}

Status make_image(const std::string& path, off_t bytes, const std::string& type) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, bytes) != 0) {
    return Status::from_errno(errno, "cannot make " + path);
  }
  ::close(file);
  KIFA_TRY(run({"mkfs." + type, "-q", type == "ext4" ? "-F" : "-f", path}));
  const int made = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const Status synced =
      made >= 0 && ::fsync(made) == 0 ? Status() : Status::from_errno(errno, "cannot sync " + path);
  ::close(made);
  return synced;
}

Status make_folder(const std::string& path) {
  return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST
             ? Status()
             : Status::from_errno(errno, "cannot make " + path);
}

}  // namespace

kifa::Result<std::unique_ptr<LoopDisk>> LoopDisk::create(const std::string& directory,
                                                         const std::string& type) {
  if (type != "ext4" && type != "xfs") {
    return Status(Code::invalid, "`" + type + "` is no file system for this; use ext4 or xfs");
  }
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Status::from_errno(errno, "cannot have mounts of my own; this needs root");
  }
  std::unique_ptr<LoopDisk> disk(new LoopDisk(directory, type));
  KIFA_TRY(disk->prepare());
  return disk;
}

Status LoopDisk::prepare() {
  KIFA_TRY(make_folder(outer_));
  KIFA_TRY(make_folder(path_));
  KIFA_TRY(make_image(image_, kImageBytes, kOuterType));
  KIFA_TRY(mount(kOuterType, image_, outer_));
  KIFA_TRY(make_image(inner_image_, kInnerImageBytes, type_));
  return mount(type_, inner_image_, path_);
}

LoopDisk::~LoopDisk() {
  ignore(unmount_all(), "it goes with the process");
  if (!keeps_image_) {
    ::unlink(image_.c_str());
  }
  ::rmdir(outer_.c_str());
  ::rmdir(path_.c_str());
}

Status LoopDisk::mount(const std::string& type, const std::string& image, const std::string& path) {
  KIFA_TRY(run({"mount", "-t", type, "-o", "loop", image, path}));
  mounted_.push_back(path);
  return {};
}

Status LoopDisk::unmount_all() {
  int tries = 0;
  while (!mounted_.empty()) {
    if (::umount(mounted_.back().c_str()) == 0) {
      mounted_.pop_back();
      continue;
    }
    if (errno != EBUSY || ++tries == kUnmountTriesMax) {
      return Status::from_errno(errno, "cannot unmount " + mounted_.back());
    }
    ::usleep(kUnmountPauseUs);
  }
  return {};
}

Status LoopDisk::cut_power() {
  const int directory = ::open(outer_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    return Status::from_errno(errno, "cannot open " + outer_);
  }
  const int failed = ::ioctl(directory, kShutdown, &kWithoutJournal);
  const int failure = errno;
  ::close(directory);
  return failed == 0 ? Status() : Status::from_errno(failure, "cannot cut the power of " + outer_);
}

Status LoopDisk::restore_power() {
  KIFA_TRY(unmount_all());
  KIFA_TRY(mount(kOuterType, image_, outer_));
  return mount(type_, inner_image_, path_);
}

}  // namespace crash
