#include "plugins/sinks/console/output.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kifa::plugins::console {

sdk::Status Output::open(int fd, std::string name, Waiting waiting) {
  name_ = std::move(name);
  const int flags = ::fcntl(fd, F_GETFL);
  if ((flags < 0 && errno == EBADF) || (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY)) {
    return sdk::Status::invalid(name_ + " is closed; connect a file, a pipe or a terminal to it");
  }
  struct stat facts{};
  if (flags < 0 || ::fstat(fd, &facts) != 0) {
    return sdk::Status::from_errno(errno, "cannot look at " + name_);
  }
  fd_ = fd;
  is_file_ = S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode);
  nowait_ = !is_file_ && waiting == Waiting::refused_by_kernel;
  return {};
}

sdk::Status Output::failure(int sys_errno) const {
  if (sys_errno == EPIPE) {
    return {KIFA_UNAVAILABLE, "whoever read " + name_ + " has gone away", sys_errno};
  }
  sdk::Status status = sdk::Status::from_errno(sys_errno, "cannot write to " + name_);
  // Only a full disk can be waited for; everything else is an error of the device.
  const kifa_status code = status.code() == KIFA_NO_SPACE ? KIFA_NO_SPACE : KIFA_IO;
  return {code, status.message(), sys_errno};
}

sdk::Status Output::write(std::string_view& text, int patience_ms) {
  while (!text.empty()) {
    ssize_t written = 0;
    bool must_wait = false;
    if (is_file_) {
      written = ::write(fd_, text.data(), text.size());
    } else if (nowait_) {
      const iovec piece{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
      written = ::pwritev2(fd_, &piece, 1, -1, RWF_NOWAIT);
      if (written < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
        nowait_ = false;
        continue;
      }
    } else {
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      must_wait = ::poll(&ready, 1, 0) == 0;
      written =
          must_wait ? 0 : ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    }
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
      return failure(errno);
    }
    must_wait = must_wait || (written < 0 && errno == EAGAIN);
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (must_wait) {
      pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, patience_ms) == 0) {
        return sdk::Status::again();
      }
    }
  }
  return {};
}

}  // namespace kifa::plugins::console
