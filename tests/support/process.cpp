#include "tests/support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSetupFailed = 125;  // exit code of a child that could not become what was asked
constexpr int kPipeBytes = 1 << 20;
constexpr std::chrono::milliseconds kLookAgain{10};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    fail("pipe2");
  }
  return ends;
}

void close_if_open(int& descriptor) {
  if (descriptor >= 0) {
    close(descriptor);
    descriptor = -1;
  }
}

int open_or_fail(const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    fail("open " + path);
  }
  return descriptor;
}

// What exec needs, made before fork: in the child of a test with threads only plain system calls
// are safe.
struct Prepared {
  std::vector<char*> arguments;
  std::vector<std::string> environment_texts;
  std::vector<char*> environment;
  std::array<int, 3> standard{-1, -1, -1};  // -1: closed
  std::vector<int> namespaces;
};

void prepare_environment(const Launch& launch, Prepared& prepared) {
  const auto replaced = [&launch](std::string_view entry) {
    return std::any_of(
        launch.environment.begin(), launch.environment.end(),
        [entry](const auto& change) { return entry.starts_with(change.first + "="); });
  };
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!replaced(*entry)) {
      prepared.environment_texts.emplace_back(*entry);
    }
  }
  for (const auto& [name, value] : launch.environment) {
    if (value) {
      prepared.environment_texts.push_back(name + "=" + *value);
    }
  }
  for (std::string& text : prepared.environment_texts) {
    prepared.environment.push_back(text.data());
  }
  prepared.environment.push_back(nullptr);
}

void child_failed(const char* what) {
  const char* reason = strerrordesc_np(errno);
  for (const char* part : {what, ": ", reason, "\n"}) {
    if (write(STDERR_FILENO, part, strlen(part)) < 0) {
      break;
    }
  }
  _exit(kSetupFailed);
}

void become(const Launch& launch, const Prepared& prepared) {
  for (const int descriptor : prepared.namespaces) {
    if (setns(descriptor, 0) != 0) {
      child_failed("setns");
    }
  }
  if (launch.user) {
    // The group has the user's number: nobody (65534) is nogroup (65534) on Debian.
    if (setgroups(0, nullptr) != 0 || setresgid(*launch.user, *launch.user, *launch.user) != 0 ||
        setresuid(*launch.user, *launch.user, *launch.user) != 0) {
      child_failed("setresuid");
    }
  }
  if (!launch.working_directory.empty() && chdir(launch.working_directory.c_str()) != 0) {
    child_failed("chdir");
  }
}

[[noreturn]] void run_child(const Launch& launch, const Prepared& prepared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // nothing outlives a test that crashes
  signal(SIGPIPE, SIG_DFL);
  const int error = prepared.standard[2];
  if (dup2(error, STDERR_FILENO) < 0) {
    _exit(kSetupFailed);
  }
  become(launch, prepared);
  for (int descriptor = 0; descriptor < 2; ++descriptor) {
    const int given = prepared.standard[static_cast<std::size_t>(descriptor)];
    if (given < 0) {
      close(descriptor);
    } else if (dup2(given, descriptor) < 0) {
      child_failed("dup2");
    }
  }
  execve(prepared.arguments.front(), prepared.arguments.data(), prepared.environment.data());
  child_failed(prepared.arguments.front());
  _exit(kSetupFailed);
}

int remaining_ms(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

}  // namespace

Process::Process(const Launch& launch) {
  signal(SIGPIPE, SIG_IGN);  // a child that ends early must not end the test
  Prepared prepared;
  prepare_environment(launch, prepared);
  std::vector<std::string> arguments = launch.arguments;
  for (std::string& argument : arguments) {
    prepared.arguments.push_back(argument.data());
  }
  prepared.arguments.push_back(nullptr);
  for (const std::string& file : launch.namespaces) {
    prepared.namespaces.push_back(open_or_fail(file, O_RDONLY));
  }
  if (launch.input == Launch::Stream::pipe) {
    const auto ends = make_pipe();
    prepared.standard[0] = ends[0];
    input_ = ends[1];
    fcntl(input_, F_SETPIPE_SZ, kPipeBytes);  // as large as allowed; smaller works too
  } else if (launch.input != Launch::Stream::closed) {
    prepared.standard[0] = open_or_fail(
        launch.input == Launch::Stream::null ? "/dev/null" : launch.input_path, O_RDONLY);
  }
  if (launch.output == Launch::Stream::pipe) {
    const auto ends = make_pipe();
    output_ = ends[0];
    prepared.standard[1] = ends[1];
  } else if (launch.output != Launch::Stream::closed) {
    prepared.standard[1] = launch.output == Launch::Stream::null
                               ? open_or_fail("/dev/null", O_WRONLY)
                               : open_or_fail(launch.output_path, O_WRONLY | O_CREAT | O_APPEND);
  }
  const auto error_ends = make_pipe();
  error_ = error_ends[0];
  prepared.standard[2] = error_ends[1];
  pid_ = fork();
  if (pid_ == 0) {
    run_child(launch, prepared);
  }
  for (int descriptor : prepared.standard) {
    close_if_open(descriptor);
  }
  for (int descriptor : prepared.namespaces) {
    close_if_open(descriptor);
  }
  if (pid_ < 0) {
    fail("fork");
  }
  pid_descriptor_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_descriptor_ < 0) {
    fail("pidfd_open");
  }
  fcntl(pid_descriptor_, F_SETFD, FD_CLOEXEC);
}

