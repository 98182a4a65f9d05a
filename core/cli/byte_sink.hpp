#pragma once

#include <string_view>

#include "core/base/status.hpp"

namespace kifa::cli {

// Where the bytes of a command's data go: a descriptor, a file that gets its name last, a
// compressor in front of one.
//
// Threads: confined.
// Errors:  the first failure is final and every later call returns it.
class ByteSink {
 public:
  ByteSink() = default;
  ByteSink(const ByteSink&) = delete;
  ByteSink& operator=(const ByteSink&) = delete;
  virtual ~ByteSink() = default;

  [[nodiscard]] virtual Status append(std::string_view text) = 0;
  // Hands on what was gathered.
  [[nodiscard]] virtual Status flush() = 0;
};

}  // namespace kifa::cli
