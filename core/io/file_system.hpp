#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"

// The operating system's files as a parameter: everything that the store does to a disk goes
// through FileSystem, so that tests can fail the n-th call, cut the power after the n-th write,
// tear sectors and flip bits.
//
// Paths are absolute or relative as the caller gives them; they are not changed. Every failed call
// returns a Status with the errno and a sentence that names the call and the path.
namespace kifa::io {

struct FileId {  // one file, whatever its name
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileId&) const = default;
};

enum class FileType : std::uint8_t { regular, directory, other };

struct FileInfo {
  FileId id;
  FileType type = FileType::other;
  std::uint64_t bytes = 0;            // size
  std::uint64_t allocated_bytes = 0;  // on the disk
  std::uint32_t mode = 0;             // permission bits
  std::uint32_t owner = 0;
};

struct DirectoryEntry {
  std::string name;
  FileType type = FileType::other;
};

// What the file system below a directory is like.
struct FileSystemFacts {
  std::uint64_t free_bytes = 0;  // for this user
  std::uint64_t total_bytes = 0;
  std::uint32_t block_bytes =
      4096;  // unit of O_DIRECT offsets, sizes and memory (STATX_DIOALIGN, at least 512)
  bool is_memory = false;   // tmpfs, ramfs: nothing survives power loss
  bool is_network = false;  // NFS, CIFS, 9p, ...: locks and syncs cannot be trusted
  bool is_read_only = false;
  bool has_no_barriers = false;  // mounted so that a sync does not flush the device's cache
  std::string type_name = {};    // "ext4", "tmpfs", or the magic number in hex
};

enum class Access : std::uint8_t { read, read_write };

struct OpenOptions {
  Access access = Access::read;
  bool create = false;     // create the file if it is not there (mode 0600)
  bool exclusive = false;  // with create: fail with EEXIST if it is there
  bool direct = false;     // O_DIRECT; EINVAL comes back as Code::unsupported
};

// How a write ends: `buffered` when the data is accepted, `durable` when it has reached the disk
// (RWF_DSYNC).
enum class WriteMode : std::uint8_t { buffered, durable };

// An open file. Closing is the destructor; it reports nothing, so sync first.
//
// Threads: all functions from any thread; concurrent writes to different ranges are allowed.
// Errors:  a failed sync or durable write says nothing about what reached the disk; never call it
// again expecting more.
class File {
 public:
  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  virtual ~File() = default;

  // One system call; returns how many bytes were written, which may be fewer than asked (the caller
  // decides what a short write means). EINTR before anything was written is retried. On a direct
  // file, offset, size and memory must be multiples of the block size.
  virtual Result<std::size_t> write_at(ByteView bytes, std::uint64_t offset, WriteMode mode) = 0;
  // Reads until `into` is full or the file ends; returns the bytes read.
  virtual Result<std::size_t> read_at(MutableBytes into, std::uint64_t offset) = 0;
  virtual Status sync_data() = 0;  // fdatasync
  virtual Status sync_all() = 0;   // fsync
  virtual Status resize(std::uint64_t bytes) = 0;
  virtual Result<FileInfo> info() = 0;

  // Whole-file lock of this open file (F_OFD_SETLK), released by closing. Returns false when
  // another holds it.
  virtual Result<bool> try_lock_exclusive() = 0;
  // Whether another open file holds the exclusive lock (F_OFD_GETLK); takes nothing.
  virtual Result<bool> is_locked() = 0;
};

// Tells when one file was written to, by this process or another one of this machine.
//
// Threads: confined.
class FileWatch {
 public:
  FileWatch() = default;
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  virtual ~FileWatch() = default;

  // Returns true at once if the file was written to since it was watched or since the last call,
  // and otherwise when that happens; false when the time is over or a signal came.
  virtual Result<bool> wait(std::chrono::milliseconds timeout) = 0;
};

// Threads: all functions from any thread.
class FileSystem {
 public:
  FileSystem() = default;
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) = 0;
  virtual Status make_directory(const std::string& path,
                                std::uint32_t mode) = 0;                      // EEXIST is a failure
  virtual Status rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  virtual Status link(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;            // a file, not a directory
  virtual Status remove_directory(const std::string& path) = 0;  // an empty one
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(
      const std::string& path) = 0;                            // sorted by name, without . and ..
  virtual Result<FileInfo> info(const std::string& path) = 0;  // follows symbolic links
  virtual Result<FileSystemFacts> facts(const std::string& path) = 0;
  // unsupported: there is no such thing here, or too many are in use; look again and again instead.
  virtual Result<std::unique_ptr<FileWatch>> watch(const std::string& path);
};

// The files of this machine. Descriptors are never 0, 1 or 2 and are closed on exec.
[[nodiscard]] FileSystem& posix_file_system();

// Opens a file past the page cache, or through it where the file system refuses that; `is_direct`
// tells which.
struct OpenedFile {
  std::unique_ptr<File> file;
  bool is_direct = false;
};
Result<OpenedFile> open_past_cache(FileSystem& files, const std::string& path, OpenOptions options);

// Of the processors that kifa runs on.
inline constexpr std::size_t kHugePageBytes = 2_MiB;

// Memory for direct I/O: `bytes` aligned to 4096 or more, not initialised; released with the
// object.
class AlignedBuffer final {
 public:
  AlignedBuffer() = default;
  // Aborts when memory is exhausted, as operator new would throw.
  explicit AlignedBuffer(std::size_t bytes, std::size_t alignment = 4096);
  // At least `bytes`, in whole huge pages where the system has any: the disk takes a megabyte in
  // one piece instead of 256, which made direct writes up to 1.7 times as fast. Worth it for what
  // is written again and again; the first use of a page costs 0.1 ms.
  [[nodiscard]] static AlignedBuffer huge(std::size_t bytes);
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer();

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }
  [[nodiscard]] MutableBytes span() const { return {data_, bytes_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
  bool is_mapped_ = false;  // huge pages; otherwise from the heap
  std::size_t alignment_ = 4096;
};

}  // namespace kifa::io