Process::~Process() {
  if (pid_ > 0 && !ended_) {
    kill(SIGKILL);
    reap();
  }
  for (int* descriptor : {&pid_descriptor_, &input_, &output_, &error_}) {
    close_if_open(*descriptor);
  }
}

bool Process::write_input(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(input_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

bool Process::feed(std::string_view bytes) {
  fcntl(input_, F_SETFL, O_NONBLOCK);
  const auto deadline = Clock::now() + kPatience;
  while (!bytes.empty() && input_ >= 0) {
    if (!pump(&bytes, deadline)) {
      break;
    }
  }
  if (input_ >= 0) {
    fcntl(input_, F_SETFL, 0);
  }
  return bytes.empty();
}

void Process::close_input() { close_if_open(input_); }
void Process::close_output() { close_if_open(output_); }

void Process::read_from(int& descriptor, bool is_output) {
  std::array<char, 65536> piece;
  const ssize_t taken = read(descriptor, piece.data(), piece.size());
  if (taken == 0 || (taken < 0 && errno != EINTR)) {
    close_if_open(descriptor);
  } else if (taken > 0) {
    const std::string_view text(piece.data(), static_cast<std::size_t>(taken));
    if (!is_output) {
      err_.append(text);
    } else if (consumer_) {
      consumer_(text);
    } else {
      out_.append(text);
    }
  }
}

// Waits for something to read, to write or the end of the child, and takes it. False when nothing
// more can come or the deadline has passed.
bool Process::pump(std::string_view* to_write, Clock::time_point deadline) {
  const bool writes = to_write != nullptr && !to_write->empty() && input_ >= 0;
  std::array<pollfd, 4> waited = {
      {{.fd = output_, .events = POLLIN, .revents = 0},
       {.fd = error_, .events = POLLIN, .revents = 0},
       {.fd = ended_ ? -1 : pid_descriptor_, .events = POLLIN, .revents = 0},
       {.fd = writes ? input_ : -1, .events = POLLOUT, .revents = 0}}};
  if (output_ < 0 && error_ < 0 && ended_) {
    return false;
  }
  const int ready = poll(waited.data(), waited.size(), remaining_ms(deadline));
  if (ready == 0) {
    return Clock::now() < deadline;
  }
  if (waited[0].revents != 0) {
    read_from(output_, true);
  }
  if (waited[1].revents != 0) {
    read_from(error_, false);
  }
  if (waited[2].revents != 0) {
    reap();
  }
  if (waited[3].revents != 0) {
    const ssize_t written = write(input_, to_write->data(), to_write->size());
    if (written >= 0) {
      to_write->remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EAGAIN && errno != EINTR) {
      close_if_open(input_);
    }
  }
  return true;
}

bool Process::wait_until(const std::function<bool()>& condition,
                         std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (!condition()) {
    const bool is_over = ended_ && output_ < 0 && error_ < 0;
    if (is_over || Clock::now() >= deadline) {
      return condition();
    }
    // What the condition looks at may be elsewhere (a store, /proc): look again after a while.
    static_cast<void>(pump(nullptr, std::min(deadline, Clock::now() + kLookAgain)));
  }
  return true;
}

void Process::kill(int signal_number) const {
  syscall(SYS_pidfd_send_signal, pid_descriptor_, signal_number, nullptr, 0);
}

void Process::reap() {
  if (!ended_ && waitpid(pid_, &wait_status_, 0) == pid_) {
    ended_ = true;
  }
}

Ending Process::wait(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (pump(nullptr, deadline)) {
  }
  if (!ended_) {
    kill(SIGKILL);
    reap();
    throw std::runtime_error("the process did not end in time; its stderr: " + err_);
  }
  Ending ending;
  ending.signal = WIFSIGNALED(wait_status_) ? WTERMSIG(wait_status_) : 0;
  ending.exit_code = WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : -1;
  ending.out = out_;
  ending.err = err_;
  return ending;
}

Ending run(const Launch& launch, std::string_view input) {
  Process process(launch);
  if (launch.input == Launch::Stream::pipe) {
    process.feed(input);
    process.close_input();
  }
  return process.wait();
}

}  // namespace kifa::test
