#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"

namespace kifa::store {

// A file that is written once from front to end in large pieces, synced and read back.
//
// Until keep() the destructor removes the file.
//
// Threads: confined.
// Errors:  those of the file system; `corrupt` when the disk gives back other bytes.
class TableOutput final {
 public:
  // Fails when `path` exists.
  [[nodiscard]] static Result<std::unique_ptr<TableOutput>> create(io::FileSystem& files,
                                                                   const std::string& path);
  TableOutput(const TableOutput&) = delete;
  TableOutput& operator=(const TableOutput&) = delete;
  ~TableOutput();

  Status put(ByteView bytes);
  // Where the next byte goes.
  [[nodiscard]] std::uint64_t offset() const { return written_ + used_; }
  // Writes out what is buffered, syncs, and reads everything back, past the page cache where the
  // file system can.
  Status complete();
  void keep() { kept_ = true; }

 private:
  TableOutput(io::FileSystem& files, std::string path, std::unique_ptr<io::File> file,
              std::size_t block_bytes);
  Status drain();
  Status read_back(bool direct);

  io::FileSystem& files_;
  std::string path_;
  std::unique_ptr<io::File> file_;
  const std::size_t block_bytes_;
  io::AlignedBuffer buffer_;
  std::size_t used_ = 0;  // of the buffer
  std::uint64_t written_ = 0;
  std::uint32_t crc_ = 0;  // of every byte put so far
  bool kept_ = false;
};

}  // namespace kifa::store
