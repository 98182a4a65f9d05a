#include "core/observability/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <utility>
#include <vector>

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "core/base/text.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/observability/repeat_limiter.hpp"

namespace kifa::observability {
namespace {

constexpr int kWriteWaitMs = 100;  // for a non-blocking reader that is slow

// Puts every line into the descriptor with one write, or counts it as lost.
//
// Threads: guarded by the log's lock, hence no mutex of its own.
class DescriptorSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit DescriptorSink(int descriptor)
      : descriptor_(::fcntl(descriptor, F_GETFD) == -1 ? -1 : descriptor) {}

  [[nodiscard]] std::uint64_t lost_lines() const { return lost_lines_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (descriptor_ < 0) {
      ++lost_lines_;
      return;
    }
    spdlog::memory_buf_t line;
    if (is_torn_) {  // the end of an earlier line could not be written
      line.push_back('\n');
    }
    formatter_->format(message, line);
    put({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  void put(std::string_view line) {
    std::size_t written = 0;
    while (written < line.size()) {
      const ssize_t count = ::write(descriptor_, line.data() + written, line.size() - written);
      if (count > 0) {
        written += static_cast<std::size_t>(count);
      } else if (count < 0 && errno == EINTR) {
        continue;
      } else if (count == 0 || errno != EAGAIN || !wait_for_room()) {
        ++lost_lines_;
        break;
      }
    }
    is_torn_ = written == 0 ? is_torn_ : written < line.size();
  }
  [[nodiscard]] bool wait_for_room() const {
    pollfd entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    return ::poll(&entry, 1, kWriteWaitMs) == 1;
  }

  int descriptor_;
  bool is_torn_ = false;
  std::uint64_t lost_lines_ = 0;
};

// %k: "<4>", the priority that the journal reads off a line.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const char priority = message.level == spdlog::level::debug  ? '7'
                          : message.level == spdlog::level::info ? '6'
                          : message.level == spdlog::level::warn ? '4'
                                                                 : '3';
    out.push_back('<');
    out.push_back(priority);
    out.push_back('>');
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

// %q: "warn " in five columns.
class LevelFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const std::string_view word = message.level == spdlog::level::debug  ? "debug"
                                  : message.level == spdlog::level::info ? "info "
                                  : message.level == spdlog::level::warn ? "warn "
                                                                         : "error";
    out.append(word.data(), word.data() + word.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelFlag>();
  }
};

[[nodiscard]] const char* pattern_of(LogFormat format) {
  switch (format) {
    case LogFormat::journal:
      return "%k%v";
    case LogFormat::json:
      return R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
    case LogFormat::text:
      break;
  }
  return "%Y-%m-%dT%H:%M:%S.%eZ %q %v";
}

[[nodiscard]] std::unique_ptr<spdlog::formatter> formatter_for(LogFormat format) {
  spdlog::pattern_formatter::custom_flags flags;
  flags['k'] = std::make_unique<PriorityFlag>();
  flags['q'] = std::make_unique<LevelFlag>();
  return std::make_unique<spdlog::pattern_formatter>(
      pattern_of(format), spdlog::pattern_time_type::utc, "\n", std::move(flags));
}

[[nodiscard]] spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// segment=17, reason="No space left on device"
void append_field(const LogField& field, std::string& out) {
  const std::string value = printable(field.value, kLogMessageColumnsMax);
  out += ' ';
  out += field.key;
  out += '=';
  if (!value.empty() && value.find_first_of(" \"=") == std::string::npos) {
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"') {
      out += '\\';
    }
    out += c;
  }
  out += '"';
}

// One member of an object. Nothing but quotes and backslashes is left to escape after printable().
void append_member(std::string_view key, std::string_view text, std::size_t columns_max,
                   std::string& out) {
  out += out.empty() ? "\"" : ",\"";
  out += key;
  out += "\":\"";
  for (const char c : printable(text, columns_max)) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  out += '"';
}

[[nodiscard]] bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size();
}

const SystemClock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "unknown";
}

Result<LogLevel> log_level_from(std::string_view text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (text == to_string(level)) {
      return level;
    }
  }
  return Status(Code::invalid,
                "the log level is debug, info, warn or error, not " + backquoted(text));
}

