#pragma once

#include <memory>
#include <string>

#include "core/base/thread_annotations.hpp"
#include "core/pipeline/runner.hpp"

namespace kifa::pipeline {

// The log function of a run, shared with threads that may outlive the run: after close() nothing is
// passed on any more.
//
// Threads: any.
class Log final {
 public:
  Log(LogFunction function, LogLevel level) : function_(std::move(function)), level_(level) {}

  void write(LogLevel level, const std::string& subject, const std::string& message);
  [[nodiscard]] LogLevel level() const { return level_; }
  void close();

 private:
  Mutex mutex_;  // one message at a time, and none after close()
  LogFunction function_ KIFA_GUARDED_BY(mutex_);
  const LogLevel level_;
};

// A Log with a fixed subject ("till-1/printer").
class Logger final {
 public:
  Logger(std::shared_ptr<Log> log, std::string subject)
      : log_(std::move(log)), subject_(std::move(subject)) {}
  void debug(const std::string& message) const { write(LogLevel::debug, message); }
  void info(const std::string& message) const { write(LogLevel::info, message); }
  void warn(const std::string& message) const { write(LogLevel::warn, message); }
  void error(const std::string& message) const { write(LogLevel::error, message); }
  void write(LogLevel level, const std::string& message) const {
    log_->write(level, subject_, message);
  }
  [[nodiscard]] const std::string& subject() const { return subject_; }

 private:
  std::shared_ptr<Log> log_;
  std::string subject_;
};

}  // namespace kifa::pipeline
