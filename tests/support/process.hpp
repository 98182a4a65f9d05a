#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Other programs, run from a test: no shell, no sleeping, nothing left running.
namespace kifa::test {

inline constexpr std::chrono::seconds kPatience{60};  // until a test gives up on a process

// How a child is started.
struct Launch {
  std::vector<std::string> arguments;  // [0] is the path of the program
  std::vector<std::pair<std::string, std::optional<std::string>>> environment;  // nullopt: unset
  std::string working_directory;  // empty: the test's own

  enum class Stream : std::uint8_t { pipe, null, closed, file };
  Stream input = Stream::pipe;
  std::string input_path;  // for Stream::file
  Stream output = Stream::pipe;
  std::string output_path;              // for Stream::file; opened for appending
  std::optional<uid_t> user;            // become this user and group, without supplementary groups
  std::vector<std::string> namespaces;  // /proc/PID/ns/... to enter, in order
};

struct Ending {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out;
  std::string err;
};

// One running child. The destructor kills and reaps it.
//
// Threads: confined, but for kill() and write_input() from one other thread.
// Errors:  what a test cannot go on without throws std::runtime_error, which fails the test.
class Process final {
 public:
  explicit Process(const Launch& launch);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& out() const { return out_; }
  [[nodiscard]] const std::string& err() const { return err_; }

  // Called with each piece of stdout instead of keeping it in out().
  void on_output(std::function<void(std::string_view)> consumer) {
    consumer_ = std::move(consumer);
  }

  // Writes all of `bytes`, without reading what the child says meanwhile: for another thread, or
  // for little. Returns false when the child does not read any more.
  bool write_input(std::string_view bytes);
  // Writes `bytes` and reads what the child says, until all is written or nobody reads.
  bool feed(std::string_view bytes);
  void close_input();
  void close_output();  // the child sees a broken pipe

  // Reads what the child says, and looks again and again, until `condition` holds or it has ended
  // or patience is over.
  bool wait_until(const std::function<bool()>& condition,
                  std::chrono::milliseconds patience = kPatience);
  void kill(int signal_number) const;
  // Reads until the child ends. Throws when patience is over (after killing it).
  Ending wait(std::chrono::milliseconds patience = kPatience);

 private:
  bool pump(std::string_view* to_write, std::chrono::steady_clock::time_point deadline);
  void read_from(int& descriptor, bool is_output);
  void reap();

  pid_t pid_ = -1;
  int pid_descriptor_ = -1;
  int input_ = -1;
  int output_ = -1;
  int error_ = -1;
  bool ended_ = false;
  int wait_status_ = 0;
  std::string out_;
  std::string err_;
  std::function<void(std::string_view)> consumer_;
};

// Runs a program with `input` to its end.
Ending run(const Launch& launch, std::string_view input = {});

}  // namespace kifa::test
