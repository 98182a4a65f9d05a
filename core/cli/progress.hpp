#pragma once

#include <cstdint>
#include <string>

namespace kifa::cli {

// One line on stderr that says how far a long command is: on a terminal only, and only when a
// percent is new.
//
// Threads: confined.
class ProgressLine final {
 public:
  ProgressLine(std::string what, bool is_wanted);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { clear(); }

  void show(std::uint64_t done, std::uint64_t all);  // bytes
  // A bar, `done` of `all` long, and how many records there were so far.
  void show_records(std::uint64_t done, std::uint64_t all, std::uint64_t records);
  // Takes the line away, so that something else can be written.
  void clear();

 private:
  // Whether a new percent is to be drawn.
  bool is_news(std::uint64_t done, std::uint64_t all);
  void draw(const std::string& text);

  const std::string what_;
  const bool is_shown_;
  std::uint64_t percent_ = UINT64_MAX;
  std::size_t width_ = 0;
};

}  // namespace kifa::cli
