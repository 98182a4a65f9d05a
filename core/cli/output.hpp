#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"

namespace kifa::cli {

// Writes a command's data to a descriptor, gathered in large pieces: 256 KiB, or 4 KiB on a
// terminal, where somebody is watching.
//
// After flush() returned ok, everything appended has been accepted by the kernel. The destructor
// writes nothing.
//
// Threads: confined.
// Errors:  the first failure is final and every later call returns it; sys_errno() is EPIPE when
//          the reader has gone, and code() is `closed` when a signal asked to stop (interrupt.hpp).
class Output final : public ByteSink {
 public:
  // `name` is what failures call it.
  explicit Output(int descriptor, std::string name = "stdout");

  [[nodiscard]] Status append(std::string_view text) override;
  [[nodiscard]] Status flush() override;

 private:
  Status write_all(std::string_view bytes);

  const int descriptor_;
  const std::string name_;
  const std::size_t piece_bytes_;
  std::string buffer_;
  Status failure_;
};

// Prints `text` to stdout at once; for commands that print once. Returns the exit code: 74 with a
// message when stdout does not take it, 0 when its reader has gone.
[[nodiscard]] int print(std::string_view text);

// The exit code for the end of a command's output, with the message where there is one to give.
[[nodiscard]] int output_exit_code(const Status& status);

}  // namespace kifa::cli
