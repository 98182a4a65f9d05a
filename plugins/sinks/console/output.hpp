#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kifa::plugins::console {

// A descriptor that somebody else opened and may share, written without waiting for long and
// without changing it (O_NONBLOCK would reach every process that has the open file).
//
// Regular files are simply written. On pipes, terminals and sockets the kernel is asked not to wait
// (pwritev2 with RWF_NOWAIT); where that is not supported, poll(2) says that there is room and at
// most PIPE_BUF bytes go out at once, which a pipe that has room takes whole.
//
// Threads: confined to one.
class Output final {
 public:
  enum class Waiting : std::uint8_t { refused_by_kernel, checked_by_poll };

  // `fd` stays the caller's; `name` is what messages call it.
  sdk::Status open(int fd, std::string name, Waiting waiting = Waiting::refused_by_kernel);

  // Writes what is left of `text`, removing from its front what went out, until it is empty (OK),
  // or until the other side has taken nothing for `patience_ms` (AGAIN). UNAVAILABLE with EPIPE:
  // nobody reads any more.
  sdk::Status write(std::string_view& text, int patience_ms);

 private:
  sdk::Status failure(int sys_errno) const;

  int fd_ = -1;
  std::string name_;
  bool is_file_ = false;
  bool nowait_ = false;
};

}  // namespace kifa::plugins::console
