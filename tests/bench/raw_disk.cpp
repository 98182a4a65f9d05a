#include "tests/bench/raw_disk.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/io/file_system.hpp"

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

io::AlignedBuffer buffer_of(std::size_t bytes, std::byte first) {
  io::AlignedBuffer buffer(bytes);
  auto value = std::to_integer<unsigned>(first);
  for (std::byte& byte : buffer.span()) {
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
  io::AlignedBuffer zeros(kLargeWrite);
  std::fill(zeros.span().begin(), zeros.span().end(), std::byte{0});
  for (std::uint64_t offset = 0; offset < bytes; offset += kLargeWrite) {
    KIFA_TRY(write_whole(fd_, zeros.span(), offset, 0));
  }
  if (::fsync(fd_) != 0) {
    return Status::from_errno(errno, "cannot sync the raw disk file");
  }
  ::sync();
  return {};
}

Result<double> RawDisk::bandwidth() {
  KIFA_TRY(fill_with_zeros(bytes_));
  const io::AlignedBuffer data = buffer_of(kLargeWrite, std::byte{1});
  const auto start = SteadyClock::now();
  for (std::uint64_t offset = 0; offset < bytes_; offset += kLargeWrite) {
    KIFA_TRY(write_whole(fd_, data.span(), offset, RWF_DSYNC));
  }
  const std::chrono::duration<double> seconds = SteadyClock::now() - start;
  return static_cast<double>(bytes_) / seconds.count();
}

Result<Latency> RawDisk::latency(std::uint32_t count) {
  KIFA_TRY(fill_with_zeros(std::min<std::uint64_t>(bytes_, count * kSmallWrite)));
  const io::AlignedBuffer data = buffer_of(kSmallWrite, std::byte{2});
  std::vector<double> taken(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto start = SteadyClock::now();
    KIFA_TRY(write_whole(fd_, data.span(), i * kSmallWrite % bytes_, RWF_DSYNC));
    taken[i] = Microseconds(SteadyClock::now() - start).count();
  }
  return latency_of(std::move(taken));
}

}  // namespace kifa::bench
