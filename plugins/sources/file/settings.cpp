#include "plugins/sources/file/settings.hpp"

#include <fnmatch.h>

#include <algorithm>

namespace kifa::plugins::file_source {

namespace {

constexpr std::size_t kListMax = 256;  // patterns of one list

sdk::Status read_pattern(const char* option, const std::string& text,
                         std::vector<Pattern>& patterns) {
  const sdk::Status read = Pattern::read(text, patterns.emplace_back());
  return read.failed() ? sdk::Status::invalid(std::string(option) + ": " + read.message()) : read;
}

}  // namespace

bool FileSettings::excludes(const std::string& path) const {
  const std::string name = name_of(path);
  return std::ranges::any_of(exclude, [&](const Pattern& one) { return one.matches(path); }) ||
         std::ranges::any_of(exclude_names, [&](const std::string& one) {
           return ::fnmatch(one.c_str(), name.c_str(), 0) == 0;
         });
}

bool FileSettings::includes(const std::string& path) const {
  return std::ranges::any_of(include, [&](const Pattern& one) { return one.matches(path); }) &&
         !excludes(path);
}

sdk::Status read_settings(const sdk::Settings& settings, FileSettings& read) {
  const std::vector<std::string> include = settings.list("include");
  if (include.empty() || include.size() > kListMax) {
    return sdk::Status::invalid("include: name 1 to " + std::to_string(kListMax) +
                                " files or patterns, for example /var/log/pos/*.log");
  }
  read.include.clear();
  for (const std::string& text : include) {
    if (sdk::Status status = read_pattern("include", text, read.include); status.failed()) {
      return status;
    }
  }
  read.exclude.clear();
  read.exclude_names.clear();
  if (settings.has("exclude")) {
    const std::vector<std::string> exclude = settings.list("exclude");
    if (exclude.size() > kListMax) {
      return sdk::Status::invalid("exclude: at most " + std::to_string(kListMax) + " patterns");
    }
    for (const std::string& text : exclude) {
      if (text.find('/') == std::string::npos) {
        read.exclude_names.push_back(text);
      } else if (sdk::Status status = read_pattern("exclude", text, read.exclude);
                 status.failed()) {
        return status;
      }
    }
  }
  read.from_end = settings.text("read_from") == "end";
  read.polls = settings.text("discovery") == "poll";
  read.poll_interval_ns = settings.duration_ns("poll_interval");
  read.close_after_ns = settings.duration_ns("close_after");
  read.forget_after_ns = settings.duration_ns("forget_after");
  read.files_max = static_cast<std::size_t>(settings.integer("max_files"));
  read.offset_attribute = settings.boolean("offset_attribute");
  read.open_files_max = static_cast<std::size_t>(settings.integer("max_open_files"));
  return {};
}

}  // namespace kifa::plugins::file_source
