#include "core/pipeline/log.hpp"

namespace kifa::pipeline {

void Log::write(LogLevel level, const std::string& subject, const std::string& message) {
  if (level < level_) {
    return;
  }
  const MutexLock lock(mutex_);
  if (function_) {
    function_(level, subject, message);
  }
}

void Log::close() {
  const MutexLock lock(mutex_);
  function_ = nullptr;
}

}  // namespace kifa::pipeline
