#include "core/io/memory_file.hpp"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace kifa::io {

namespace {

// Half of `bytes`: whole blocks where there are two, else whole sectors, else bytes.
std::uint64_t half_of(std::uint64_t bytes, std::uint64_t block_bytes) {
  for (const std::uint64_t unit : {block_bytes, std::uint64_t{kSectorBytes}}) {
    if (bytes >= 2 * unit) {
      return bytes / unit / 2 * unit;
    }
  }
  return bytes / 2;
}

}  // namespace

MemoryFile::~MemoryFile() {
  const MutexLock lock(files_.mutex_);
  const auto held = files_.locks_.find(node_);
  if (held != files_.locks_.end() && held->second == this) {
    files_.locks_.erase(held);
  }
  const auto open = files_.open_files_.find(node_);
  if (--open->second == 0) {
    files_.open_files_.erase(open);
  }
}

std::string MemoryFile::sentence(const char* verb) const {
  return fmt::format("cannot {} {}", verb, path_);
}

// The errno with which Linux refuses such a read or write; 0: it does not.
int MemoryFile::refusal(const void* memory, std::uint64_t bytes, std::uint64_t offset,
                        bool is_write, WriteMode mode) const {
  if (files_.disk_.node(node_).is_directory) {
    return EISDIR;
  }
  if (is_write && options_.access != Access::read_write) {
    return EBADF;
  }
  if (mode == WriteMode::durable && !files_.options_.accepts_durable_flag) {
    return EOPNOTSUPP;
  }
  const std::uint64_t block = files_.options_.facts.block_bytes;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  if (options_.direct && (address % block != 0 || bytes % block != 0 || offset % block != 0)) {
    return EINVAL;
  }
  return 0;
}

MemoryFile::Arrival MemoryFile::arrival(const MemoryFileSystem::Call& call,
                                        const Extent& extent) const {
  const std::uint64_t block = files_.options_.facts.block_bytes;
  if (call.fault) {
    const bool arrives = call.fault->effect != FaultEffect::fail;
    const bool fails = call.fault->effect != FaultEffect::short_write;
    return {.bytes = arrives ? half_of(extent.size(), block) : 0,
            .sys_errno = fails ? call.fault->sys_errno : 0};
  }
  const std::uint64_t capacity = files_.options_.capacity_bytes;
  if (capacity == 0) {
    return {.bytes = extent.size()};
  }
  const std::uint64_t used = files_.used_bytes();
  const std::uint64_t free = capacity > used ? capacity - used : 0;
  const Content& content = files_.disk_.node(node_).cache;
  std::uint64_t fits = extent.size();
  while (fits > 0 && content.bytes_to_allocate(extent.truncated(fits)) > free) {
    fits = fits > block ? (fits - 1) / block * block : 0;
  }
  return {.bytes = fits, .sys_errno = fits == 0 && extent.size() > 0 ? ENOSPC : 0};
}

Result<std::size_t> MemoryFile::write_at(ByteView bytes, std::uint64_t offset, WriteMode mode) {
  MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call({.kind = CallKind::write,
                                                         .path = path_,
                                                         .offset = offset,
                                                         .bytes = bytes.size(),
                                                         .mode = mode});
  if (const int refused = refusal(bytes.data(), bytes.size(), offset, true, mode); refused != 0) {
    files_.record({.kind = TraceKind::failure, .sys_errno = refused, .name = "write"});
    return Status::from_errno(refused, sentence("write"));
  }
  TraceEvent begin = {.kind = TraceKind::write_begin,
                      .durable = mode == WriteMode::durable,
                      .call = call.info.index,
                      .node = node_,
                      .extent = Extent(offset, bytes)};
  const Arrival arrived = arrival(call, begin.extent);
  files_.record(std::move(begin));
  if (const std::shared_ptr<CallGate> gate = files_.gate_for(call)) {
    lock.unlock();
    gate->hold();
    lock.lock();
  }
  files_.record({.kind = TraceKind::write_end,
                 .sys_errno = arrived.sys_errno,
                 .call = call.info.index,
                 .node = node_,
                 .result = arrived.bytes});
  if (arrived.sys_errno != 0) {
    return Status::from_errno(arrived.sys_errno, sentence("write"));
  }
  return static_cast<std::size_t>(arrived.bytes);
}

Result<std::size_t> MemoryFile::read_at(MutableBytes into, std::uint64_t offset) {
  const MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call(
      {.kind = CallKind::read, .path = path_, .offset = offset, .bytes = into.size()});
  int failure = refusal(into.data(), into.size(), offset, false, WriteMode::buffered);
  if (failure == 0 && call.fault) {
    failure = call.fault->sys_errno;
  }
  if (failure != 0) {
    return Status::from_errno(failure, sentence("read"));
  }
  const DiskNode& file = files_.disk_.node(node_);
  return options_.direct && file.disk ? file.disk->read(into, offset)
                                      : file.cache.read(into, offset);
}

Status MemoryFile::sync(CallKind kind) {
  MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call({.kind = kind, .path = path_});
  files_.record({.kind = TraceKind::sync_begin, .call = call.info.index, .node = node_});
  if (const std::shared_ptr<CallGate> gate = files_.gate_for(call)) {
    lock.unlock();
    gate->hold();
    lock.lock();
  }
  const int failure = call.fault ? call.fault->sys_errno : 0;
  const bool keeps = call.fault && call.fault->effect == FaultEffect::fail_partly;
  files_.record({.kind = TraceKind::sync_end,
                 .keeps_data = keeps,
                 .sys_errno = failure,
                 .call = call.info.index,
                 .node = node_});
  return failure == 0 ? Status() : Status::from_errno(failure, sentence("sync"));
}

Status MemoryFile::resize(std::uint64_t bytes) {
  const MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call =
      files_.begin_call({.kind = CallKind::resize, .path = path_, .bytes = bytes});
  KIFA_TRY(files_.fail_before(call, sentence("resize")));
  if (options_.access != Access::read_write || files_.disk_.node(node_).is_directory) {
    return Status::from_errno(EINVAL, sentence("resize"));
  }
  files_.record(
      {.kind = TraceKind::resize, .call = call.info.index, .node = node_, .result = bytes});
  return MemoryFileSystem::fail_after(call, sentence("resize"));
}

Result<FileInfo> MemoryFile::info() {
  const MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call({.kind = CallKind::info, .path = path_});
  if (call.fault) {
    return Status::from_errno(call.fault->sys_errno, sentence("stat"));
  }
  return files_.info_of(node_);
}

Result<bool> MemoryFile::try_lock_exclusive() {
  const MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call({.kind = CallKind::lock, .path = path_});
  if (call.fault || options_.access != Access::read_write) {
    return Status::from_errno(call.fault ? call.fault->sys_errno : EBADF, sentence("lock"));
  }
  const auto [held, is_new] = files_.locks_.try_emplace(node_, this);
  return is_new || held->second == this;
}

Result<bool> MemoryFile::is_locked() {
  const MutexLock lock(files_.mutex_);
  const MemoryFileSystem::Call call = files_.begin_call({.kind = CallKind::lock, .path = path_});
  if (call.fault) {
    return Status::from_errno(call.fault->sys_errno, sentence("query the lock of"));
  }
  const auto held = files_.locks_.find(node_);
  return held != files_.locks_.end() && held->second != this;
}

}  // namespace kifa::io
