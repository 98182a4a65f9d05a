#include "core/io/memory_file_system.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/io/memory_file.hpp"

namespace kifa::io {

namespace {

constexpr std::uint64_t kDevice = 0x6b696661;  // any; the same for every instance
constexpr std::size_t kNameBytesMax = 255;     // NAME_MAX of Linux
constexpr std::uint32_t kFileMode = 0600;
constexpr std::uint32_t kOwnerReads = 0400;
constexpr std::uint32_t kOwnerWrites = 0200;
constexpr std::uint32_t kOwnerSearches = 0100;

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    at = end + 1;
    if (part == ".." && !parts.empty()) {
      parts.pop_back();
    } else if (!part.empty() && part != "." && part != "..") {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

bool changes_disk(TraceKind kind) {
  switch (kind) {
    case TraceKind::write_begin:
    case TraceKind::resize:
    case TraceKind::create:
    case TraceKind::rename:
    case TraceKind::link:
    case TraceKind::remove:
      return true;
    default:
      return false;
  }
}

}  // namespace

MemoryFileSystem::MemoryFileSystem(MemoryFileSystemOptions options)
    : MemoryFileSystem(DiskModel(), std::move(options)) {}

MemoryFileSystem::MemoryFileSystem(DiskModel disk, MemoryFileSystemOptions options)
    : options_(std::move(options)),
      disk_(std::move(disk)),
      base_(std::make_shared<const DiskModel>(disk_)) {}

MemoryFileSystem::~MemoryFileSystem() {
  const MutexLock lock(mutex_);
  KIFA_ASSERT(open_files_.empty());
}

MemoryFileSystem::Call MemoryFileSystem::begin_call(CallInfo info) {
  info.index = calls_++;
  info.kind_index = calls_of_kind_.at(static_cast<std::size_t>(info.kind))++;
  Call call{.info = std::move(info), .fault = {}};
  call.fault = faults_.next(call.info);
  return call;
}

Status MemoryFileSystem::fail_before(const Call& call, const std::string& what) {
  if (!call.fault || call.fault->effect == FaultEffect::fail_partly) {
    return {};
  }
  record({.kind = TraceKind::failure,
          .sys_errno = call.fault->sys_errno,
          .name = std::string(to_string(call.info.kind))});
  return Status::from_errno(call.fault->sys_errno, what);
}

Status MemoryFileSystem::fail_after(const Call& call, const std::string& what) {
  return call.fault ? Status::from_errno(call.fault->sys_errno, what) : Status();
}

std::shared_ptr<CallGate> MemoryFileSystem::gate_for(const Call& call) {
  for (auto gate = gates_.begin(); gate != gates_.end(); ++gate) {
    if ((*gate)->takes(call.info)) {
      std::shared_ptr<CallGate> taken = *gate;
      gates_.erase(gate);
      return taken;
    }
  }
  return nullptr;
}

std::size_t MemoryFileSystem::record(TraceEvent event) {
  disk_.apply(event);
  changes_ += changes_disk(event.kind) ? 1U : 0U;
  events_.push_back(std::move(event));
  event_recorded_.notify_all();
  return events_.size() - 1;
}

Result<MemoryFileSystem::Place> MemoryFileSystem::find(const std::string& path,
                                                       const std::string& what) const {
  if (path.empty()) {
    return Status::from_errno(ENOENT, what);
  }
  if (path.size() >= limits::kPathBytesMax) {
    return Status::from_errno(ENAMETOOLONG, what);
  }
  Place place{.directory = DiskModel::kRoot, .name = {}, .node = DiskModel::kRoot};
  for (std::string& part : parts_of(path)) {
    if (place.node == 0) {
      return Status::from_errno(ENOENT, what);
    }
    const DiskNode& directory = disk_.node(place.node);
    if (!directory.is_directory) {
      return Status::from_errno(ENOTDIR, what);
    }
    if ((directory.mode & kOwnerSearches) == 0) {
      return Status::from_errno(EACCES, what);
    }
    if (part.size() > kNameBytesMax) {
      return Status::from_errno(ENAMETOOLONG, what);
    }
    const auto entry = directory.names.find(part);
    place.directory = place.node;
    place.node = entry == directory.names.end() ? 0 : entry->second;
    place.name = std::move(part);
  }
  return place;
}

Result<MemoryFileSystem::Place> MemoryFileSystem::find_existing(const std::string& path,
                                                                const std::string& what) const {
  Result<Place> place = find(path, what);
  if (place && place->node == 0) {
    return Status::from_errno(ENOENT, what);
  }
  return place;
}

Status MemoryFileSystem::check_may_change(NodeNumber directory, const std::string& what) const {
  if (options_.facts.is_read_only) {
    return Status::from_errno(EROFS, what);
  }
  if ((disk_.node(directory).mode & kOwnerWrites) == 0) {
    return Status::from_errno(EACCES, what);
  }
  return {};
}

Status MemoryFileSystem::check_open(const Place& place, OpenOptions options,
                                    const std::string& what) const {
  if (options.direct && !options_.accepts_direct) {
    return Status::from_errno(EINVAL, what);
  }
  if (place.node == 0) {
    return options.create ? check_may_change(place.directory, what)
                          : Status::from_errno(ENOENT, what);
  }
  const DiskNode& node = disk_.node(place.node);
  const bool writes = options.access == Access::read_write;
  if (options.create && options.exclusive) {
    return Status::from_errno(EEXIST, what);
  }
  if (writes && node.is_directory) {
    return Status::from_errno(EISDIR, what);
  }
  if (writes && options_.facts.is_read_only) {
    return Status::from_errno(EROFS, what);
  }
  if ((node.mode & kOwnerReads) == 0 || (writes && (node.mode & kOwnerWrites) == 0)) {
    return Status::from_errno(EACCES, what);
  }
  return {};
}

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenOptions options) {
  const std::string what = fmt::format("cannot open {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::open, .path = path});
  KIFA_TRY(fail_before(call, what));
  Result<Place> place = find(path, what);
  if (!place) {
    return place.error();
  }
  KIFA_TRY(check_open(*place, options, what));
  if (place->node == 0) {
    place->node = disk_.next_number();
    record({.kind = TraceKind::create,
            .mode = kFileMode,
            .call = call.info.index,
            .node = place->node,
            .directory = place->directory,
            .name = place->name});
  }
  KIFA_TRY(fail_after(call, what));
  ++open_files_[place->node];
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(*this, place->node, path, options));
}

Status MemoryFileSystem::make_directory(const std::string& path, std::uint32_t mode) {
  const std::string what = fmt::format("cannot create directory {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::make_directory, .path = path});
  KIFA_TRY(fail_before(call, what));
  const Result<Place> place = find(path, what);
  if (!place) {
    return place.error();
  }
  if (place->node != 0) {
    return Status::from_errno(EEXIST, what);
  }
  KIFA_TRY(check_may_change(place->directory, what));
  record({.kind = TraceKind::create,
          .is_directory = true,
          .mode = mode,
          .call = call.info.index,
          .node = disk_.next_number(),
          .directory = place->directory,
          .name = place->name});
  return fail_after(call, what);
}

Status MemoryFileSystem::check_rename(const Place& from, const Place& to,
                                      const std::string& what) const {
  KIFA_TRY(check_may_change(from.directory, what));
  KIFA_TRY(check_may_change(to.directory, what));
  if (to.node == 0) {
    return {};
  }
  const bool moves_directory = disk_.node(from.node).is_directory;
  const DiskNode& target = disk_.node(to.node);
  if (target.is_directory != moves_directory) {
    return Status::from_errno(target.is_directory ? EISDIR : ENOTDIR, what);
  }
  return target.names.empty() ? Status() : Status::from_errno(ENOTEMPTY, what);
}

Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const std::string what = fmt::format("cannot rename {} to {}", from, to);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::rename, .path = from});
  KIFA_TRY(fail_before(call, what));
  const Result<Place> source = find_existing(from, what);
  const Result<Place> target = find(to, what);
  if (!source || !target) {
    return source ? target.error() : source.error();
  }
  KIFA_TRY(check_rename(*source, *target, what));
  if (source->node != target->node) {  // two names of one file stay as they are
    record({.kind = TraceKind::rename,
            .call = call.info.index,
            .node = source->node,
            .directory = source->directory,
            .to_directory = target->directory,
            .name = source->name,
            .to_name = target->name});
  }
  return fail_after(call, what);
}

