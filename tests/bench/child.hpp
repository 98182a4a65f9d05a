#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/status.hpp"

namespace kifa::bench {

// A program that runs beside this one, its standard input a pipe from here. Killed and waited for
// by the destructor.
//
// Threads: confined to one.
class Child final {
 public:
  // Its output and messages go to `log_path`.
  static Result<Child> start(const std::vector<std::string>& command, const std::string& log_path);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] int input() const { return input_; }
  void close_input();
  [[nodiscard]] bool has_ended();
  // Waits for the end; a failure unless the exit code is 0.
  Status wait();

 private:
  Child(pid_t pid, int input, std::string name, std::string log_path);
  Status outcome() const;

  pid_t pid_;
  int input_;
  std::string name_;
  std::string log_path_;
  bool ended_ = false;
  int wait_status_ = 0;
};

}  // namespace kifa::bench
