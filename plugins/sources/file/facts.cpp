#include "plugins/sources/file/facts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace kifa::plugins::file_source {

namespace {

std::int64_t nanoseconds(const struct statx_timestamp& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

std::optional<Facts> ask(int folder, const char* path, int flags) {
  struct statx answer{};
  if (::statx(folder, path, flags, STATX_BASIC_STATS | STATX_BTIME, &answer) != 0) {
    return std::nullopt;
  }
  Facts facts;
  facts.place.device = makedev(answer.stx_dev_major, answer.stx_dev_minor);
  facts.place.inode = answer.stx_ino;
  if ((answer.stx_mask & STATX_BTIME) != 0) {
    facts.place.birth_ns = nanoseconds(answer.stx_btime);
  }
  facts.size = answer.stx_size;
  facts.modified_ns = nanoseconds(answer.stx_mtime);
  facts.links = answer.stx_nlink;
  facts.is_regular = S_ISREG(answer.stx_mode);
  return facts;
}

}  // namespace

std::optional<Facts> facts_at(const std::string& path) { return ask(AT_FDCWD, path.c_str(), 0); }

std::optional<Facts> facts_of(int fd) { return ask(fd, "", AT_EMPTY_PATH); }

}  // namespace kifa::plugins::file_source
