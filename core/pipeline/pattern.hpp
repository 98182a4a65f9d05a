#pragma once

#include <memory>
#include <string>

#include "core/base/status.hpp"
#include "core/pipeline/buffer.hpp"

namespace kifa::pipeline {

// A regular expression of RE2 that is looked for anywhere in a payload. Payloads are taken as UTF-8
// where they are; bytes that are not UTF-8 match no character. Matching takes time in proportion to
// the payload, whatever the expression.
//
// Threads: immutable; is_in() from any thread.
// Errors:  `invalid` with RE2's reason: "`[` is not a regular expression of RE2: missing ]: [".
// Limits:  8 MiB for the compiled expression with its caches.
class Pattern final {
 public:
  static Result<Pattern> compile(const std::string& expression);
  Pattern(Pattern&& other) noexcept;
  Pattern& operator=(Pattern&& other) noexcept;
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  ~Pattern();

  [[nodiscard]] bool is_in(Bytes payload) const;

 private:
  struct Impl;
  explicit Pattern(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kifa::pipeline
