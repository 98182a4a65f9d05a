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

constexpr off_t kImageBytes = off_t{1} << 30U;  // sparse
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
  const std::string image = directory + "/" + type + ".img";
  const std::string path = directory + "/" + type;
  const int file = ::open(image.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, kImageBytes) != 0) {
    return Status::from_errno(errno, "cannot make " + image);
  }
  ::close(file);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Status::from_errno(errno, "cannot make " + path);
  }
  std::unique_ptr<LoopDisk> disk(new LoopDisk(image, path, type));
  const std::string quiet = type == "ext4" ? "-F" : "-f";
  KIFA_TRY(run({"mkfs." + type, "-q", quiet, image}));
  KIFA_TRY(disk->mount());
  return disk;
}

LoopDisk::~LoopDisk() {
  if (is_mounted_) {
    ignore(unmount(), "it goes with the process");
  }
  if (!keeps_image_) {
    ::unlink(image_.c_str());
  }
  ::rmdir(path_.c_str());
}

Status LoopDisk::mount() {
  KIFA_TRY(run({"mount", "-t", type_, "-o", "loop", image_, path_}));
  is_mounted_ = true;
  return {};
}

Status LoopDisk::unmount() {
  for (int tries = 0; ::umount(path_.c_str()) != 0; ++tries) {
    if (errno != EBUSY || tries == kUnmountTriesMax) {
      return Status::from_errno(errno, "cannot unmount " + path_);
    }
    ::usleep(kUnmountPauseUs);
  }
  is_mounted_ = false;
  return {};
}

Status LoopDisk::cut_power() {
  const int directory = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) {
    return Status::from_errno(errno, "cannot open " + path_);
  }
  const int failed = ::ioctl(directory, kShutdown, &kWithoutJournal);
  const int failure = errno;
  ::close(directory);
  return failed == 0 ? Status() : Status::from_errno(failure, "cannot cut the power of " + path_);
}

Status LoopDisk::restore_power() {
  KIFA_TRY(unmount());
  return mount();
}

}  // namespace crash
