#include "core/plugin/plugin_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/plugin/elf_scan.hpp"

namespace kifa::plugin {
namespace {

constexpr std::string_view kSuffix = ".kifa.so";

std::string system_words(int sys_errno) { return std::generic_category().message(sys_errno); }

class OpenFile final {
 public:
  // O_NONBLOCK: a FIFO with a plugin's name must not stop us before it is refused.
  explicit OpenFile(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

bool read_fully(int fd, std::uint64_t offset, std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = ::pread(fd, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

// Who could have put code there. `what` is "it" or "its folder /a/b".
Status check_owner(const struct stat& facts, std::string_view what, const std::string& path,
                   std::string& warning) {
  if ((facts.st_mode & S_IWOTH) != 0) {
    return {
        Code::unsupported,
        fmt::format("{} is writable by others; refusing to load it (chmod o-w {})", what, path)};
  }
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid()) {
    return {Code::unsupported,
            fmt::format("{} belongs to user {}, who is neither root nor the user that runs kifa; "
                        "refusing to load it (chown root {})",
                        what, facts.st_uid, path)};
  }
  if ((facts.st_mode & S_IWGRP) != 0) {
    warning = fmt::format("{} is writable by its group", what);
  }
  return {};
}

Status check_folder(const std::filesystem::path& folder, std::string& warning) {
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) != 0) {
    return {Code::unsupported, fmt::format("its folder {} cannot be looked at: {}", folder.native(),
                                           system_words(errno))};
  }
  return check_owner(facts, "its folder " + folder.native(), folder.native(), warning);
}

Status check_folders(const std::string& path, std::string& warning) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  KIFA_TRY(check_folder(folder, warning));
  std::error_code failure;
  const fs::path target = fs::canonical(path, failure);
  if (!failure && target.parent_path() != folder) {
    KIFA_TRY(check_folder(target.parent_path(), warning));
  }
  return {};
}

}  // namespace

Result<PluginFile> check_plugin_file(const std::string& path) {
  const OpenFile file(path);
  if (file.fd() < 0) {
    if (errno == ENOENT) {
      return Status(Code::not_found, "no such file");
    }
    return Status(Code::unsupported, fmt::format("cannot be opened: {}", system_words(errno)));
  }
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) {
    return Status(Code::io, fmt::format("cannot be looked at: {}", system_words(errno)));
  }
  if (!S_ISREG(facts.st_mode)) {
    return Status(Code::unsupported, "not a regular file");
  }
  PluginFile checked;
  checked.device = facts.st_dev;
  checked.inode = facts.st_ino;
  KIFA_TRY(check_folders(path, checked.warning));
  KIFA_TRY(check_owner(facts, "it", path, checked.warning));
  const FileBytes bytes{static_cast<std::uint64_t>(facts.st_size),
                        [&](std::uint64_t offset, std::span<std::byte> into) {
                          return read_fully(file.fd(), offset, into);
                        }};
  KIFA_TRY(check_plugin_elf(bytes));
  return checked;
}

Result<std::vector<std::string>> plugin_files_in(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code failure;
  fs::directory_iterator at(folder, failure);
  if (failure == std::errc::no_such_file_or_directory) {
    return files;
  }
  for (const fs::directory_iterator end; !failure && at != end; at.increment(failure)) {
    const std::string name = at->path().filename().native();
    if (name.ends_with(kSuffix) && name.size() > kSuffix.size()) {
      files.push_back((fs::path(folder) / name).native());
    }
    if (files.size() > kPluginFilesMax) {
      return Status(Code::unsupported,
                    fmt::format("it holds more than {} plugins", kPluginFilesMax));
    }
  }
  if (failure) {
    return Status(Code::io, fmt::format("cannot be read: {}", system_words(failure.value())));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace kifa::plugin
