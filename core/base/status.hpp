#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace kifa {

// What kind of failure a Status is. The kinds decide what a caller does (retry, wait, give up) and
// the exit code of the command line; the sentence in the message is for people.
enum class Code : std::uint8_t {
  ok = 0,
  invalid,      // the caller's or the configuration's fault: wrong value, contradiction, bad syntax
  not_found,    // a file, a store, a plugin or an option that is not there
  unavailable,  // may work later: a device that is away, a port in use
  locked,       // another process holds it
  no_space,     // ENOSPC, EDQUOT, or a configured budget is used up: waiting may help
  io,           // the disk or the network failed
  corrupt,      // what was read is not what was written
  unsupported,  // from a newer version, or not possible on this system
  no_memory,
  closed,    // the object was shut down
  internal,  // a contradiction of our own
};

// The word for `code` that logs and `--json` output use, for example "no_space".
[[nodiscard]] std::string_view to_string(Code code);

// Success, or one sentence about a failure that names the thing, the place and (where there is one)
// the remedy.
//
// Threads: a value; no sharing.
// Errors:  none; making one allocates only for failures.
class [[nodiscard]] Status final {
 public:
  Status() = default;  // success
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  // A failed system call: the message becomes "<what>: <strerror>", the code follows the errno
  // (ENOSPC and EDQUOT: no_space; ENOENT: not_found; EAGAIN: unavailable; ENOMEM: no_memory;
  // EOPNOTSUPP and EINVAL: unsupported; others: io).
  static Status from_errno(int sys_errno, std::string_view what);

  [[nodiscard]] bool is_ok() const { return code_ == Code::ok; }
  explicit operator bool() const { return is_ok(); }
  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] int sys_errno() const { return sys_errno_; }  // 0 when no system call failed
  [[nodiscard]] const std::string& message() const { return message_; }

  // The same failure with "<context>: " before its message.
  [[nodiscard]] Status with_context(std::string_view context) const;

 private:
  Code code_ = Code::ok;
  int sys_errno_ = 0;
  std::string message_;
};

// A T, or the Status that says why there is none.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Status> {
 public:
  using std::expected<T, Status>::expected;
  // NOLINTNEXTLINE(google-explicit-constructor): `return status;` is the point of it
  Result(Status failure) : std::expected<T, Status>(std::unexpect, std::move(failure)) {}

  [[nodiscard]] Status status() const { return this->has_value() ? Status() : this->error(); }
};

// Says in the code that a failure is deliberately not acted on, and why.
inline void ignore(const Status& /*status*/, std::string_view /*why*/) {}

}  // namespace kifa

// Returns the failure of `expression` from the calling function.
#define KIFA_TRY(expression)                                               \
  do {                                                                     \
    if (::kifa::Status kifa_try_status = (expression); !kifa_try_status) { \
      return kifa_try_status;                                              \
    }                                                                      \
  } while (false)
