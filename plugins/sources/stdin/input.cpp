#include "plugins/sources/stdin/input.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kifa::plugins::stdin_source {

namespace {

constexpr int kPipeBytes = 1 << 20;

}  // namespace

sdk::Status Input::open(int fd, Waiting waiting) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 && errno == EBADF) {
    return sdk::Status::invalid(
        "standard input is closed; connect a file, a pipe or a terminal to it");
  }
  struct stat facts{};
  if (flags < 0 || ::fstat(fd, &facts) != 0) {
    return sdk::Status::from_errno(errno, "cannot look at standard input");
  }
  if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) != 0) {
    return sdk::Status::invalid(
        "standard input is not open for reading; connect a file, a pipe or a terminal to it");
  }
  if (S_ISDIR(facts.st_mode)) {
    return sdk::Status::invalid(
        "standard input is a directory; connect a file, a pipe or a terminal to it");
  }
  fd_ = fd;
  pipe_note_.clear();
  kind_ = Kind::other;
  if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode)) {
    kind_ = Kind::file;
  } else if (S_ISFIFO(facts.st_mode)) {
    kind_ = Kind::pipe;
    enlarge_pipe();
  }
  nowait_ = kind_ != Kind::file && waiting == Waiting::refused_by_kernel;
  return {};
}

void Input::enlarge_pipe() {
  const int before = ::fcntl(fd_, F_GETPIPE_SZ);
  if (before >= kPipeBytes || ::fcntl(fd_, F_SETPIPE_SZ, kPipeBytes) >= 0) {
    return;
  }
  pipe_note_ = "the pipe on standard input keeps its " + std::to_string(before) +
               " bytes: " + std::generic_category().message(errno);
}

bool Input::is_ready() const {
  pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) > 0;
}

Input::Read Input::read(std::span<std::uint8_t> into) {
  while (true) {
    ssize_t got = 0;
    if (nowait_) {
      const iovec piece{.iov_base = into.data(), .iov_len = into.size()};
      got = ::preadv2(fd_, &piece, 1, -1, RWF_NOWAIT);
      if (got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
        nowait_ = false;
        continue;
      }
    } else {
      if (kind_ != Kind::file && !is_ready()) {
        return {.outcome = Outcome::again};
      }
      got = ::read(fd_, into.data(), into.size());
    }
    if (got > 0) {
      return {.outcome = Outcome::bytes, .bytes = static_cast<std::size_t>(got)};
    }
    if (got == 0) {
      return {.outcome = Outcome::end};
    }
    if (errno == EAGAIN) {
      return {.outcome = Outcome::again};
    }
    if (errno != EINTR) {
      return {.outcome = Outcome::failed, .sys_errno = errno};
    }
  }
}

std::size_t Input::bytes_ready() const {
  int ready = 0;
  if (kind_ == Kind::file || ::ioctl(fd_, FIONREAD, &ready) != 0 || ready < 0) {
    return 0;
  }
  return static_cast<std::size_t>(ready);
}

}  // namespace kifa::plugins::stdin_source
