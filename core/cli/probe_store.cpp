#include "core/cli/probe_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "core/config/options.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {
namespace {

constexpr std::uint64_t kSegmentsToBegin = 3;  // one in use, one spare, and the reserve

// `path`, or the nearest folder above it that is there.
std::string nearest_folder(std::string path) {
  struct stat found{};
  while (path.size() > 1 && stat(path.c_str(), &found) != 0 && errno == ENOENT) {
    const std::size_t slash = path.find_last_of('/');
    path = slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
  }
  return path;
}

Status probe_folder(const std::string& directory, const std::string& folder) {
  struct stat found{};
  if (stat(folder.c_str(), &found) != 0) {
    return Status::from_errno(errno, fmt::format("cannot reach {}", folder));
  }
  if (!S_ISDIR(found.st_mode)) {
    return {Code::io, fmt::format("{} is not a directory", folder)};
  }
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return Status::from_errno(
        errno, folder == directory
                   ? fmt::format("the data directory {} cannot be written", directory)
                   : fmt::format("the data directory {} cannot be made in {}", directory, folder));
  }
  return {};
}

// A store that is there.
Status probe_present(const std::string& directory) {
  const auto reader = store::Reader::open(directory, io::posix_file_system());
  if (!reader) {
    return reader.status().code() == Code::not_found ? Status() : reader.status();
  }
  const auto stats = (*reader)->stats();
  if (!stats) {
    return stats.status();
  }
  if (stats->live) {
    return {Code::locked, fmt::format("the store {} is in use: another kifa writes it", directory)};
  }
  return {};
}

Status probe_room(const std::string& folder, std::uint64_t segment_bytes) {
  struct statvfs disk{};
  if (statvfs(folder.c_str(), &disk) != 0) {
    return Status::from_errno(errno,
                              fmt::format("cannot ask how much room there is in {}", folder));
  }
  const std::uint64_t free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t needed = kSegmentsToBegin * segment_bytes;
  if (free_bytes < needed) {
    return {Code::no_space,
            fmt::format("{} has {} free, and a store with segments of {} needs {} to begin", folder,
                        config::format_size_bytes(static_cast<std::int64_t>(free_bytes)),
                        config::format_size_bytes(static_cast<std::int64_t>(segment_bytes)),
                        config::format_size_bytes(static_cast<std::int64_t>(needed)))};
  }
  return {};
}

}  // namespace

Status probe_store(const std::string& directory, std::uint64_t segment_bytes) {
  const std::string folder = nearest_folder(directory);
  KIFA_TRY(probe_folder(directory, folder));
  if (folder == directory) {
    KIFA_TRY(probe_present(directory));
  }
  return probe_room(folder, segment_bytes);
}

}  // namespace kifa::cli
