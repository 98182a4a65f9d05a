#include "tests/bench/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include <fmt/format.h>

namespace kifa::bench {

namespace {

constexpr int kPipeBytes = 1 << 20;  // what an unprivileged process may ask for

}  // namespace

Child::Child(pid_t pid, int input, std::string name, std::string log_path)
    : pid_(pid), input_(input), name_(std::move(name)), log_path_(std::move(log_path)) {}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      input_(std::exchange(other.input_, -1)),
      name_(std::move(other.name_)),
      log_path_(std::move(other.log_path_)),
      ended_(other.ended_),
      wait_status_(other.wait_status_) {}

Child::~Child() {
  close_input();
  if (pid_ > 0 && !ended_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

Result<Child> Child::start(const std::vector<std::string>& command, const std::string& log_path) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return Status::from_errno(errno, "cannot make a pipe");
  }
  // A smaller pipe only makes the measurement slower.
  static_cast<void>(::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes));

  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // posix_spawn does not change them
  }
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = -1;
  const int failure =
      ::posix_spawn(&pid, command.front().c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[0]);
  if (failure != 0) {
    ::close(ends[1]);
    return Status::from_errno(failure, "cannot start " + command.front());
  }
  return Child(pid, ends[1], command.front(), log_path);
}

void Child::close_input() {
  if (input_ >= 0) {
    ::close(input_);
    input_ = -1;
  }
}

bool Child::has_ended() {
  if (!ended_) {
    ended_ = ::waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  }
  return ended_;
}

Status Child::wait() {
  if (!ended_) {
    if (::waitpid(pid_, &wait_status_, 0) != pid_) {
      return Status::from_errno(errno, "cannot wait for " + name_);
    }
    ended_ = true;
  }
  return outcome();
}

Status Child::outcome() const {
  if (WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0) {
    return {};
  }
  const bool exited = WIFEXITED(wait_status_);
  return {Code::internal,
          fmt::format("{} ended with {} {}; what it said is in {}", name_,
                      exited ? "exit code" : "signal",
                      exited ? WEXITSTATUS(wait_status_) : WTERMSIG(wait_status_), log_path_)};
}

}  // namespace kifa::bench
