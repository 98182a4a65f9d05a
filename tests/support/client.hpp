#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace kifa::test {

// A device at the other end of a TCP connection or a unix socket, or one that sends datagrams; it
// waits when it has to, and gives up after a minute.
//
// Threads: confined.
// Errors:  what a test cannot go on without throws.
class Client final {
 public:
  // Not connected yet. `family`: AF_INET, AF_INET6 or AF_UNIX; `type`: SOCK_STREAM or SOCK_DGRAM.
  explicit Client(int family, int type = SOCK_STREAM)
      : fd_(::socket(family, type | SOCK_CLOEXEC, 0)) {
    require(fd_ >= 0, "no socket");
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  // Connected to what kifa writes of itself: 127.0.0.1:5140, [::1]:5140, unix:/PATH.
  explicit Client(const std::string& address, int type = SOCK_STREAM)
      : Client(family_of(address), type) {
    connect(address);
  }
  Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Client& operator=(Client&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  static int family_of(const std::string& address) {
    return address.starts_with("unix:") ? AF_UNIX : address.starts_with('[') ? AF_INET6 : AF_INET;
  }

  // Comes from this address of the machine, for example 127.0.0.2.
  void come_from(const char* host) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    require(::inet_pton(AF_INET, host, &name.sin_addr) == 1, "no address");
    require(::bind(fd_, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0, "bind");
  }
  // Before connect(): how little is taken without being read.
  void shrink_receive_buffer() {
    const int bytes = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }

  void connect(const std::string& address) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (address.starts_with("unix:")) {
      auto& name = reinterpret_cast<sockaddr_un&>(storage);
      name.sun_family = AF_UNIX;
      address.copy(name.sun_path, sizeof name.sun_path - 1, 5);
      size = sizeof name;
    } else {
      const std::size_t colon = address.rfind(':');
      const auto port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
      if (address.starts_with('[')) {
        auto& name = reinterpret_cast<sockaddr_in6&>(storage);
        name.sin6_family = AF_INET6;
        name.sin6_port = port;
        ::inet_pton(AF_INET6, address.substr(1, colon - 2).c_str(), &name.sin6_addr);
        size = sizeof name;
      } else {
        auto& name = reinterpret_cast<sockaddr_in&>(storage);
        name.sin_family = AF_INET;
        name.sin_port = port;
        ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr);
        size = sizeof name;
      }
    }
    require(::connect(fd_, reinterpret_cast<const sockaddr*>(&storage), size) == 0, "connect");
  }

  // One message. False: nobody takes any.
  bool send_datagram(std::string_view bytes) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && (errno == ECONNREFUSED || errno == EPIPE)) {
      return false;
    }
    require(sent == static_cast<ssize_t>(bytes.size()), "send");
    return true;
  }
  // False: the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        return false;
      }
      require(sent > 0, "send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // As much as the other side takes without reading.
  std::size_t send_until_full(std::string_view bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t taken =
          ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (taken <= 0) {
        break;
      }
      sent += static_cast<std::size_t>(taken);
    }
    return sent;
  }
  void end() { ::shutdown(fd_, SHUT_WR); }
  // Without a good-bye: the other side gets a reset.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void close() {
    if (fd_ >= 0) {
      ::close(std::exchange(fd_, -1));
    }
  }

  // At most `most` bytes; empty: the other side has closed, also by a reset.
  std::string receive(std::size_t most = 65'536) {
    std::string bytes(most, '\0');
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
    require(got >= 0 || errno == ECONNRESET, "recv");
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
  std::string receive_all() {
    std::string all;
    for (std::string piece = receive(); !piece.empty(); piece = receive()) {
      all += piece;
    }
    return all;
  }
  [[nodiscard]] int fd() const { return fd_; }
  // Whether there is something to receive, or an end, without waiting.
  [[nodiscard]] bool has_news() const {
    pollfd news{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&news, 1, 0) > 0;
  }

 private:
  static void require(bool condition, const char* what) {
    if (!condition) {
      throw std::system_error(errno, std::generic_category(), what);
    }
  }

  int fd_ = -1;
};

}  // namespace kifa::test
