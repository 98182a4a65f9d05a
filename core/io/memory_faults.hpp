#pragma once

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"

// Which calls of a disk in memory fail, and which wait. For tests.
namespace kifa::io {

enum class CallKind : std::uint8_t {
  open,
  write,
  read,
  sync_data,
  sync_all,
  resize,
  info,
  lock,
  make_directory,
  rename,
  link,
  remove,
  sync_directory,
  list,
  facts,
};
inline constexpr std::size_t kCallKindCount = 15;

[[nodiscard]] std::string_view to_string(CallKind kind);

// One call, as predicates see it.
struct CallInfo {
  CallKind kind = CallKind::open;
  std::uint64_t index = 0;       // among all calls, from 0
  std::uint64_t kind_index = 0;  // among the calls of its kind, from 0
  std::string path = {};         // as the file was opened
  std::uint64_t offset = 0;      // read, write
  std::uint64_t bytes = 0;       // read, write
  WriteMode mode = WriteMode::buffered;
};

enum class FaultEffect : std::uint8_t {
  fail,         // with sys_errno; nothing is changed. A sync loses what it should have covered
  fail_partly,  // with sys_errno, but a write's first half arrives, other changes happen, and what
                // a sync should have covered stays as uncertain as it was
  short_write,  // half of the blocks (or, of a single block, half of its sectors) arrive; no error
};

// Fails the `index`-th call that matches, counted from when the fault was added.
struct Fault {
  FaultEffect effect = FaultEffect::fail;
  int sys_errno = EIO;
  std::optional<CallKind> kind = {};  // empty: any (short_write: writes only)
  std::string path_contains = {};
  std::function<bool(const CallInfo&)> matches =
      {};  // empty: all; called under the file system's lock
  std::uint64_t index = 0;
  bool is_lasting = false;  // and all that follow
};

// The faults of one file system.
//
// Threads: confined; the file system's lock is around it.
class FaultPlan final {
 public:
  void add(Fault fault) { faults_.push_back({.fault = std::move(fault), .matches = 0}); }
  void clear() { faults_.clear(); }
  // Counts the call for every fault and returns the first that strikes.
  [[nodiscard]] std::optional<Fault> next(const CallInfo& call);
  [[nodiscard]] std::uint64_t fired() const { return fired_; }

 private:
  struct Armed {
    Fault fault;
    std::uint64_t matches = 0;
  };
  std::vector<Armed> faults_;
  std::uint64_t fired_ = 0;
};

// Holds the first matching write or sync inside its call, after it has begun and before any of it
// has taken effect, until the test releases it.
//
// Threads: any.
class CallGate final {
 public:
  using Predicate = std::function<bool(const CallInfo&)>;
  explicit CallGate(Predicate matches) : matches_(std::move(matches)) {}

  // Returns when a call is held.
  void wait_until_held() KIFA_EXCLUDES(mutex_);
  [[nodiscard]] bool is_held() KIFA_EXCLUDES(mutex_);
  // Lets it go on, or lets it pass when none has come yet.
  void release() KIFA_EXCLUDES(mutex_);

  // For the file system: takes the call if it is the one.
  [[nodiscard]] bool takes(const CallInfo& call) KIFA_EXCLUDES(mutex_);
  void hold() KIFA_EXCLUDES(mutex_);

 private:
  const Predicate matches_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool is_taken_ KIFA_GUARDED_BY(mutex_) = false;
  bool is_held_ KIFA_GUARDED_BY(mutex_) = false;
  bool is_released_ KIFA_GUARDED_BY(mutex_) = false;
};

}  // namespace kifa::io