LogFormat log_format_for(int descriptor, const char* journal_stream) {
  const std::string_view stream = journal_stream == nullptr ? "" : journal_stream;
  const std::size_t colon = stream.find(':');
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  struct stat status{};
  const bool is_journal =
      colon != std::string_view::npos && parse_number(stream.substr(0, colon), device) &&
      parse_number(stream.substr(colon + 1), inode) && ::fstat(descriptor, &status) == 0 &&
      status.st_dev == device && status.st_ino == inode;
  return is_journal ? LogFormat::journal : LogFormat::text;
}

LogOptions standard_log_options(LogLevel level) {
  LogOptions options;
  options.level = level;
  options.format = log_format_for(options.descriptor, std::getenv("JOURNAL_STREAM"));
  return options;
}

struct Log::Impl {
  explicit Impl(const LogOptions& options)
      : clock(options.clock != nullptr ? *options.clock : system_clock()),
        format(options.format),
        sink(std::make_shared<DescriptorSink>(options.descriptor)),
        logger("kifa", sink) {
    sink->set_formatter(formatter_for(options.format));
    logger.set_level(spdlog::level::trace);  // levels are decided before
    logger.set_error_handler([](const std::string& /*text*/) {});
  }

  void put(LogLevel level, std::string_view text) KIFA_REQUIRES(mutex) {
    const auto now = std::chrono::time_point_cast<spdlog::log_clock::duration>(
        std::chrono::time_point<spdlog::log_clock, std::chrono::nanoseconds>(
            std::chrono::nanoseconds(clock.now_unix_ns())));
    logger.log(now, spdlog::source_loc{}, spdlog_level(level),
               spdlog::string_view_t(text.data(), text.size()));
  }
  void put_repeated(const std::vector<RepeatLimiter::Repeated>& repeated) KIFA_REQUIRES(mutex) {
    for (const RepeatLimiter::Repeated& one : repeated) {
      const std::string times = "(repeated " + std::to_string(one.suppressed) + " more times)";
      put(one.level, format == LogFormat::json
                         ? members(one.level, one.subject, one.message + " " + times, {})
                         : head(one.subject, one.message) + " " + times);
    }
  }
  [[nodiscard]] static std::string head(std::string_view subject, std::string_view message) {
    std::string text;
    if (!subject.empty()) {
      text = printable(subject, kLogSubjectColumnsMax) + ": ";
    }
    text += printable(message, kLogMessageColumnsMax);
    return text;
  }

  // What stands behind the time of a JSON line.
  [[nodiscard]] static std::string members(LogLevel level, std::string_view subject,
                                           std::string_view message,
                                           std::initializer_list<LogField> fields) {
    std::string text;
    append_member("level", to_string(level), kLogSubjectColumnsMax, text);
    append_member("subject", subject, kLogSubjectColumnsMax, text);
    append_member("message", message, kLogMessageColumnsMax, text);
    for (const LogField& field : fields) {
      append_member(field.key, field.value, kLogMessageColumnsMax, text);
    }
    return text;
  }

  const Clock& clock;
  const LogFormat format;
  mutable Mutex mutex;
  RepeatLimiter limiter KIFA_GUARDED_BY(mutex);
  std::shared_ptr<DescriptorSink> sink KIFA_GUARDED_BY(mutex);
  spdlog::logger logger KIFA_GUARDED_BY(mutex);
};

Log::Log(const LogOptions& options)
    : level_(static_cast<int>(options.level)), impl_(std::make_unique<Impl>(options)) {}

Log::~Log() { flush(); }

void Log::write(LogLevel level, std::string_view subject, std::string_view message,
                std::initializer_list<LogField> fields) {
  if (!enabled(level)) {
    return;
  }
  const MutexLock lock(impl_->mutex);
  const std::int64_t now = impl_->clock.now_mono_ns();
  impl_->put_repeated(impl_->limiter.take_due(now));
  if (!impl_->limiter.admit(level, subject, message, now)) {
    return;
  }
  if (impl_->format == LogFormat::json) {
    impl_->put(level, Impl::members(level, subject, message, fields));
    return;
  }
  std::string text = Impl::head(subject, message);
  for (const LogField& field : fields) {
    append_field(field, text);
  }
  impl_->put(level, text);
}

void Log::flush() {
  const MutexLock lock(impl_->mutex);
  impl_->put_repeated(impl_->limiter.take_all());
}

std::uint64_t Log::lost_lines() const {
  const MutexLock lock(impl_->mutex);
  return impl_->sink->lost_lines();
}

}  // namespace kifa::observability
