#pragma once

#include <memory>
#include <vector>

#include "core/base/status.hpp"
#include "core/config/deployment.hpp"
#include "core/pipeline/buffer.hpp"

namespace kifa::pipeline {

// The `filter` transforms of one pipeline, in their order: a record stays when every filter lets it
// through, that is, when it matches `keep` (if given) and does not match `drop` (if given).
// Patterns are RE2, search anywhere in the payload, and take payloads as UTF-8 where they are;
// bytes that are not UTF-8 match no character.
//
// Threads: immutable after create(); keeps() from any thread.
// Errors:  a bad pattern is a sentence with RE2's reason and the place in the configuration.
class RecordFilter final {
 public:
  static Result<std::unique_ptr<RecordFilter>> create(
      const std::vector<config::FilterConfig>& filters);
  RecordFilter(const RecordFilter&) = delete;
  RecordFilter& operator=(const RecordFilter&) = delete;
  ~RecordFilter();

  [[nodiscard]] bool keeps(Bytes payload) const;

 private:
  struct Impl;
  explicit RecordFilter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kifa::pipeline
