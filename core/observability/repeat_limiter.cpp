#include "core/observability/repeat_limiter.hpp"

#include <functional>
#include <utility>

namespace kifa::observability {
namespace {

constexpr std::int64_t kWindowNs = std::chrono::nanoseconds(kLogRepeatWindow).count();

[[nodiscard]] std::size_t hash_of(LogLevel level, std::string_view subject,
                                  std::string_view message) {
  const std::hash<std::string_view> hash;
  return hash(subject) * 31 + hash(message) * 7 + static_cast<std::size_t>(level);
}

}  // namespace

void RepeatLimiter::close(std::size_t index) {
  Window& window = windows_[index];
  if (window.repeated.suppressed != 0) {
    due_.push_back(std::move(window.repeated));
  }
  windows_.erase(windows_.begin() + static_cast<std::ptrdiff_t>(index));
}

bool RepeatLimiter::admit(LogLevel level, std::string_view subject, std::string_view message,
                          std::int64_t now_mono_ns) {
  while (!windows_.empty() && now_mono_ns - windows_.front().begin_mono_ns >= kWindowNs) {
    close(0);
  }
  const std::size_t hash = hash_of(level, subject, message);
  for (Window& window : windows_) {
    const Repeated& known = window.repeated;
    if (window.hash != hash || known.level != level || known.subject != subject ||
        known.message != message) {
      continue;
    }
    if (window.written < kLogRepeatsMax) {
      ++window.written;
      return true;
    }
    ++window.repeated.suppressed;
    return false;
  }
  if (windows_.size() == kLogTrackedMax) {
    close(0);
  }
  windows_.push_back({.repeated = {.level = level,
                                   .subject = std::string(subject),
                                   .message = std::string(message),
                                   .suppressed = 0},
                      .hash = hash,
                      .begin_mono_ns = now_mono_ns,
                      .written = 1});
  return true;
}

std::vector<RepeatLimiter::Repeated> RepeatLimiter::take_due(std::int64_t now_mono_ns) {
  while (!windows_.empty() && now_mono_ns - windows_.front().begin_mono_ns >= kWindowNs) {
    close(0);
  }
  return std::exchange(due_, {});
}

std::vector<RepeatLimiter::Repeated> RepeatLimiter::take_all() {
  while (!windows_.empty()) {
    close(0);
  }
  return std::exchange(due_, {});
}

}  // namespace kifa::observability
