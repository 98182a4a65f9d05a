#include "core/cli/interrupt.hpp"

#include <signal.h>
#include <unistd.h>

#include "core/cli/exit_code.hpp"

namespace kifa::cli {
namespace {

volatile sig_atomic_t received_signal = 0;  // written by the handler only

int exit_code_of(int signal_number) {
  return signal_number == SIGINT ? kExitInterrupted : kExitTerminated;
}

void note_signal(int signal_number) {
  if (received_signal != 0) {
    _exit(exit_code_of(signal_number));
  }
  received_signal = signal_number;
}

}  // namespace

void watch_for_interrupts() {
  struct sigaction action = {};
  action.sa_handler = note_signal;  // without SA_RESTART: a waiting write returns
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupting_signal() { return received_signal; }

int interrupted_exit_code() { return exit_code_of(received_signal); }

}  // namespace kifa::cli
