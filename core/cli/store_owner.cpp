#include "core/cli/store_owner.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace kifa::cli {

Status act_as_owner_of(const std::string& directory) {
  struct stat found{};
  if (geteuid() != 0 || stat(directory.c_str(), &found) != 0 || found.st_uid == 0) {
    return {};
  }
  if (setegid(found.st_gid) != 0 || seteuid(found.st_uid) != 0) {
    return Status::from_errno(errno, "cannot act as the owner of " + directory);
  }
  return {};
}

}  // namespace kifa::cli
