#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/cli/partial_file.hpp"
#include "core/io/file_system.hpp"

namespace kifa::cli {

// The file of an export and its manifest, which appear together or not at all.
//
// Whoever sees the file of a new export sees all of it, with its manifest. When an older export is
// replaced its manifest goes first and the new one comes last: at no moment does a manifest stand
// beside a file that is not its own. After publish() returned ok both are on the disk.
//
// Threads: confined.
// Errors:  invalid: the target is there and may not be replaced, or is no file; or that is so of
//          what stands in the manifest's place, where a manifest that is alone may always be
//          replaced. locked: another export to the same file.
class ExportFiles final {
 public:
  static Result<std::unique_ptr<ExportFiles>> create(io::FileSystem& files,
                                                     const std::string& target, bool may_replace);
  ExportFiles(const ExportFiles&) = delete;
  ExportFiles& operator=(const ExportFiles&) = delete;
  ~ExportFiles() = default;

  [[nodiscard]] ByteSink& data() { return *data_; }
  // Nothing may be appended after it.
  [[nodiscard]] Status publish(std::string_view manifest);

 private:
  ExportFiles(io::FileSystem& files, bool may_replace) : files_(files), may_replace_(may_replace) {}

  io::FileSystem& files_;
  const bool may_replace_;
  std::unique_ptr<PartialFile> data_;
};

}  // namespace kifa::cli
