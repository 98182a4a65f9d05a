#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/status.hpp"
#include "core/cli/byte_sink.hpp"
#include "core/io/file_system.hpp"

namespace kifa::cli {

// A file that gets its name when it is whole.
//
// While it is written it stands in the folder of its target as `.NAME.kifa-partial`, locked, mode
// 0600. After seal() returned ok all of it is on the disk; publish() then puts it in the place of
// the target in one step, and after a sync of the folder that survives power loss. Before that the
// target is what it was. Without publish() the destructor removes what was written; what a killed
// process has left is removed by the next one that makes a partial file in that folder.
//
// Threads: confined.
// Errors:  locked: another process writes the same target. The first failure to write is final.
// Limits:  256 KiB are gathered before they are written.
class PartialFile final : public ByteSink {
 public:
  static Result<std::unique_ptr<PartialFile>> create(io::FileSystem& files,
                                                     const std::string& target);
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() override;

  [[nodiscard]] Status append(std::string_view text) override;
  [[nodiscard]] Status flush() override;

  [[nodiscard]] Status seal();
  // Asserts seal().
  [[nodiscard]] Status publish();

  [[nodiscard]] const std::string& target() const { return target_; }

 private:
  PartialFile(io::FileSystem& files, std::string target);
  Result<bool> take();
  Status write_all(std::string_view bytes);

  io::FileSystem& files_;
  const std::string target_;
  const std::string path_;  // until it has its name
  std::unique_ptr<io::File> file_;
  std::string buffer_;
  std::uint64_t written_bytes_ = 0;
  Status failure_;
  bool is_mine_ = false;
  bool is_sealed_ = false;
};

// The folder of a path, to be listed and synced: "." for a name alone.
[[nodiscard]] std::string folder_of(const std::string& path);
// What stands behind the folder.
[[nodiscard]] std::string name_in_folder(const std::string& path);

}  // namespace kifa::cli
