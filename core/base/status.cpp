#include "core/base/status.hpp"

#include <cerrno>

#include <fmt/format.h>

#include <system_error>

namespace kifa {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid:
      return "invalid";
    case Code::not_found:
      return "not_found";
    case Code::unavailable:
      return "unavailable";
    case Code::locked:
      return "locked";
    case Code::no_space:
      return "no_space";
    case Code::io:
      return "io";
    case Code::corrupt:
      return "corrupt";
    case Code::unsupported:
      return "unsupported";
    case Code::no_memory:
      return "no_memory";
    case Code::closed:
      return "closed";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

namespace {

Code code_of_errno(int sys_errno) {
  switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case ENOENT:
      return Code::not_found;
    case EAGAIN:
      return Code::unavailable;
    case ENOMEM:
      return Code::no_memory;
    case EOPNOTSUPP:
    case EINVAL:
      return Code::unsupported;
    default:
      return Code::io;
  }
}

}  // namespace

Status Status::from_errno(int sys_errno, std::string_view what) {
  Status status(code_of_errno(sys_errno),
                fmt::format("{}: {}", what, std::generic_category().message(sys_errno)));
  status.sys_errno_ = sys_errno;
  return status;
}

Status Status::with_context(std::string_view context) const {
  Status status = *this;
  status.message_ = fmt::format("{}: {}", context, message_);
  return status;
}

}  // namespace kifa
