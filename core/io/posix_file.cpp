#include "core/io/posix_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include <fmt/format.h>

namespace kifa::io {

namespace {

// Unaligned ends are only seen at the end of a file: no device has smaller blocks.
constexpr std::size_t kSectorBytes = 512;

constexpr mode_t kFileMode = 0600;

// off_t of `offset`, or -1 when the file system could not address it.
off_t as_off_t(std::uint64_t offset) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    return -1;
  }
  return static_cast<off_t>(offset);
}

// A lock request over the whole file.
struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) {
    ::close(number_);
  }
}

Status call_failed(int sys_errno, std::string_view verb, const std::string& path) {
  return Status::from_errno(sys_errno, fmt::format("cannot {} {}", verb, path));
}

Result<Descriptor> open_descriptor(const std::string& path, int flags, std::string_view what) {
  int number = -1;
  do {
    number = ::open(path.c_str(), flags | O_CLOEXEC, kFileMode);
  } while (number < 0 && errno == EINTR);
  if (number < 0) {
    return call_failed(errno, what, path);
  }
  Descriptor descriptor(number);
  if (number > STDERR_FILENO) {
    return descriptor;
  }
  const int higher = ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (higher < 0) {
    return call_failed(errno, what, path);
  }
  return Descriptor(higher);  // the low one is closed here
}

FileInfo file_info_from(const struct stat& status) {
  FileInfo info;
  info.id = {.device = status.st_dev, .inode = status.st_ino};
  info.type = S_ISREG(status.st_mode)   ? FileType::regular
              : S_ISDIR(status.st_mode) ? FileType::directory
                                        : FileType::other;
  info.bytes = static_cast<std::uint64_t>(status.st_size);
  info.allocated_bytes = static_cast<std::uint64_t>(status.st_blocks) * kSectorBytes;
  info.mode = status.st_mode & 07777U;
  info.owner = status.st_uid;
  return info;
}

Result<std::size_t> PosixFile::write_at(ByteView bytes, std::uint64_t offset, WriteMode mode) {
  const off_t position = as_off_t(offset);
  if (position < 0) {
    return call_failed(EFBIG, "write", path_);
  }
  // iovec has no const; the kernel only reads.
  const iovec part{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
  const int flags = mode == WriteMode::durable ? RWF_DSYNC : 0;
  ssize_t written = -1;
  do {
    written = ::pwritev2(descriptor_.number(), &part, 1, position, flags);
  } while (written < 0 && errno == EINTR);
  if (written < 0) {
    return call_failed(errno, "write", path_);
  }
  return static_cast<std::size_t>(written);
}

Result<std::size_t> PosixFile::read_at(MutableBytes into, std::uint64_t offset) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const off_t position = as_off_t(offset + filled);
    if (position < 0) {
      return call_failed(EFBIG, "read", path_);
    }
    const ssize_t count =
        ::pread(descriptor_.number(), into.data() + filled, into.size() - filled, position);
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return call_failed(errno, "read", path_);
    }
    filled += static_cast<std::size_t>(count);
    // A direct read ends unaligned only at the end of the file, and may not go on from there.
    if (count == 0 || filled % kSectorBytes != 0) {
      break;
    }
  }
  return filled;
}

// Not repeated on any error, EINTR included: the kernel reports a failed write-back once, and a
// second call would then succeed without the data being on the disk.
Status PosixFile::sync_data() {
  return ::fdatasync(descriptor_.number()) == 0 ? Status() : call_failed(errno, "sync", path_);
}

Status PosixFile::sync_all() {
  return ::fsync(descriptor_.number()) == 0 ? Status() : call_failed(errno, "sync", path_);
}

Status PosixFile::resize(std::uint64_t bytes) {
  const off_t size = as_off_t(bytes);
  if (size < 0) {
    return call_failed(EFBIG, "resize", path_);
  }
  int result = -1;
  do {
    result = ::ftruncate(descriptor_.number(), size);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : call_failed(errno, "resize", path_);
}

Result<FileInfo> PosixFile::info() {
  struct stat status{};
  if (::fstat(descriptor_.number(), &status) != 0) {
    return call_failed(errno, "stat", path_);
  }
  return file_info_from(status);
}

Result<bool> PosixFile::try_lock_exclusive() {
  struct flock lock = whole_file(F_WRLCK);
  while (::fcntl(descriptor_.number(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return false;
    }
    if (errno != EINTR) {
      return call_failed(errno, "lock", path_);
    }
  }
  return true;
}

Result<bool> PosixFile::is_locked() {
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(descriptor_.number(), F_OFD_GETLK, &lock) != 0) {
    return call_failed(errno, "query the lock of", path_);
  }
  return lock.l_type != F_UNLCK;
}

}  // namespace kifa::io
