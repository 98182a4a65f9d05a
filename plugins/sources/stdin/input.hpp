#pragma once

#include <kifa/sdk.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace kifa::plugins::stdin_source {

// A descriptor that somebody else opened and may share, read without ever waiting and without
// changing it: O_NONBLOCK belongs to the open file, and with it every other process that has it (a
// shell, a sibling in the pipeline) would meet EAGAIN.
//
// So each read asks the kernel not to wait (preadv2 with RWF_NOWAIT, pipes since Linux 6.5). Where
// that is not supported, poll(2) says first whether there is something. One hole is left then: if
// another process reads the same pipe and takes the bytes between our poll and our read, the read
// waits for the next ones. Two readers of one pipe each get half of every receipt, so nobody wants
// that anyway.
//
// Regular files are read as they are: a disk is never "not ready".
//
// Threads: confined to one.
// Errors:  open() gives one sentence for what cannot be read at all.
class Input final {
 public:
  enum class Kind : std::uint8_t { file, pipe, other };
  enum class Waiting : std::uint8_t { refused_by_kernel, checked_by_poll };

  // `fd` stays the caller's. Makes a pipe as large as read-ahead is worth (1 MiB); where that is
  // not allowed it stays as it is, and pipe_note() says why.
  sdk::Status open(int fd, Waiting waiting = Waiting::refused_by_kernel);

  // What one read brought: `bytes` > 0, or nothing now (again), or the end, or a failure.
  enum class Outcome : std::uint8_t { bytes, again, end, failed };
  struct Read {
    Outcome outcome = Outcome::again;
    std::size_t bytes = 0;
    int sys_errno = 0;
  };
  Read read(std::span<std::uint8_t> into);

  // Bytes that can be read now without waiting, as far as the kernel tells; 0 for files.
  [[nodiscard]] std::size_t bytes_ready() const;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const std::string& pipe_note() const { return pipe_note_; }

 private:
  void enlarge_pipe();
  [[nodiscard]] bool is_ready() const;

  int fd_ = -1;
  Kind kind_ = Kind::other;
  bool nowait_ = false;
  std::string pipe_note_;
};

}  // namespace kifa::plugins::stdin_source
