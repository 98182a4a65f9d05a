#include "core/store/small_file.hpp"

#include <fmt/format.h>

namespace kifa::store {

namespace {

Status write_all(io::File& file, const std::string& path, ByteView bytes) {
  std::uint64_t offset = 0;
  while (!bytes.empty()) {
    // A short write of an ordinary file is how a full disk begins: the next call says so.
    const Result<std::size_t> written = file.write_at(bytes, offset, io::WriteMode::buffered);
    if (!written) {
      return written.error();
    }
    if (*written == 0) {
      return {Code::io, fmt::format("cannot write {}: the disk takes nothing more", path)};
    }
    bytes = bytes.subspan(*written);
    offset += *written;
  }
  return file.sync_all();
}

}  // namespace

Status write_new_file(io::FileSystem& files, const std::string& path, ByteView bytes) {
  Status status;
  {
    auto file =
        files.open(path, {.access = io::Access::read_write, .create = true, .exclusive = true});
    if (!file) {
      return file.error();
    }
    status = write_all(**file, path, bytes);
  }
  if (!status) {
    ignore(files.remove(path), "the first failure is the one to tell, and the file has no use");
  }
  return status;
}

Result<std::vector<std::byte>> read_whole_file(io::FileSystem& files, const std::string& path,
                                               std::uint64_t bytes_max) {
  auto file = files.open(path, {.access = io::Access::read});
  if (!file) {
    return file.error();
  }
  const Result<io::FileInfo> info = (*file)->info();
  if (!info) {
    return info.error();
  }
  if (info->bytes > bytes_max) {
    return Status(Code::corrupt, fmt::format("{} has {} bytes, more than the {} that it may have",
                                             path, info->bytes, bytes_max));
  }
  std::vector<std::byte> bytes(info->bytes);
  Result<std::size_t> read = (*file)->read_at(bytes, 0);
  if (!read && read.error().code() == Code::io) {
    // What may pass must not count as damage: a newer state would be given up for it.
    read = (*file)->read_at(bytes, 0);
  }
  if (!read) {
    const Status& failure = read.error();
    return failure.code() == Code::io ? Status(Code::corrupt, failure.message()) : failure;
  }
  bytes.resize(*read);
  return bytes;
}

}  // namespace kifa::store
