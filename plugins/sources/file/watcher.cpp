#include "plugins/sources/file/watcher.hpp"

#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

namespace kifa::plugins::file_source {

namespace {

constexpr std::uint32_t kNameEvents =
    IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kContentEvents = IN_MODIFY | IN_ATTRIB;
constexpr int kReadsMax = 64;  // of one take(): a writer may never cease

// File systems on which others write, who are not heard of. (Numbers of linux/magic.h and of the
// kernel's sources.)
bool is_remote(const std::string& folder) {
  struct statfs facts{};
  if (::statfs(folder.c_str(), &facts) != 0) {
    return true;
  }
  switch (static_cast<std::uint32_t>(facts.f_type)) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFE534D42:  // SMB2
    case 0xFF534D42:  // CIFS
    case 0x65735546:  // FUSE
    case 0x01021997:  // 9P
    case 0x5346414F:  // AFS
    case 0x00C36400:  // Ceph
    case 0x0BD00BD0:  // Lustre
    case 0x01161970:  // GFS2
    case 0x7461636F:  // OCFS2
    case 0x786F4256:  // folders of the host in VirtualBox
      return true;
    default:
      return false;
  }
}

}  // namespace

void Watcher::open() {
  close();
  descriptor_ = Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!descriptor_.is_open()) {
    tell("the kernel cannot tell of changes in folders", errno);
  }
}

void Watcher::close() {
  descriptor_.close();
  folders_.clear();
  watches_.clear();
  unwatched_count_ = 0;
}

void Watcher::tell(const std::string& what, int sys_errno) {
  if (!std::exchange(has_told_, true)) {
    problem_ =
        what + ": " + std::generic_category().message(sys_errno) +
        "; it is looked through every poll_interval instead" +
        (sys_errno == ENOSPC || sys_errno == EMFILE ? " (the limits are in /proc/sys/fs/inotify)"
                                                    : "");
  }
}

bool Watcher::add(const std::string& folder) {
  if (!descriptor_.is_open() || is_remote(folder)) {
    return false;
  }
  const int watch = ::inotify_add_watch(descriptor_.get(), folder.c_str(),
                                        kNameEvents | kContentEvents | IN_ONLYDIR);
  if (watch < 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      tell("the kernel cannot tell of changes in " + folder, errno);
    }
    return false;
  }
  folders_[watch] = folder;
  watches_[folder] = watch;
  return true;
}

void Watcher::watch(const std::set<std::string>& folders) {
  for (auto at = watches_.begin(); at != watches_.end();) {
    if (folders.contains(at->first)) {
      ++at;
      continue;
    }
    ::inotify_rm_watch(descriptor_.get(), at->second);
    folders_.erase(at->second);
    at = watches_.erase(at);
  }
  unwatched_count_ = 0;
  for (const std::string& folder : folders) {
    // Also those that are watched: another folder may have come into its place.
    unwatched_count_ += add(folder) ? 0 : 1;
  }
}

bool Watcher::take(const std::function<void(const Event&)>& visit) {
  bool is_complete = true;
  alignas(inotify_event) std::array<char, 64U << 10U> buffer;
  for (int reads = 0; descriptor_.is_open() && reads < kReadsMax; ++reads) {
    const ssize_t got = ::read(descriptor_.get(), buffer.data(), buffer.size());
    if (got <= 0) {
      break;
    }
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      is_complete &= (event.mask & IN_Q_OVERFLOW) == 0;
      const auto folder = folders_.find(event.wd);
      if (folder == folders_.end()) {
        continue;
      }
      visit({.folder = folder->second,
             .name = event.len == 0 ? std::string() : std::string(name),
             .is_content = (event.mask & kContentEvents) != 0,
             .is_folder = (event.mask & IN_ISDIR) != 0});
      if ((event.mask & IN_IGNORED) != 0) {
        watches_.erase(folder->second);
        folders_.erase(folder);
      }
    }
  }
  return is_complete;
}

}  // namespace kifa::plugins::file_source
