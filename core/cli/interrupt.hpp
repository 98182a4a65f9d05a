#pragma once

namespace kifa::cli {

// For commands that print: the first SIGINT or SIGTERM asks the command to stop at the next record
// and ends a write that waits for a slow reader; the second ends the process at once.
//
// Threads: called on the command's only thread.
void watch_for_interrupts();

// The signal that asked to stop; 0: none.
[[nodiscard]] int interrupting_signal();

// 130 for SIGINT, 143 for SIGTERM.
[[nodiscard]] int interrupted_exit_code();

}  // namespace kifa::cli
