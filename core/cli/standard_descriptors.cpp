#include "core/cli/standard_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace kifa::cli {
namespace {

ClosedAtStart closed_descriptors;  // written once, before any thread starts

bool is_closed(int descriptor) { return fcntl(descriptor, F_GETFD) == -1 && errno == EBADF; }

}  // namespace

Result<ClosedAtStart> open_standard_descriptors() {
  closed_descriptors = {.input = is_closed(STDIN_FILENO),
                        .output = is_closed(STDOUT_FILENO),
                        .error = is_closed(STDERR_FILENO)};
  const bool closed[] = {closed_descriptors.input, closed_descriptors.output,
                         closed_descriptors.error};
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (!closed[descriptor]) {
      continue;
    }
    // The lowest free number is this one, because those below it are open by now.
    const int opened = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    if (opened < 0) {
      return Status::from_errno(errno, "cannot open /dev/null");
    }
  }
  return closed_descriptors;
}

const ClosedAtStart& closed_at_start() { return closed_descriptors; }

}  // namespace kifa::cli
