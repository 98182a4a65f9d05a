#include "core/cli/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/types.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/standard_descriptors.hpp"

namespace kifa::cli {
namespace {

constexpr std::size_t kPieceBytes = 256_KiB;
constexpr std::size_t kTerminalPieceBytes = 4_KiB;
constexpr std::size_t kDirectBytes = 32_KiB;  // a system call costs less than copying so much

// A descriptor that somebody made non-blocking (a shared terminal or pipe) is waited for.
void wait_until_writable(int descriptor) {
  pollfd waited{.fd = descriptor, .events = POLLOUT, .revents = 0};
  poll(&waited, 1, -1);
}

}  // namespace

Output::Output(int descriptor, std::string name)
    : descriptor_(descriptor),
      name_(std::move(name)),
      piece_bytes_(isatty(descriptor) == 1 ? kTerminalPieceBytes : kPieceBytes) {
  buffer_.reserve(piece_bytes_);
  if (descriptor == STDOUT_FILENO && closed_at_start().output) {
    failure_ = Status::from_errno(EBADF, "cannot write to stdout");
  }
}

Status Output::append(std::string_view text) {
  const bool is_large = text.size() >= std::min(kDirectBytes, piece_bytes_);
  if (!is_large && buffer_.size() + text.size() <= piece_bytes_) {
    buffer_.append(text);
    return failure_;
  }
  KIFA_TRY(flush());
  if (is_large) {
    return write_all(text);
  }
  buffer_.append(text);
  return failure_;
}

Status Output::flush() {
  KIFA_TRY(write_all(buffer_));
  buffer_.clear();
  return failure_;
}

Status Output::write_all(std::string_view bytes) {
  while (failure_.is_ok() && !bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EAGAIN) {
      wait_until_writable(descriptor_);
    } else if (errno != EINTR) {
      failure_ = Status::from_errno(errno, "cannot write to " + name_);
      break;
    }
    if (interrupting_signal() != 0) {
      failure_ = Status(Code::closed, "interrupted");
    }
  }
  return failure_;
}

int print(std::string_view text) {
  Output output(STDOUT_FILENO);
  Status status = output.append(text);
  if (status) {
    status = output.flush();
  }
  return output_exit_code(status);
}

int output_exit_code(const Status& status) {
  if (status || status.sys_errno() == EPIPE) {
    return kExitOk;
  }
  if (interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  complain(status.message());
  return kExitInputOutput;
}

}  // namespace kifa::cli
