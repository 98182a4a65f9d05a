#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"
#include "core/io/memory_disk_model.hpp"
#include "core/io/memory_faults.hpp"
#include "core/io/memory_trace.hpp"

namespace kifa::io {

class MemoryFileSystem;

struct MemoryFileSystemOptions {
  bool accepts_direct = true;        // O_DIRECT
  bool accepts_durable_flag = true;  // RWF_DSYNC
  bool spoils_sectors = false;       // a power cut may leave garbage where it was writing
  std::uint64_t capacity_bytes = 0;  // for the files' pages; 0: unlimited
  FileSystemFacts facts = {
      .free_bytes = 1024_GiB, .total_bytes = 1024_GiB, .block_bytes = 4096, .type_name = "ext4"};
};

// Everything that happened to a file system since it was made, and what it was then.
struct Trace {
  MemoryFileSystemOptions options;
  std::shared_ptr<const DiskModel> base;
  std::vector<TraceEvent> events;
};

// A file system in memory whose disk can fail, be torn, be full, lose its power and be damaged. For
// tests.
//
// It behaves as a Linux file system does: permissions of the owner, locks of open files, alignment
// of direct I/O, removed files that stay while they are open. Calls are counted and can be made to
// fail; every change is recorded in a trace, from which crash_after() and kill_after() make the
// file systems that a crash after any event may leave (rules: DiskModel).
//
// Threads: all functions from any thread. Files must be closed before it is destroyed.
// Errors:  as the real file system, with the same sentences.
// Limits:  no symbolic links; one user; a path is taken from the root, with or without a first '/'.
class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(MemoryFileSystemOptions options = {});
  MemoryFileSystem(DiskModel disk, MemoryFileSystemOptions options);
  ~MemoryFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenOptions options) override;
  Status make_directory(const std::string& path, std::uint32_t mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status link(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<FileInfo> info(const std::string& path) override;
  Result<FileSystemFacts> facts(const std::string& path) override;

  void set_options(const MemoryFileSystemOptions& options) KIFA_EXCLUDES(mutex_);
  void set_capacity(std::uint64_t bytes) KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t used_space() const KIFA_EXCLUDES(mutex_);
  Status set_mode(const std::string& path, std::uint32_t mode) KIFA_EXCLUDES(mutex_);

  void add_fault(Fault fault) KIFA_EXCLUDES(mutex_);
  void clear_faults() KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t faults_fired() const KIFA_EXCLUDES(mutex_);
  // Calls so far, failed ones too: of files and of the file system.
  [[nodiscard]] std::uint64_t call_count() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t call_count(CallKind kind) const KIFA_EXCLUDES(mutex_);
  // Holds the first write or sync of a file from now on that matches.
  std::shared_ptr<CallGate> hold(CallGate::Predicate matches) KIFA_EXCLUDES(mutex_);

  // Puts a mark of the test's own into the trace; returns its index.
  std::size_t note(std::uint64_t kind, std::uint64_t value) KIFA_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t event_count() const KIFA_EXCLUDES(mutex_);
  // Returns when the trace holds an event that matches, which may have happened already.
  void wait_for_event(const std::function<bool(const TraceEvent&)>& matches) KIFA_EXCLUDES(mutex_);
  // Whether anything was written, resized, named or unnamed since the trace began; syncs change
  // nothing.
  [[nodiscard]] bool is_changed() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] Trace trace() const KIFA_EXCLUDES(mutex_);
  // Begins a new trace with things as they are now. No call may be running.
  void restart_trace() KIFA_EXCLUDES(mutex_);

  // What the disk holds changes by itself: bit `bit` (from the lowest of byte 0) of a file, or a
  // run of bytes inside it. Begins a new trace.
  Status flip_bit(const std::string& path, std::uint64_t bit);
  Status damage(const std::string& path, std::uint64_t offset, ByteView bytes)
      KIFA_EXCLUDES(mutex_);
  // All bytes of a file as the system sees them; counts as no call.
  Result<std::vector<std::byte>> content(const std::string& path) const KIFA_EXCLUDES(mutex_);

 private:
  friend class MemoryFile;
  struct Place {  // where a name is or would be
    NodeNumber directory = 0;
    std::string name;     // empty: the root itself
    NodeNumber node = 0;  // 0: nothing there
  };
  struct Call {
    CallInfo info;
    std::optional<Fault> fault;
  };

  // One call reaches the disk: counts it and asks the plan.
  Call begin_call(CallInfo info) KIFA_REQUIRES(mutex_);
  // Of a call that changes names or sizes: the failure before the change, or after it.
  Status fail_before(const Call& call, const std::string& what) KIFA_REQUIRES(mutex_);
  static Status fail_after(const Call& call, const std::string& what);
  std::shared_ptr<CallGate> gate_for(const Call& call) KIFA_REQUIRES(mutex_);
  std::size_t record(TraceEvent event) KIFA_REQUIRES(mutex_);
  Result<Place> find(const std::string& path, const std::string& what) const KIFA_REQUIRES(mutex_);
  Result<Place> find_existing(const std::string& path, const std::string& what) const
      KIFA_REQUIRES(mutex_);
  Status check_may_change(NodeNumber directory, const std::string& what) const
      KIFA_REQUIRES(mutex_);
  Status check_rename(const Place& from, const Place& to, const std::string& what) const
      KIFA_REQUIRES(mutex_);
  Status check_open(const Place& place, OpenOptions options, const std::string& what) const
      KIFA_REQUIRES(mutex_);
  FileInfo info_of(NodeNumber number) const KIFA_REQUIRES(mutex_);
  std::uint64_t used_bytes() const KIFA_REQUIRES(mutex_);

  mutable Mutex mutex_;
  MemoryFileSystemOptions options_ KIFA_GUARDED_BY(mutex_);
  DiskModel disk_ KIFA_GUARDED_BY(mutex_);
  std::shared_ptr<const DiskModel> base_ KIFA_GUARDED_BY(mutex_);
  std::vector<TraceEvent> events_ KIFA_GUARDED_BY(mutex_);
  std::condition_variable_any event_recorded_;
  std::uint64_t changes_ KIFA_GUARDED_BY(mutex_) = 0;
  FaultPlan faults_ KIFA_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<CallGate>> gates_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t calls_ KIFA_GUARDED_BY(mutex_) = 0;
  std::array<std::uint64_t, kCallKindCount> calls_of_kind_ KIFA_GUARDED_BY(mutex_) = {};
  std::map<NodeNumber, std::uint32_t> open_files_ KIFA_GUARDED_BY(mutex_);
  std::map<NodeNumber, const File*> locks_ KIFA_GUARDED_BY(mutex_);
};

