#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"
#include "core/store/store.hpp"

namespace kifa::plugins::kifa_sink {

// What a sink's host is told by a store; stays valid until the store is closed, also when the
// sink itself is gone.
//
// Threads: guarded.
class StoreUser final {
 public:
  StoreUser(sdk::Host host, store::StoreOptions options)
      : name_(host.instance_name()), options_(std::move(options)), host_(host) {}

  void settle(std::uint64_t ticket, const store::Receipt& receipt) KIFA_EXCLUDES(mutex_);
  // Returns false when the sink is gone.
  bool log(store::Severity severity, const std::string& message) KIFA_EXCLUDES(mutex_);
  // After this its host is not called any more.
  void detach() KIFA_EXCLUDES(mutex_);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const store::StoreOptions& options() const { return options_; }

 private:
  const std::string name_;
  const store::StoreOptions options_;
  Mutex mutex_;
  sdk::Host host_ KIFA_GUARDED_BY(mutex_);
  bool is_attached_ KIFA_GUARDED_BY(mutex_) = true;
  bool told_failure_ KIFA_GUARDED_BY(mutex_) = false;
  std::string last_error_ KIFA_GUARDED_BY(mutex_);  // that the store has said through it
};

// An open store and the sinks of this process that write to it. Made and released by StorePool.
class SharedStore final {
 public:
  // Valid while a user holds it.
  [[nodiscard]] store::Store& store() { return *store_; }

  // The flush mode one step safer (1) or faster (-1); nothing at either end, or when another sink
  // has brought the same request. Steps up return after all that was accepted is durable.
  Status shift_mode(std::int32_t step, std::uint64_t request) KIFA_EXCLUDES(shift_mutex_, mutex_);

 private:
  friend class StorePool;

  void report(store::Severity severity, const std::string& message) KIFA_EXCLUDES(mutex_);
  // What the store says: the same warning at most once in kWarnAgainNs.
  void hear(store::Severity severity, const std::string& message, std::int64_t now_mono_ns)
      KIFA_EXCLUDES(mutex_);

  io::FileId id_;
  std::size_t attached_ = 0;  // of StorePool, under its mutex
  Mutex mutex_;
  // Those that are gone stay in the list: callbacks of the store may still name them.
  std::vector<std::unique_ptr<StoreUser>> users_ KIFA_GUARDED_BY(mutex_);
  std::string warned_ KIFA_GUARDED_BY(mutex_);
  std::int64_t warned_at_ns_ KIFA_GUARDED_BY(mutex_) = 0;
  Mutex shift_mutex_;
  std::uint64_t last_shift_ KIFA_GUARDED_BY(shift_mutex_) = 0;
  std::unique_ptr<store::Store> store_;  // last: closed before the users go
};

// The open stores of this process: one for each directory (device and inode), whatever name it is
// called by, shared by all sinks that name it.
//
// Threads: guarded; opening and closing hold the lock.
// Errors:  those of Store::open; invalid when a second user wants the store opened otherwise than
//          it is: the sentence names both.
class StorePool final {
 public:
  using Opener = Result<std::unique_ptr<store::Store>> (*)(store::StoreOptions,
                                                           store::StoreEnvironment);
  StorePool(Opener opener, io::FileSystem& files, const Clock& clock)
      : opener_(opener), files_(files), clock_(clock) {}

  struct Lease {
    SharedStore* store = nullptr;
    StoreUser* user = nullptr;
  };
  Result<Lease> acquire(sdk::Host host, const store::StoreOptions& options) KIFA_EXCLUDES(mutex_);
  // The last user's release closes the store; its failure is returned. Nothing of the lease may be
  // used afterwards.
  Status release(Lease lease) KIFA_EXCLUDES(mutex_);

 private:
  Result<Lease> open(sdk::Host host, const store::StoreOptions& options) KIFA_REQUIRES(mutex_);
  Result<Lease> join(SharedStore& shared, sdk::Host host, const store::StoreOptions& options)
      KIFA_REQUIRES(mutex_);

  const Opener opener_;
  io::FileSystem& files_;
  const Clock& clock_;
  Mutex mutex_;
  std::vector<std::unique_ptr<SharedStore>> stores_ KIFA_GUARDED_BY(mutex_);
};

// The pool of this process, on the real file system.
[[nodiscard]] StorePool& process_stores();

// How a store's failure looks to the host.
[[nodiscard]] kifa_status code_of(Code code);
[[nodiscard]] sdk::Status to_sdk(const Status& status);

}  // namespace kifa::plugins::kifa_sink
