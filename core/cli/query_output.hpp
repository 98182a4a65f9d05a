#pragma once

#include <memory>
#include <string>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"
#include "core/cli/partial_file.hpp"
#include "core/io/file_system.hpp"

namespace kifa::cli {

// Where a query prints to: stdout, or the file of --output. A file gets its name when it is whole,
// and then replaces what was there; what is no file (a pipe, a device) is written to as it is.
//
// Threads: confined.
// Errors:  invalid: the path names a folder.
class QueryOutput final {
 public:
  // `path` empty: stdout.
  static Result<std::unique_ptr<QueryOutput>> open(io::FileSystem& files, const std::string& path);
  QueryOutput(const QueryOutput&) = delete;
  QueryOutput& operator=(const QueryOutput&) = delete;
  ~QueryOutput();

  [[nodiscard]] ByteSink& sink() { return file_ ? static_cast<ByteSink&>(*file_) : *stream_; }
  // Everything was written: a file gets its name, and is on the disk with it.
  [[nodiscard]] Status publish();

 private:
  explicit QueryOutput(io::FileSystem& files) : files_(files) {}

  io::FileSystem& files_;
  std::unique_ptr<PartialFile> file_;
  std::unique_ptr<ByteSink> stream_;
  int descriptor_ = -1;  // of what is no file
};

}  // namespace kifa::cli
