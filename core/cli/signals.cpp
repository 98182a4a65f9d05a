#include "core/cli/signals.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "core/cli/exit_code.hpp"

namespace kifa::cli {
namespace {

const char* name_of(int signal_number) {
  switch (signal_number) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "SIGUSR2";
  }
}

}  // namespace

void Signals::hold_reload() {
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

Result<std::unique_ptr<Signals>> Signals::start(Tell tell) {
  sigset_t waited;
  sigemptyset(&waited);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&waited, signal_number);
  }
  if (const int failed = pthread_sigmask(SIG_BLOCK, &waited, nullptr); failed != 0) {
    return Status::from_errno(failed, "cannot block signals");
  }
  const int signals = signalfd(-1, &waited, SFD_CLOEXEC);
  if (signals < 0) {
    return Status::from_errno(errno, "cannot wait for signals (signalfd)");
  }
  const int end = eventfd(0, EFD_CLOEXEC);
  if (end < 0) {
    const int failed = errno;
    close(signals);
    return Status::from_errno(failed, "cannot wait for signals (eventfd)");
  }
  return std::unique_ptr<Signals>(new Signals(signals, end, std::move(tell)));
}

Signals::Signals(int signal_descriptor, int end_descriptor, Tell tell)
    : signal_descriptor_(signal_descriptor),
      end_descriptor_(end_descriptor),
      tell_(std::move(tell)) {
  thread_ = std::jthread([this] { wait_loop(); });
  pthread_setname_np(thread_.native_handle(), "signals");
}

Signals::~Signals() {
  const std::uint64_t one = 1;
  if (write(end_descriptor_, &one, sizeof(one)) == sizeof(one)) {
    thread_.join();
  }
  close(signal_descriptor_);
  close(end_descriptor_);
}

void Signals::wait_loop() {
  while (true) {
    pollfd waited[] = {{.fd = signal_descriptor_, .events = POLLIN, .revents = 0},
                       {.fd = end_descriptor_, .events = POLLIN, .revents = 0}};
    if (poll(waited, 2, -1) < 0) {
      continue;  // EINTR: the only failure that valid arguments leave
    }
    if (waited[1].revents != 0) {
      return;
    }
    signalfd_siginfo received;
    if (read(signal_descriptor_, &received, sizeof(received)) == sizeof(received)) {
      take(static_cast<int>(received.ssi_signo));
    }
  }
}

void Signals::take(int signal_number) {
  if (signal_number == SIGHUP) {
    const MutexLock lock(mutex_);
    if (reload_) {
      reload_();
    } else {
      reload_asked_ = true;
    }
    return;
  }
  if (signal_number == SIGUSR1 || signal_number == SIGUSR2) {
    const bool is_safer = signal_number == SIGUSR1;
    tell_(std::string(name_of(signal_number)) + ": one flush mode " +
          (is_safer ? "safer" : "faster"));
    const MutexLock lock(mutex_);
    if (shift_) {
      shift_(is_safer ? 1 : -1);
    }
    return;
  }
  if (stop_signal() != 0) {
    if (signal_number == SIGINT) {
      _exit(kExitInterrupted);  // at once: what is not durable has not been acknowledged either
    }
    return;
  }
  stop_signal_.store(signal_number, std::memory_order_relaxed);
  tell_(std::string(name_of(signal_number)) + ": stopping; SIGINT (again) ends at once");
  const MutexLock lock(mutex_);
  if (stop_) {
    stop_();
  }
}

void Signals::on_shift(std::function<void(int)> shift) {
  const MutexLock lock(mutex_);
  shift_ = std::move(shift);
}

void Signals::on_reload(std::function<void()> reload) {
  const MutexLock lock(mutex_);
  reload_ = std::move(reload);
  if (reload_ && std::exchange(reload_asked_, false)) {
    reload_();
  }
}

void Signals::on_stop(std::function<void()> stop) {
  const MutexLock lock(mutex_);
  stop_ = std::move(stop);
  if (stop_ && stop_signal() != 0) {
    stop_();
  }
}

}  // namespace kifa::cli
