#pragma once

#include <condition_variable>
#include <mutex>

// Clang's -Wthread-safety attributes; nothing in other compilers.
#if defined(__clang__)
#define KIFA_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define KIFA_THREAD_ATTRIBUTE(x)
#endif

#define KIFA_CAPABILITY(x) KIFA_THREAD_ATTRIBUTE(capability(x))
#define KIFA_SCOPED_CAPABILITY KIFA_THREAD_ATTRIBUTE(scoped_lockable)
#define KIFA_GUARDED_BY(x) KIFA_THREAD_ATTRIBUTE(guarded_by(x))
#define KIFA_REQUIRES(...) KIFA_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define KIFA_EXCLUDES(...) KIFA_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define KIFA_ACQUIRE(...) KIFA_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define KIFA_RELEASE(...) KIFA_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define KIFA_NO_THREAD_SAFETY_ANALYSIS KIFA_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace kifa {

// std::mutex that clang's thread-safety analysis understands.
class KIFA_CAPABILITY("mutex") Mutex {
 public:
  void lock() KIFA_ACQUIRE() { mutex_.lock(); }
  void unlock() KIFA_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for a scope; may be released and taken again inside it. Works with
// std::condition_variable_any.
class KIFA_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) KIFA_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() KIFA_RELEASE() {
    if (held_) {
      mutex_.unlock();
    }
  }
  void lock() KIFA_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }
  void unlock() KIFA_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

}  // namespace kifa
