#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "tests/support/temporary_directory.hpp"

namespace kifa::test {

// A device at the far end of a serial line: the master of a pseudo-terminal, whose slave is found
// under a path that stays when the device is unplugged and plugged in again, as those in
// /dev/serial/by-id do. It waits when it has to, and gives up after a minute.
//
// Threads: confined, but for send() and receive() from one other thread.
// Errors:  what a test cannot go on without throws.
class SerialDevice final {
 public:
  SerialDevice() { plug(); }
  SerialDevice(const SerialDevice&) = delete;
  SerialDevice& operator=(const SerialDevice&) = delete;
  ~SerialDevice() { unplug(); }

  // Where the port is to be found.
  [[nodiscard]] std::string path() const { return directory_.file("by-id"); }
  [[nodiscard]] int master() const { return master_; }

  void plug() {
    unplug();
    master_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    std::array<char, 64> name{};
    require(master_ >= 0 && ::grantpt(master_) == 0 && ::unlockpt(master_) == 0 &&
                ::ptsname_r(master_, name.data(), name.size()) == 0,
            "no pseudo-terminal");
    require(::symlink(name.data(), path().c_str()) == 0, "symlink");
  }
  // With everything that was not read yet, as the kernel does it.
  void unplug() {
    if (master_ >= 0) {
      ::unlink(path().c_str());
      ::close(std::exchange(master_, -1));
    }
  }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t taken = send_until_full(bytes);
      bytes.remove_prefix(taken);
      if (!bytes.empty()) {
        wait_for(POLLOUT);
      }
    }
  }
  // As much as the line takes without being read.
  std::size_t send_until_full(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t taken = ::write(master_, bytes.data() + sent, bytes.size() - sent);
      if (taken <= 0) {
        require(taken == 0 || errno == EAGAIN, "write");
        break;
      }
      sent += static_cast<std::size_t>(taken);
    }
    return sent;
  }

  // What has come by now; may be empty.
  std::string receive_now(std::size_t most = 65'536) {
    std::string bytes(most, '\0');
    const ssize_t got = ::read(master_, bytes.data(), bytes.size());
    require(got > 0 || errno == EAGAIN || errno == EIO, "read");  // EIO: nobody has it open
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  // Exactly `count` bytes.
  std::string receive(std::size_t count) {
    std::string bytes;
    while (bytes.size() < count) {
      wait_for(POLLIN);
      bytes += receive_now(count - bytes.size());
    }
    return bytes;
  }

 private:
  static void require(bool condition, const char* what) {
    if (!condition) {
      throw std::system_error(errno, std::generic_category(), what);
    }
  }
  void wait_for(short events) const {
    pollfd ready{.fd = master_, .events = events, .revents = 0};
    require(::poll(&ready, 1, 60'000) > 0, "the line stands still");
  }

  TemporaryDirectory directory_;
  int master_ = -1;
};

}  // namespace kifa::test
