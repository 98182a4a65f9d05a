#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <string>

#include "core/io/file_system.hpp"
#include "core/io/posix_file.hpp"

namespace kifa::io {

namespace {

class PosixWatch final : public FileWatch {
 public:
  PosixWatch(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<bool> wait(std::chrono::milliseconds timeout) override {
    pollfd ready{.fd = descriptor_.number(), .events = POLLIN, .revents = 0};
    const auto longest = std::chrono::milliseconds(std::numeric_limits<int>::max());
    const auto clamped = std::clamp(timeout, std::chrono::milliseconds(0), longest);
    const int count = ::poll(&ready, 1, static_cast<int>(clamped.count()));
    if (count < 0) {
      return errno == EINTR ? Result<bool>(false) : call_failed(errno, "watch", path_);
    }
    if (count == 0) {
      return false;
    }
    // What happened is known already; equal events that wait were made one by the kernel.
    alignas(inotify_event) std::array<char, 4096> events;
    if (::read(descriptor_.number(), events.data(), events.size()) < 0 && errno != EAGAIN &&
        errno != EINTR) {
      return call_failed(errno, "watch", path_);
    }
    return true;
  }

 private:
  const Descriptor descriptor_;
  const std::string path_;
};

}  // namespace

Result<std::unique_ptr<FileWatch>> posix_watch(const std::string& path) {
  Descriptor descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (descriptor.number() >= 0 &&
      ::inotify_add_watch(descriptor.number(), path.c_str(), IN_MODIFY) >= 0) {
    return std::make_unique<PosixWatch>(std::move(descriptor), path);
  }
  const int failure = errno;
  if (failure == EMFILE || failure == ENFILE || failure == ENOSPC || failure == ENOSYS) {
    // The machine's limits for inotify, which are no limits for looking.
    return Status(Code::unsupported, call_failed(failure, "watch", path).message());
  }
  return call_failed(failure, "watch", path);
}

}  // namespace kifa::io
