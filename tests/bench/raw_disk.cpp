#include "tests/bench/raw_disk.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "core/base/types.hpp"

namespace kifa::bench {

namespace {

constexpr std::size_t kLargeWrite = 1_MiB;
constexpr std::size_t kSmallWrite = 4_KiB;

Status write_whole(int fd, ByteView bytes, std::uint64_t offset, int flags) {
  // pwritev2 only reads the bytes; iovec has no const.
  const iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  const ssize_t written = ::pwritev2(fd, &part, 1, static_cast<off_t>(offset), flags);
  if (written < 0) {
    return Status::from_errno(errno, "cannot write to the raw disk file");
  }
  if (static_cast<std::size_t>(written) != bytes.size()) {
    return {Code::io, "short write to the raw disk file"};
  }
  return {};
}

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Buffer = std::unique_ptr<std::byte, Free>;

Buffer buffer_of(std::size_t bytes, unsigned value,
                 RawDisk::Memory memory = RawDisk::Memory::small_pages) {
  constexpr std::size_t kHugePage = 2_MiB;
  const bool is_huge = memory == RawDisk::Memory::huge_page;
  const std::size_t alignment = is_huge ? kHugePage : 4_KiB;
  const std::size_t whole = (bytes + alignment - 1) / alignment * alignment;
  Buffer buffer(static_cast<std::byte*>(std::aligned_alloc(alignment, whole)));
  if (buffer == nullptr) {
    throw std::bad_alloc();
  }
  ::madvise(buffer.get(), whole, is_huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  for (std::byte& byte : std::span(buffer.get(), bytes)) {
    byte = static_cast<std::byte>(value);
    value = value * 1'103'515'245U + 12'345U;
  }
  return buffer;
}

}  // namespace

RawDisk::RawDisk(std::string path, int fd, std::uint64_t bytes)
    : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

RawDisk::RawDisk(RawDisk&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

RawDisk::~RawDisk() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(path_.c_str());
  }
}

Result<RawDisk> RawDisk::create(const std::string& directory, std::uint64_t bytes) {
  std::string path = directory + "/raw-disk";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Status::from_errno(errno, "cannot open " + path + " with O_DIRECT");
  }
  return RawDisk(std::move(path), fd, bytes);
}

Status RawDisk::fill_with_zeros(std::uint64_t bytes) {
  const Buffer zeros = buffer_of(kLargeWrite, 0);
  std::memset(zeros.get(), 0, kLargeWrite);
  for (std::uint64_t offset = 0; offset < bytes; offset += kLargeWrite) {
    KIFA_TRY(write_whole(fd_, {zeros.get(), kLargeWrite}, offset, 0));
  }
  if (::fsync(fd_) != 0) {
    return Status::from_errno(errno, "cannot sync the raw disk file");
  }
  ::sync();
  return {};
}

Result<double> RawDisk::bandwidth(Memory memory) {
  KIFA_TRY(fill_with_zeros(bytes_));
  const Buffer data = buffer_of(kLargeWrite, 1, memory);
  const auto start = SteadyClock::now();
  for (std::uint64_t offset = 0; offset < bytes_; offset += kLargeWrite) {
    KIFA_TRY(write_whole(fd_, {data.get(), kLargeWrite}, offset, RWF_DSYNC));
  }
  const std::chrono::duration<double> seconds = SteadyClock::now() - start;
  return static_cast<double>(bytes_) / seconds.count();
}

Result<Latency> RawDisk::latency(std::uint32_t count) {
  KIFA_TRY(fill_with_zeros(std::min<std::uint64_t>(bytes_, count * kSmallWrite)));
  const Buffer data = buffer_of(kSmallWrite, 2);
  std::vector<double> taken(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto start = SteadyClock::now();
    KIFA_TRY(write_whole(fd_, {data.get(), kSmallWrite}, i * kSmallWrite % bytes_, RWF_DSYNC));
    taken[i] = Microseconds(SteadyClock::now() - start).count();
  }
  return latency_of(std::move(taken));
}

}  // namespace kifa::bench
