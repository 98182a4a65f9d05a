#pragma once

#include <sys/epoll.h>
#include <kifa/sdk.hpp>

#include <cerrno>
#include <cstdint>
#include <span>

#include "plugins/sources/shared/descriptor.hpp"

namespace kifa::plugins::tcp_source {

// Many descriptors behind one that the host waits for. Each has a number, which comes back with its
// events: a number that nobody knows any more is an event that came too late.
//
// Threads: confined.
class Epoll final {
 public:
  sdk::Status open() {
    descriptor_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    return descriptor_.is_open() ? sdk::Status() : sdk::Status::from_errno(errno, "no epoll");
  }
  void close() { descriptor_.close(); }

  // False: the kernel has no memory for it, or the user no watch left.
  bool add(int fd, std::uint32_t events, std::uint64_t number) {
    return control(EPOLL_CTL_ADD, fd, events, number);
  }
  void change(int fd, std::uint32_t events, std::uint64_t number) {
    control(EPOLL_CTL_MOD, fd, events, number);
  }
  void remove(int fd) { control(EPOLL_CTL_DEL, fd, 0, 0); }

  // What is ready now, as much as fits: the next call goes on with the others.
  std::span<const epoll_event> ready(std::span<epoll_event> into) {
    const int count =
        ::epoll_wait(descriptor_.get(), into.data(), static_cast<int>(into.size()), 0);
    return into.first(count > 0 ? static_cast<std::size_t>(count) : 0);
  }

  [[nodiscard]] int fd() const { return descriptor_.get(); }

 private:
  bool control(int what, int fd, std::uint32_t events, std::uint64_t number) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = number;
    return ::epoll_ctl(descriptor_.get(), what, fd, &event) == 0;
  }

  Descriptor descriptor_;
};

}  // namespace kifa::plugins::tcp_source