using CrashImage = std::unique_ptr<MemoryFileSystem>;

// Walks over a trace and makes crash images at each place, without replaying from the start.
//
// Threads: confined.
class CrashPoints final {
 public:
  // Before the first event. `trace` must live as long.
  explicit CrashPoints(const Trace& trace) : trace_(trace), disk_(*trace.base) {}

  // Events passed so far; event passed() is the next.
  [[nodiscard]] std::size_t passed() const { return passed_; }
  [[nodiscard]] bool at_end() const { return passed_ == trace_.events.size(); }
  void advance();
  // Whether a power cut now leaves more than one possible disk.
  [[nodiscard]] bool has_choice() const { return disk_.has_uncertain(); }
  [[nodiscard]] CrashImage power_cut(std::uint64_t seed, std::uint64_t* choices = nullptr) const;
  [[nodiscard]] CrashImage kill(std::uint64_t seed) const;

 private:
  const Trace& trace_;
  DiskModel disk_;
  std::size_t passed_ = 0;
};

// The file system after a power cut, or a kill of the process, right after event `event_index`.
[[nodiscard]] CrashImage crash_after(const Trace& trace, std::size_t event_index,
                                     std::uint64_t seed);
[[nodiscard]] CrashImage kill_after(const Trace& trace, std::size_t event_index,
                                    std::uint64_t seed);

}  // namespace kifa::io
