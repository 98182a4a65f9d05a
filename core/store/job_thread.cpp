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
    KIFA_ASSERT(!job_);
    job_ = std::move(job);
  }
  changed_.notify_all();
}

void JobThread::wait() {
  const MutexLock lock(mutex_);
  while (job_) {
    changed_.wait(mutex_);
  }
}

void JobThread::run(const std::stop_token& stop) {
  const auto has_job = [this]() KIFA_NO_THREAD_SAFETY_ANALYSIS { return bool{job_}; };
  mutex_.lock();
  while (changed_.wait(mutex_, stop, has_job)) {
    const std::function<void()>& job = job_;  // nobody else changes it before it is done
    mutex_.unlock();
    job();
    mutex_.lock();
    job_ = nullptr;
    changed_.notify_all();
  }
  mutex_.unlock();
}

}  // namespace kifa::store
