#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/status.hpp"

namespace kifa::observability {

inline constexpr std::size_t kLogMessageColumnsMax = 2000;
inline constexpr std::size_t kLogSubjectColumnsMax = 200;
inline constexpr std::uint32_t kLogRepeatsMax = 10;  // of one message in one window
inline constexpr std::chrono::seconds kLogRepeatWindow{10};
inline constexpr std::size_t kLogTrackedMax = 256;  // different messages watched at a time

// info: lifecycle; warn: degraded but running; error: an operator must act. The numbers are those
// of the plugin ABI.
enum class LogLevel : int { debug = 1, info = 2, warn = 3, error = 4 };
[[nodiscard]] std::string_view to_string(LogLevel level);
// "debug", "info", "warn" or "error", as for --log-level.
[[nodiscard]] Result<LogLevel> log_level_from(std::string_view text);

enum class LogFormat : std::uint8_t {
  text,     // 2026-01-31T18:30:00.123Z warn  till-1/printer: the port is gone
  journal,  // <4>till-1/printer: the port is gone (systemd's journal adds the time itself)
  // {"time":"2026-01-31T18:30:00.123Z","level":"warn","subject":"till-1/printer","message":"the
  // port is gone"}; fields follow as further members with the names of the fields
  json,
};
// `journal` when `descriptor` is the stream that systemd made: `journal_stream` is the value of
// JOURNAL_STREAM, null when it is not set.
[[nodiscard]] LogFormat log_format_for(int descriptor, const char* journal_stream);

// A fact behind the sentence: {"segment", "17"} is written segment=17.
struct LogField {
  std::string_view key;
  std::string value;
};

struct LogOptions {
  LogLevel level = LogLevel::info;
  int descriptor = 2;  // borrowed
  LogFormat format = LogFormat::text;
  const Clock* clock = nullptr;  // null: the system's
};
// What a host process uses: standard error, in the format that suits what it is connected to.
[[nodiscard]] LogOptions standard_log_options(LogLevel level);

// Writes what host and components say to standard error: one line a message, in one write each.
//
// A message is a subject ("till-1/printer") and one sentence; never put payloads into it. Control
// characters and bytes that are not UTF-8 are escaped, so that nobody can forge a line; at most
// kLogMessageColumnsMax columns are kept. The same subject and message at the same level is written
// kLogRepeatsMax times in kLogRepeatWindow; further ones are counted, and the count is written once
// the window is over, with the next message of any kind or by flush().
//
// When the descriptor is not open at construction nothing is ever written, so that a file which
// gets the number later is safe. A line that nobody takes within 100 ms is dropped and counted
// (where the descriptor is non-blocking). A closed pipe raises SIGPIPE unless the process ignores
// it, as the host does.
//
// Threads: all functions from any thread; a line is never torn by another.
// Errors:  none; lost_lines() counts what could not be written.
class Log {
 public:
  explicit Log(const LogOptions& options);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();  // flushes

  void write(LogLevel level, std::string_view subject, std::string_view message,
             std::initializer_list<LogField> fields = {});
  void debug(std::string_view subject, std::string_view message,
             std::initializer_list<LogField> fields = {}) {
    write(LogLevel::debug, subject, message, fields);
  }
  void info(std::string_view subject, std::string_view message,
            std::initializer_list<LogField> fields = {}) {
    write(LogLevel::info, subject, message, fields);
  }
  void warn(std::string_view subject, std::string_view message,
            std::initializer_list<LogField> fields = {}) {
    write(LogLevel::warn, subject, message, fields);
  }
  void error(std::string_view subject, std::string_view message,
             std::initializer_list<LogField> fields = {}) {
    write(LogLevel::error, subject, message, fields);
  }

  // Whether messages of `level` are kept: ask before composing a costly one.
  [[nodiscard]] bool enabled(LogLevel level) const {
    return static_cast<int>(level) >= level_.load(std::memory_order_relaxed);
  }
  // Relaxed: a message more or less around the change does not matter.
  void set_level(LogLevel level) {
    level_.store(static_cast<int>(level), std::memory_order_relaxed);
  }
  [[nodiscard]] LogLevel level() const {
    return static_cast<LogLevel>(level_.load(std::memory_order_relaxed));
  }

  // Writes the counts of repeated messages that are still held back.
  void flush();
  [[nodiscard]] std::uint64_t lost_lines() const;

 private:
  struct Impl;
  std::atomic<int> level_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kifa::observability
