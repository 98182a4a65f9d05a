#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"

namespace kifa::cli {

// Takes the signals of a process that runs pipelines: blocked in every thread, waited for by one.
//
// SIGTERM and SIGINT ask once for an orderly stop; a SIGINT after that ends the process at once
// with 130. SIGUSR1 asks for safer writing, SIGUSR2 for faster, SIGHUP for the configuration to be
// read again.
//
// Threads: start() on the first thread, before others exist (they inherit the blocked signals); the
//          rest from any thread. The callbacks run on the waiting thread, or in on_stop's caller.
class Signals final {
 public:
  using Tell = std::function<void(const std::string& sentence)>;

  // From now on a SIGHUP waits for start() instead of ending the process: a configuration that is
  // being read may be asked for again already.
  static void hold_reload();

  // `tell` receives what is to be said about a signal.
  static Result<std::unique_ptr<Signals>> start(Tell tell);

  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();  // stops waiting; the signals stay blocked

  // Who is to be told to stop, at once if a signal has come already. Null: nobody any more, after
  // which a call that was under way has returned.
  void on_stop(std::function<void()> stop) KIFA_EXCLUDES(mutex_);
  // Who is to write more safely (1) or faster (-1). Null: nobody any more.
  void on_shift(std::function<void(int step)> shift) KIFA_EXCLUDES(mutex_);

  // Who is to read the configuration again, at once if a signal has come already. Null: nobody any
  // more.
  void on_reload(std::function<void()> reload) KIFA_EXCLUDES(mutex_);

  // The signal that asked to stop; 0: none.
  [[nodiscard]] int stop_signal() const { return stop_signal_.load(std::memory_order_relaxed); }

 private:
  Signals(int signal_descriptor, int end_descriptor, Tell tell);
  void wait_loop();
  void take(int signal_number) KIFA_EXCLUDES(mutex_);

  const int signal_descriptor_;  // signalfd
  const int end_descriptor_;     // eventfd: the destructor's word
  const Tell tell_;
  std::atomic<int> stop_signal_{0};  // a value of its own: relaxed is enough
  Mutex mutex_;
  std::function<void()> stop_ KIFA_GUARDED_BY(mutex_);
  std::function<void(int)> shift_ KIFA_GUARDED_BY(mutex_);
  std::function<void()> reload_ KIFA_GUARDED_BY(mutex_);
  bool reload_asked_ KIFA_GUARDED_BY(mutex_) = false;  // and nobody was there to hear it
  std::jthread thread_;
};

}  // namespace kifa::cli
