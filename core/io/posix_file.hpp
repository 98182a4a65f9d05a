#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"

struct stat;

namespace kifa::io {

// Owns one file descriptor.
//
// Threads: confined, but for the descriptor's own system calls.
class Descriptor final {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC and mode 0600, on a descriptor above 2: a store's file that became
// descriptor 2 would receive whatever the process writes to its standard error. `what` begins the
// sentence of a failure.
[[nodiscard]] Result<Descriptor> open_descriptor(const std::string& path, int flags,
                                                 std::string_view what);

[[nodiscard]] FileInfo file_info_from(const struct stat& status);

// "cannot <verb> <path>: <reason of errno>"
[[nodiscard]] Status call_failed(int sys_errno, std::string_view verb, const std::string& path);

// io::File on a descriptor.
class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path)
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<std::size_t> write_at(ByteView bytes, std::uint64_t offset, WriteMode mode) override;
  Result<std::size_t> read_at(MutableBytes into, std::uint64_t offset) override;
  Status sync_data() override;
  Status sync_all() override;
  Status resize(std::uint64_t bytes) override;
  Result<FileInfo> info() override;
  Result<bool> try_lock_exclusive() override;
  Result<bool> is_locked() override;

 private:
  const Descriptor descriptor_;
  const std::string path_;  // as it was opened, for messages
};

// The facts of posix_file_system(), in a file of their own.
[[nodiscard]] Result<FileSystemFacts> posix_facts(const std::string& path);

// io::FileWatch by inotify.
[[nodiscard]] Result<std::unique_ptr<FileWatch>> posix_watch(const std::string& path);

}  // namespace kifa::io
