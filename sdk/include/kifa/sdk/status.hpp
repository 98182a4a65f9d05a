#pragma once

#include <kifa/plugin.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace kifa::sdk {
inline namespace v1 {

using Bytes = std::span<const std::uint8_t>;

// Text and bytes as the ABI and C++ see them.
[[nodiscard]] inline std::string_view text_of(kifa_str text) { return {text.data, text.size}; }
[[nodiscard]] inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline std::string_view text_of(kifa_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}
[[nodiscard]] inline Bytes bytes_of(kifa_bytes bytes) { return {bytes.data, bytes.size}; }
[[nodiscard]] inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline kifa_str to_abi(std::string_view text) { return {text.data(), text.size()}; }
[[nodiscard]] inline kifa_bytes to_abi(Bytes bytes) { return {bytes.data(), bytes.size()}; }

// How a call ended: a KIFA_* code and, for failures, one sentence that says what failed and what to
// do about it. AGAIN and END are not failures.
//
// Threads: a value; no sharing.
class [[nodiscard]] Status final {
 public:
  Status() noexcept = default;  // KIFA_OK
  // Implicit, so that `return out.chunk(...)` works.
  Status(kifa_status code) noexcept : code_(code) {}  // NOLINT(google-explicit-constructor)
  Status(kifa_status code, std::string message, int sys_errno = 0)
      : code_(code), sys_errno_(sys_errno), message_(std::move(message)) {}

  static Status ok() noexcept { return {}; }
  static Status again() noexcept { return {KIFA_AGAIN}; }
  static Status end() noexcept { return {KIFA_END}; }
  static Status invalid(std::string message) { return {KIFA_INVALID, std::move(message)}; }
  static Status unsupported(std::string message) { return {KIFA_UNSUPPORTED, std::move(message)}; }
  static Status unavailable(std::string message) { return {KIFA_UNAVAILABLE, std::move(message)}; }
  static Status internal(std::string message) { return {KIFA_INTERNAL, std::move(message)}; }

  // A failed system call: "<what>: <the system's words>"; the code follows the errno.
  static Status from_errno(int sys_errno, std::string_view what) {
    return {code_of_errno(sys_errno),
            std::string(what) + ": " + std::generic_category().message(sys_errno), sys_errno};
  }

  [[nodiscard]] kifa_status code() const noexcept { return code_; }
  [[nodiscard]] int sys_errno() const noexcept { return sys_errno_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  [[nodiscard]] bool is_ok() const noexcept { return code_ == KIFA_OK; }
  [[nodiscard]] bool failed() const noexcept { return code_ < 0; }

 private:
  static kifa_status code_of_errno(int sys_errno) noexcept {
    switch (sys_errno) {
      case ENOSPC:
      case EDQUOT:
        return KIFA_NO_SPACE;
      case ENOMEM:
        return KIFA_NO_MEMORY;
      case EINVAL:
      case EOPNOTSUPP:
        return KIFA_UNSUPPORTED;
      case EAGAIN:
      case EADDRINUSE:
      case ECONNREFUSED:
      case EHOSTUNREACH:
      case ENETUNREACH:
      case ENODEV:
      case ENOENT:
      case ENXIO:
      case ETIMEDOUT:
        return KIFA_UNAVAILABLE;
      default:
        return KIFA_IO;
    }
  }

  kifa_status code_ = KIFA_OK;
  int sys_errno_ = 0;
  std::string message_;
};

// A Status on its way out through code that cannot return one (a constructor): what the host gets
// is that status.
class Failure final : public std::exception {
 public:
  explicit Failure(Status status) : status_(std::move(status)) {}
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  [[nodiscard]] const char* what() const noexcept override { return status_.message().c_str(); }

 private:
  Status status_;
};

// An array of ABI structs that may be longer than the ones this plugin was compiled with.
template <class T>
class Strided final {
 public:
  class Iterator final {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    using pointer = const T*;
    using reference = const T&;

    Iterator() = default;
    Iterator(const char* at, std::size_t stride) : at_(at), stride_(stride) {}
    reference operator*() const { return *reinterpret_cast<const T*>(at_); }
    pointer operator->() const { return reinterpret_cast<const T*>(at_); }
    Iterator& operator++() {
      at_ += stride_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const char* at_ = nullptr;
    std::size_t stride_ = 0;
  };

  Strided() = default;
  Strided(const T* first, std::size_t count, std::size_t stride)
      : first_(reinterpret_cast<const char*>(first)), count_(count), stride_(stride) {}

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Iterator begin() const { return {first_, stride_}; }
  [[nodiscard]] Iterator end() const {
    return count_ == 0 ? begin() : Iterator(first_ + count_ * stride_, stride_);
  }
  const T& operator[](std::size_t index) const {
    return *reinterpret_cast<const T*>(first_ + index * stride_);
  }

 private:
  const char* first_ = nullptr;
  std::size_t count_ = 0;
  std::size_t stride_ = 0;
};

namespace detail {

// Fills the host's error and gives its code back.
inline kifa_status report(kifa_error* error, kifa_status code, int sys_errno,
                          std::string_view message) noexcept {
  if (error == nullptr || code >= 0) {
    return code;
  }
  if (message.empty()) {
    message = "the component gave no reason";
  }
  std::size_t size = std::min(message.size(), sizeof error->message - 1);
  while (size > 0 && size < message.size() &&
         (static_cast<unsigned char>(message[size]) & 0xC0U) == 0x80U) {
    --size;  // never cut a UTF-8 character in two
  }
  error->code = code;
  error->sys_errno = sys_errno;
  std::memcpy(error->message, message.data(), size);
  error->message[size] = '\0';
  return code;
}

// Runs `call`, which gives a Status; whatever it throws becomes a status too. Nothing may throw
// across the ABI.
template <class Call>
kifa_status guarded(kifa_error* error, Call&& call) noexcept {
  try {
    const Status status = std::forward<Call>(call)();
    return report(error, status.code(), status.sys_errno(), status.message());
  } catch (const Failure& failure) {
    const Status& status = failure.status();
    const kifa_status code = status.failed() ? status.code() : KIFA_INTERNAL;
    return report(error, code, status.sys_errno(), status.message());
  } catch (const std::bad_alloc&) {
    return report(error, KIFA_NO_MEMORY, 0, "out of memory");
  } catch (const std::exception& exception) {
    return report(error, KIFA_INTERNAL, 0, exception.what());
  } catch (...) {
    return report(error, KIFA_INTERNAL, 0, "an exception of unknown type");
  }
}

}  // namespace detail
}  // namespace v1
}  // namespace kifa::sdk
