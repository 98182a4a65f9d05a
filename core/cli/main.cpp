#include <malloc.h>
#include <signal.h>

#include <exception>
#include <string>
#include <variant>
#include <vector>

#include "core/cli/command_line.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/standard_descriptors.hpp"
#include "core/observability/log.hpp"

namespace kifa::cli {

int run(const Answer& answer) {
  if (answer.is_error) {
    complain(answer.text);
    return kExitUsage;
  }
  return print(answer.text);
}

namespace {

// Buffers of a burst go back to the system when they are freed: otherwise glibc raises its
// threshold with the first large one and keeps all later ones, 10 MiB in a daemon that has long
// been idle again.
void keep_memory_small() {
  constexpr int kMmapFromBytes = 256 * 1024;
  constexpr int kArenas = 2;
  mallopt(M_MMAP_THRESHOLD, kMmapFromBytes);
  mallopt(M_ARENA_MAX, kArenas);
}

int run_process(const std::vector<std::string>& arguments) {
  keep_memory_small();
  const auto opened = open_standard_descriptors();
  if (!opened) {
    return exit_code(opened.status().code());  // without descriptors there is nobody to tell
  }
  signal(SIGPIPE, SIG_IGN);  // a reader that has gone is an error of the write
  set_message_format(observability::standard_log_options(observability::LogLevel::info).format);
  const Command command = parse_command_line(arguments, config::process_environment());
  return std::visit([](const auto& chosen) { return run(chosen); }, command);
}

}  // namespace
}  // namespace kifa::cli

int main(int argc, char** argv) {
  try {
    return kifa::cli::run_process({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& failure) {  // memory is exhausted: everything else is a Status
    kifa::cli::complain(failure.what());
    return kifa::cli::kExitInputOutput;
  }
}
