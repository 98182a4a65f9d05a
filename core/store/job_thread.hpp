#pragma once

#include <condition_variable>
#include <functional>
#include <thread>

#include "core/base/thread_annotations.hpp"

namespace kifa::store {

// Does one job while its user does another: reads the next piece of the log, hashes the last one.
//
// Threads: confined to its user; it has one thread of its own.
class JobThread final {
 public:
  explicit JobThread(const char* name);  // at most 15 characters
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;
  ~JobThread();  // after wait()

  // One job at a time: wait() comes before the next one. What the job refers to is used until then.
  void start(std::function<void()> job);
  // Returns when the job is done, at once if there is none.
  void wait();

 private:
  void run(const std::stop_token& stop);

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::function<void()> job_ KIFA_GUARDED_BY(mutex_);
  bool is_busy_ KIFA_GUARDED_BY(mutex_) = false;  // from start() until the job is done
  std::jthread thread_;
};

}  // namespace kifa::store
