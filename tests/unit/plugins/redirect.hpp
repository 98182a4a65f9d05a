#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace kifa::plugins::testing {

// A descriptor that is closed at the end.
class Fd final {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {
    if (fd < 0) {
      throw std::runtime_error("a descriptor that the test needs cannot be opened");
    }
  }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out;  // to read from
  Fd in;   // to write to
};

// Makes `target` (0, 1 or 2) what `source` is, until the end of the scope; source -1: closed.
class Redirect final {
 public:
  Redirect(int target, int source)
      : target_(target), saved_(::fcntl(target, F_DUPFD_CLOEXEC, 100)) {
    if (source >= 0) {
      ::dup2(source, target);
    } else {
      ::close(target);
    }
  }
  Redirect(const Redirect&) = delete;
  Redirect& operator=(const Redirect&) = delete;
  ~Redirect() { ::dup2(saved_.get(), target_); }

 private:
  int target_;
  Fd saved_;
};

inline void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) {
      throw std::runtime_error("the test cannot write");
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[nodiscard]] inline std::size_t bytes_in_pipe(int fd) {
  int bytes = 0;
  ::ioctl(fd, FIONREAD, &bytes);
  return static_cast<std::size_t>(bytes);
}

// Everything that is in the pipe now.
[[nodiscard]] inline std::string take_all(int fd) {
  std::string bytes(bytes_in_pipe(fd), '\0');
  if (!bytes.empty() &&
      ::read(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error("the test cannot read");
  }
  return bytes;
}

}  // namespace kifa::plugins::testing