Status MemoryFileSystem::link(const std::string& from, const std::string& to) {
  const std::string what = fmt::format("cannot link {} to {}", from, to);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::link, .path = from});
  KIFA_TRY(fail_before(call, what));
  const Result<Place> source = find_existing(from, what);
  const Result<Place> target = find(to, what);
  if (!source || !target) {
    return source ? target.error() : source.error();
  }
  if (disk_.node(source->node).is_directory) {
    return Status::from_errno(EPERM, what);
  }
  if (target->node != 0) {
    return Status::from_errno(EEXIST, what);
  }
  KIFA_TRY(check_may_change(target->directory, what));
  record({.kind = TraceKind::link,
          .call = call.info.index,
          .node = source->node,
          .directory = source->directory,
          .to_directory = target->directory,
          .name = source->name,
          .to_name = target->name});
  return fail_after(call, what);
}

Status MemoryFileSystem::remove(const std::string& path) {
  const std::string what = fmt::format("cannot remove {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::remove, .path = path});
  KIFA_TRY(fail_before(call, what));
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  if (disk_.node(place->node).is_directory) {
    return Status::from_errno(EISDIR, what);
  }
  KIFA_TRY(check_may_change(place->directory, what));
  record({.kind = TraceKind::remove,
          .call = call.info.index,
          .node = place->node,
          .directory = place->directory,
          .name = place->name});
  return fail_after(call, what);
}

Status MemoryFileSystem::remove_directory(const std::string& path) {
  const std::string what = fmt::format("cannot remove directory {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::remove, .path = path});
  KIFA_TRY(fail_before(call, what));
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  if (!disk_.node(place->node).is_directory) {
    return Status::from_errno(ENOTDIR, what);
  }
  if (!disk_.node(place->node).names.empty()) {
    return Status::from_errno(ENOTEMPTY, what);
  }
  KIFA_TRY(check_may_change(place->directory, what));
  record({.kind = TraceKind::remove,
          .call = call.info.index,
          .node = place->node,
          .directory = place->directory,
          .name = place->name});
  return fail_after(call, what);
}

Status MemoryFileSystem::sync_directory(const std::string& path) {
  const std::string what = fmt::format("cannot sync directory {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::sync_directory, .path = path});
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  if (!disk_.node(place->node).is_directory) {
    return Status::from_errno(ENOTDIR, what);
  }
  // A failed one leaves the names as uncertain as they were.
  record({.kind = call.fault ? TraceKind::failure : TraceKind::sync_directory,
          .sys_errno = call.fault ? call.fault->sys_errno : 0,
          .call = call.info.index,
          .node = place->node,
          .name = "sync_directory"});
  return fail_after(call, what);
}

Result<std::vector<DirectoryEntry>> MemoryFileSystem::list(const std::string& path) {
  const std::string what = fmt::format("cannot read directory {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::list, .path = path});
  KIFA_TRY(fail_after(call, what));
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  const DiskNode& directory = disk_.node(place->node);
  if (!directory.is_directory || (directory.mode & kOwnerReads) == 0) {
    return Status::from_errno(directory.is_directory ? EACCES : ENOTDIR, what);
  }
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, number] : directory.names) {
    const bool is_directory = disk_.node(number).is_directory;
    entries.push_back(
        {.name = name, .type = is_directory ? FileType::directory : FileType::regular});
  }
  return entries;
}

FileInfo MemoryFileSystem::info_of(NodeNumber number) const {
  const DiskNode& node = disk_.node(number);
  return {.id = {.device = kDevice, .inode = number},
          .type = node.is_directory ? FileType::directory : FileType::regular,
          .bytes = node.cache.size(),
          .allocated_bytes = node.cache.allocated_bytes(),
          .mode = node.mode,
          .owner = 0};
}

Result<FileInfo> MemoryFileSystem::info(const std::string& path) {
  const std::string what = fmt::format("cannot stat {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::info, .path = path});
  KIFA_TRY(fail_after(call, what));
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  return info_of(place->node);
}

Result<FileSystemFacts> MemoryFileSystem::facts(const std::string& path) {
  const std::string what = fmt::format("cannot query the file system of {}", path);
  const MutexLock lock(mutex_);
  const Call call = begin_call({.kind = CallKind::facts, .path = path});
  KIFA_TRY(fail_after(call, what));
  const Result<Place> place = find_existing(path, what);
  if (!place) {
    return place.error();
  }
  FileSystemFacts facts = options_.facts;
  if (options_.capacity_bytes != 0) {
    const std::uint64_t used = used_bytes();
    facts.total_bytes = options_.capacity_bytes;
    facts.free_bytes = options_.capacity_bytes > used ? options_.capacity_bytes - used : 0;
  }
  return facts;
}

std::uint64_t MemoryFileSystem::used_bytes() const {
  std::uint64_t used = 0;
  for (const auto& [number, node] : disk_.nodes()) {
    if (node.links > 0 || open_files_.contains(number)) {
      used += node.cache.allocated_bytes();
    }
  }
  return used;
}

}  // namespace kifa::io
