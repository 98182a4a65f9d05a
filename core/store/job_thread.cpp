#include "core/store/job_thread.hpp"

#include <pthread.h>

#include <utility>

#include "core/base/assert.hpp"

namespace kifa::store {

JobThread::JobThread(const char* name)
    : thread_([this](const std::stop_token& stop) { run(stop); }) {
  ::pthread_setname_np(thread_.native_handle(), name);
}

JobThread::~JobThread() = default;

void JobThread::start(std::function<void()> job) {
  {
    const MutexLock lock(mutex_);
    KIFA_ASSERT(!is_busy_);
    job_ = std::move(job);
    is_busy_ = true;
  }
  changed_.notify_all();
}

void JobThread::wait() {
  const MutexLock lock(mutex_);
  while (is_busy_) {
    changed_.wait(mutex_);
  }
}

void JobThread::run(const std::stop_token& stop) {
  const auto has_job = [this]() KIFA_NO_THREAD_SAFETY_ANALYSIS { return is_busy_; };
  mutex_.lock();
  while (changed_.wait(mutex_, stop, has_job)) {
    const std::function<void()> job = std::exchange(job_, nullptr);
    mutex_.unlock();
    job();
    mutex_.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
  mutex_.unlock();
}

}  // namespace kifa::store
