#include "core/store/store_directory.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "core/store/status_file.hpp"

namespace kifa::store {

namespace {

constexpr std::uint32_t kDirectoryMode = 0700;

std::string parent_of(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  const std::size_t slash = last == std::string::npos ? std::string::npos : path.rfind('/', last);
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status not_a_directory(const std::string& path) {
  return {Code::io,
          fmt::format("{} is not a directory; a store needs a directory of its own", path)};
}

Status make_directories(io::FileSystem& files, const std::string& path) {
  const auto info = files.info(path);
  if (info) {
    return info->type == io::FileType::directory ? Status() : not_a_directory(path);
  }
  if (info.error().sys_errno() == ENOTDIR) {
    return not_a_directory(parent_of(path));
  }
  if (info.error().code() != Code::not_found) {
    return info.error();
  }
  const std::string parent = parent_of(path);
  KIFA_TRY(make_directories(files, parent));
  Status made = files.make_directory(path, kDirectoryMode);
  if (!made && made.sys_errno() != EEXIST) {
    return made;
  }
  return files.sync_directory(parent);
}

Status check_file_system(const std::string& path, bool allow_network,
                         const StoreEnvironment& environment) {
  const auto facts = environment.files.facts(path);
  if (!facts) {
    return facts.error();
  }
  if (facts->is_network && !allow_network) {
    return {Code::unsupported,
            fmt::format("{} is on a network file system ({}), whose locks and syncs cannot be "
                        "trusted; use a local disk, or set allow_network_fs to accept the risk",
                        path, facts->type_name)};
  }
  if (facts->is_memory) {
    environment.report(Severity::warning,
                       fmt::format("{} is in memory ({}): nothing in it survives power loss", path,
                                   facts->type_name));
  }
  return {};
}

}  // namespace

Result<StoreDirectory> StoreDirectory::open(const std::string& path, bool allow_network,
                                            const StoreEnvironment& environment) {
  io::FileSystem& files = environment.files;
  KIFA_TRY(make_directories(files, path));
  KIFA_TRY(check_file_system(path, allow_network, environment));
  StoreDirectory directory;
  directory.path_ = path;
  directory.files_ = &files;
  const std::string lock_path = fmt::format("{}/{}", path, kLockFileName);
  auto lock = files.open(lock_path, {.access = io::Access::read_write, .create = true});
  if (!lock) {
    return lock.error().with_context("the store cannot be opened for writing");
  }
  const auto taken = (*lock)->try_lock_exclusive();
  if (!taken) {
    return taken.error();
  }
  if (!*taken) {
    return Status(Code::locked, fmt::format("the store in {} is in use by another kifa; stop that "
                                            "one first, or use another directory",
                                            path));
  }
  const auto info = (*lock)->info();
  if (!info) {
    return info.error();
  }
  directory.lock_id_ = info->id;
  directory.lock_ = std::move(*lock);
  KIFA_TRY(directory.check_lock());
  return directory;
}

Status StoreDirectory::check_lock() const {
  const auto info = files_->info(fmt::format("{}/{}", path_, kLockFileName));
  if (!info || info->id != lock_id_) {
    return {Code::io,
            fmt::format("{} was replaced or removed while the store was open; start again", path_)};
  }
  return {};
}

}  // namespace kifa::store
