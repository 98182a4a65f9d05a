#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/observability/log.hpp"

namespace kifa::observability {

// Decides which repetitions of a message are written, and remembers how many were not.
//
// A window begins with the first message of its kind. When more than kLogTrackedMax kinds are
// watched the one whose window is oldest makes room; its count becomes due.
//
// Threads: confined (to the log's lock).
// Errors:  none.
class RepeatLimiter {
 public:
  struct Repeated {
    LogLevel level = LogLevel::info;
    std::string subject;
    std::string message;
    std::uint64_t suppressed = 0;
  };

  // Whether this message is to be written now.
  bool admit(LogLevel level, std::string_view subject, std::string_view message,
             std::int64_t now_mono_ns);
  // What was suppressed in windows that are over; each is given once.
  std::vector<Repeated> take_due(std::int64_t now_mono_ns);
  // The same for all windows, and forgets them.
  std::vector<Repeated> take_all();

 private:
  struct Window {
    Repeated repeated;
    std::size_t hash = 0;
    std::int64_t begin_mono_ns = 0;
    std::uint32_t written = 0;
  };
  void close(std::size_t index);

  std::vector<Window> windows_;  // in the order of their beginning
  std::vector<Repeated> due_;
};

}  // namespace kifa::observability
