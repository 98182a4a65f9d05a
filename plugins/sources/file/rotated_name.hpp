#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kifa::plugins::file_source {

// The file names of one folder that are read, and what others become when they are rotated:
// app.log turns into app.log.1, app.log-20261123, app.log.2026-11-23T10:00, app.log.old,
// app-20261123.log or app.1.log, each also with .gz behind it.
//
// Threads: confined.
class RotatedNames final {
 public:
  void add(const std::string& name);
  [[nodiscard]] bool contains(const std::string& name) const { return names_.contains(name); }

  // Which of the names `name` looks like a rotated one of; empty: none.
  [[nodiscard]] std::string rotated_from(std::string_view name) const;
  // Those that a copy of could be called `name`: it goes on behind the name, or behind the name
  // without its extension, with something that is neither letter nor digit.
  [[nodiscard]] std::vector<std::string> alike(std::string_view name) const;

 private:
  std::set<std::string, std::less<>> names_;
  std::map<std::string, std::vector<std::string>, std::less<>> by_stem_;  // app -> app.log
};

}  // namespace kifa::plugins::file_source
