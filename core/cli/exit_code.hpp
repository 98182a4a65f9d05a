#pragma once

#include <string_view>

#include "core/base/status.hpp"

// What the process tells its caller: the exit codes of every command, and where each kind of
// failure goes. Scripts and service managers depend on these numbers; they are never renumbered.
namespace kifa::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitUsage = 64,          // a command line that makes no sense
  kExitData = 65,           // damaged beyond reading, or written by a newer version
  kExitUnavailable = 69,    // locked, or not there: a store, a device
  kExitInputOutput = 74,    // disk, permissions, full at the stop, drain incomplete
  kExitConfiguration = 78,  // YAML, options, a plugin that is named and cannot be used
  kExitInterrupted = 130,   // ended by SIGINT
  kExitTerminated = 143,    // ended by SIGTERM
};

// The exit code for a failure while working.
[[nodiscard]] int exit_code(Code code);

// The exit code for a failure while plugins and configuration are put together: there, what is not
// found or wrong is the configuration's fault.
[[nodiscard]] int configuration_exit_code(Code code);

}  // namespace kifa::cli
