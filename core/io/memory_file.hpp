#pragma once

#include <string>
#include <utility>

#include "core/io/memory_file_system.hpp"

namespace kifa::io {

// An open file of a MemoryFileSystem.
class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFileSystem& files, NodeNumber node, std::string path, OpenOptions options)
      : files_(files), node_(node), path_(std::move(path)), options_(options) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() override;

  Result<std::size_t> write_at(ByteView bytes, std::uint64_t offset, WriteMode mode) override;
  Result<std::size_t> read_at(MutableBytes into, std::uint64_t offset) override;
  Status sync_data() override { return sync(CallKind::sync_data); }
  Status sync_all() override { return sync(CallKind::sync_all); }
  Status resize(std::uint64_t bytes) override;
  Result<FileInfo> info() override;
  Result<bool> try_lock_exclusive() override;
  Result<bool> is_locked() override;

 private:
  struct Arrival {  // what becomes of a write
    std::uint64_t bytes = 0;
    int sys_errno = 0;
  };

  Status sync(CallKind kind);
  [[nodiscard]] int refusal(const void* memory, std::uint64_t bytes, std::uint64_t offset,
                            bool is_write, WriteMode mode) const KIFA_REQUIRES(files_.mutex_);
  [[nodiscard]] Arrival arrival(const MemoryFileSystem::Call& call, const Extent& extent) const
      KIFA_REQUIRES(files_.mutex_);
  [[nodiscard]] std::string sentence(const char* verb) const;

  MemoryFileSystem& files_;
  const NodeNumber node_;
  const std::string path_;  // as it was opened, for messages
  const OpenOptions options_;
};

}  // namespace kifa::io
