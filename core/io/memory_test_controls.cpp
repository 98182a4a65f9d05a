#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/assert.hpp"
#include "core/io/memory_file_system.hpp"

// What a test does to a MemoryFileSystem from outside, and its crashes.
namespace kifa::io {

void MemoryFileSystem::set_options(const MemoryFileSystemOptions& options) {
  const MutexLock lock(mutex_);
  options_ = options;
}

void MemoryFileSystem::set_capacity(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  options_.capacity_bytes = bytes;
}

std::uint64_t MemoryFileSystem::used_space() const {
  const MutexLock lock(mutex_);
  return used_bytes();
}

Status MemoryFileSystem::set_mode(const std::string& path, std::uint32_t mode) {
  const MutexLock lock(mutex_);
  const Result<Place> place = find_existing(path, "cannot change the mode of " + path);
  if (!place) {
    return place.error();
  }
  disk_.node(place->node).mode = mode;
  return {};
}

void MemoryFileSystem::add_fault(Fault fault) {
  const MutexLock lock(mutex_);
  faults_.add(std::move(fault));
}

void MemoryFileSystem::clear_faults() {
  const MutexLock lock(mutex_);
  faults_.clear();
}

std::uint64_t MemoryFileSystem::faults_fired() const {
  const MutexLock lock(mutex_);
  return faults_.fired();
}

std::uint64_t MemoryFileSystem::call_count() const {
  const MutexLock lock(mutex_);
  return calls_;
}

std::uint64_t MemoryFileSystem::call_count(CallKind kind) const {
  const MutexLock lock(mutex_);
  return calls_of_kind_.at(static_cast<std::size_t>(kind));
}

std::shared_ptr<CallGate> MemoryFileSystem::hold(CallGate::Predicate matches) {
  const MutexLock lock(mutex_);
  gates_.push_back(std::make_shared<CallGate>(std::move(matches)));
  return gates_.back();
}

std::size_t MemoryFileSystem::note(std::uint64_t kind, std::uint64_t value) {
  const MutexLock lock(mutex_);
  return record({.kind = TraceKind::note, .note_kind = kind, .note_value = value});
}

std::size_t MemoryFileSystem::event_count() const {
  const MutexLock lock(mutex_);
  return events_.size();
}

void MemoryFileSystem::wait_for_event(const std::function<bool(const TraceEvent&)>& matches) {
  MutexLock lock(mutex_);
  std::size_t seen = 0;
  for (;;) {
    for (; seen < events_.size(); ++seen) {
      if (matches(events_[seen])) {
        return;
      }
    }
    event_recorded_.wait(lock);
  }
}

bool MemoryFileSystem::is_changed() const {
  const MutexLock lock(mutex_);
  return changes_ != 0;
}

Trace MemoryFileSystem::trace() const {
  const MutexLock lock(mutex_);
  return {.options = options_, .base = base_, .events = events_};
}

void MemoryFileSystem::restart_trace() {
  const MutexLock lock(mutex_);
  base_ = std::make_shared<const DiskModel>(disk_);
  events_.clear();
  changes_ = 0;
}

Status MemoryFileSystem::flip_bit(const std::string& path, std::uint64_t bit) {
  Result<std::vector<std::byte>> bytes = content(path);
  if (!bytes) {
    return bytes.error();
  }
  const std::uint64_t offset = bit / 8;
  if (offset >= bytes->size()) {
    return Status::from_errno(EINVAL, "cannot flip a bit beyond the end of " + path);
  }
  const std::byte flipped = (*bytes)[static_cast<std::size_t>(offset)] ^ std::byte{1} << (bit % 8);
  return damage(path, offset, {&flipped, 1});
}

Status MemoryFileSystem::damage(const std::string& path, std::uint64_t offset, ByteView bytes) {
  {
    const MutexLock lock(mutex_);
    const std::string what = "cannot damage " + path;
    const Result<Place> place = find_existing(path, what);
    if (!place) {
      return place.error();
    }
    DiskNode& node = disk_.node(place->node);
    const std::uint64_t size = node.cache.size();
    if (offset > size || bytes.size() > size - offset) {
      return Status::from_errno(EINVAL, what);
    }
    const Extent extent(offset, bytes);
    node.cache.write(extent);
    node.settled.write(extent);
    if (node.disk) {
      node.disk->write(extent);
    }
  }
  restart_trace();
  return {};
}

Result<std::vector<std::byte>> MemoryFileSystem::content(const std::string& path) const {
  const MutexLock lock(mutex_);
  const Result<Place> place = find_existing(path, "cannot read " + path);
  if (!place) {
    return place.error();
  }
  const Content& cache = disk_.node(place->node).cache;
  std::vector<std::byte> bytes(static_cast<std::size_t>(cache.size()));
  const std::size_t count = cache.read(bytes, 0);
  KIFA_ASSERT(count == bytes.size());
  return bytes;
}

void CrashPoints::advance() {
  KIFA_ASSERT(!at_end());
  disk_.apply(trace_.events[passed_]);
  ++passed_;
}

CrashImage CrashPoints::power_cut(std::uint64_t seed, std::uint64_t* choices) const {
  return std::make_unique<MemoryFileSystem>(
      disk_.after_power_cut(seed, trace_.options.spoils_sectors, choices), trace_.options);
}

CrashImage CrashPoints::kill(std::uint64_t seed) const {
  return std::make_unique<MemoryFileSystem>(disk_.after_kill(seed), trace_.options);
}

namespace {

CrashPoints points_after(const Trace& trace, std::size_t event_index) {
  KIFA_ASSERT(event_index < trace.events.size());
  CrashPoints points(trace);
  while (points.passed() <= event_index) {
    points.advance();
  }
  return points;
}

}  // namespace

CrashImage crash_after(const Trace& trace, std::size_t event_index, std::uint64_t seed) {
  return points_after(trace, event_index).power_cut(seed);
}

CrashImage kill_after(const Trace& trace, std::size_t event_index, std::uint64_t seed) {
  return points_after(trace, event_index).kill(seed);
}

}  // namespace kifa::io
