#include "core/cli/messages.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace kifa::cli {
namespace {

using observability::LogFormat;
using observability::LogLevel;

LogFormat message_format = LogFormat::text;  // written once, before there are threads

void write_plainly(std::string_view text) {
  std::string line(text);
  if (line.empty() || line.back() != '\n') {
    line.push_back('\n');
  }
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return;  // nobody can be told that nobody can be told
    }
    rest.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
}

// A log line for each line of `text`.
void write_as_log(LogLevel level, std::string_view text) {
  constexpr std::string_view kSelf = "kifa: ";  // is the subject already
  observability::Log log({.level = LogLevel::debug, .format = message_format});
  if (text.starts_with(kSelf)) {
    text.remove_prefix(kSelf.size());
  }
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end != 0) {
      log.write(level, "kifa", text.substr(0, end));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace

void set_message_format(LogFormat format) { message_format = format; }

void complain(std::string_view sentence) {
  if (message_format == LogFormat::text) {
    write_plainly("kifa: " + std::string(sentence));
  } else {
    write_as_log(LogLevel::error, sentence);
  }
}

void complain_verbatim(std::string_view text) {
  if (message_format == LogFormat::text) {
    write_plainly(text);
  } else {
    write_as_log(LogLevel::error, text);
  }
}

void tell(std::string_view sentence) {
  if (message_format == LogFormat::text) {
    write_plainly(sentence);
  } else {
    write_as_log(LogLevel::info, sentence);
  }
}

}  // namespace kifa::cli
