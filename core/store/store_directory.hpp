#pragma once

#include <memory>
#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// The directory of a store, and the lock by which one writer owns it.
//
// Threads: confined; check_lock from any thread.
class StoreDirectory final {
 public:
  StoreDirectory() = default;

  // Makes the directory (0700) and its parents if they are not there, durably, and takes the lock.
  // Warns about file systems that cannot keep the promise and refuses network ones unless allowed.
  static Result<StoreDirectory> open(const std::string& path, bool allow_network,
                                     const StoreEnvironment& environment);

  // Whether the lock file is still the one that was locked: a directory that was replaced under a
  // running writer is no place to write.
  [[nodiscard]] Status check_lock() const;
  void unlock() { lock_.reset(); }

 private:
  std::string path_;
  io::FileSystem* files_ = nullptr;
  std::unique_ptr<io::File> lock_;
  io::FileId lock_id_;
};

}  // namespace kifa::store
