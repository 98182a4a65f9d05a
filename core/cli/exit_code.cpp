#include "core/cli/exit_code.hpp"

namespace kifa::cli {

int exit_code(Code code) {
  switch (code) {
    case Code::ok:
      return kExitOk;
    case Code::invalid:
      return kExitConfiguration;
    case Code::not_found:
    case Code::unavailable:
    case Code::locked:
      return kExitUnavailable;
    case Code::corrupt:
    case Code::unsupported:
      return kExitData;
    case Code::no_space:
    case Code::io:
    case Code::no_memory:
    case Code::closed:
    case Code::internal:
      return kExitInputOutput;
  }
  return kExitInputOutput;
}

int configuration_exit_code(Code code) {
  switch (code) {
    case Code::not_found:
    case Code::unsupported:
    case Code::corrupt:
      return kExitConfiguration;
    default:
      return exit_code(code);
  }
}

}  // namespace kifa::cli
