#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "core/io/file_system.hpp"
#include "core/io/posix_file.hpp"

namespace kifa::io {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The type of an entry that the directory itself does not tell. Symbolic links are "other".
FileType entry_type(int directory, const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return FileType::regular;
    case DT_DIR:
      return FileType::directory;
    case DT_UNKNOWN: {
      struct stat status{};
      if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return FileType::other;  // gone meanwhile
      }
      return file_info_from(status).type;
    }
    default:
      return FileType::other;
  }
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) override {
    int flags = options.access == Access::read_write ? O_RDWR : O_RDONLY;
    flags |= options.create ? O_CREAT : 0;
    flags |= options.create && options.exclusive ? O_EXCL : 0;
    flags |= options.direct ? O_DIRECT : 0;
    Result<Descriptor> descriptor = open_descriptor(path, flags, "open");
    if (!descriptor) {
      // A file system without O_DIRECT creates the file before it refuses the flag; an exclusive
      // second try without the flag must not stumble over it.
      if (options.direct && options.create && options.exclusive &&
          descriptor.error().sys_errno() == EINVAL) {
        ::unlink(path.c_str());
      }
      return descriptor.error();
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(*std::move(descriptor), path));
  }

  Status make_directory(const std::string& path, std::uint32_t mode) override {
    return ::mkdir(path.c_str(), mode) == 0 ? Status()
                                            : call_failed(errno, "create directory", path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return Status::from_errno(errno, fmt::format("cannot rename {} to {}", from, to));
    }
    return {};
  }

  Status link(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) != 0) {
      return Status::from_errno(errno, fmt::format("cannot link {} to {}", from, to));
    }
    return {};
  }

  Status remove(const std::string& path) override {
    return ::unlink(path.c_str()) == 0 ? Status() : call_failed(errno, "remove", path);
  }

  Status remove_directory(const std::string& path) override {
    return ::rmdir(path.c_str()) == 0 ? Status() : call_failed(errno, "remove directory", path);
  }

  Status sync_directory(const std::string& path) override {
    const Result<Descriptor> descriptor =
        open_descriptor(path, O_RDONLY | O_DIRECTORY, "open directory");
    if (!descriptor) {
      return descriptor.error();
    }
    return ::fsync(descriptor->number()) == 0 ? Status()
                                              : call_failed(errno, "sync directory", path);
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
    Result<Descriptor> descriptor = open_descriptor(path, O_RDONLY | O_DIRECTORY, "open directory");
    if (!descriptor) {
      return descriptor.error();
    }
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(descriptor->number()));
    if (directory == nullptr) {
      return call_failed(errno, "read directory", path);
    }
    const int number = descriptor->release();  // closedir() closes it now
    std::vector<DirectoryEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) {
        if (errno != 0) {
          return call_failed(errno, "read directory", path);
        }
        break;
      }
      const std::string_view name = static_cast<const char*>(entry->d_name);
      if (name != "." && name != "..") {
        entries.push_back({.name = std::string(name), .type = entry_type(number, *entry)});
      }
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  Result<FileInfo> info(const std::string& path) override {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
      return call_failed(errno, "stat", path);
    }
    return file_info_from(status);
  }

  Result<FileSystemFacts> facts(const std::string& path) override { return posix_facts(path); }

  Result<std::unique_ptr<FileWatch>> watch(const std::string& path) override {
    return posix_watch(path);
  }
};

}  // namespace

Result<std::unique_ptr<FileWatch>> FileSystem::watch(const std::string& path) {
  return Status(Code::unsupported, fmt::format("cannot watch {}: not possible here", path));
}

Result<OpenedFile> open_past_cache(FileSystem& files, const std::string& path,
                                   OpenOptions options) {
  options.direct = true;
  auto file = files.open(path, options);
  const bool is_direct = file.has_value();
  if (!file && file.error().code() == Code::unsupported) {
    options.direct = false;
    options.exclusive = false;  // it may have been made before it was refused
    file = files.open(path, options);
  }
  if (!file) {
    return file.error();
  }
  return OpenedFile{.file = std::move(*file), .is_direct = is_direct};
}

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace kifa::io
