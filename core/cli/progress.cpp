#include "core/cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/cli/human.hpp"

namespace kifa::cli {
namespace {

void put(const std::string& text) {
  // Only a picture of the state: what a terminal does not take is not missed.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

ProgressLine::ProgressLine(std::string what, bool is_wanted)
    : what_(std::move(what)), is_shown_(is_wanted && ::isatty(STDERR_FILENO) == 1) {}

bool ProgressLine::is_news(std::uint64_t done, std::uint64_t all) {
  const std::uint64_t share =
      all == 0 ? 100 : std::min(done, all) / std::max<std::uint64_t>(all / 100, 1);
  const std::uint64_t percent = std::min<std::uint64_t>(share, 100);
  return is_shown_ && std::exchange(percent_, percent) != percent;
}

void ProgressLine::draw(const std::string& text) {
  put(fmt::format("\r{:<{}}", text, width_));
  width_ = std::max(width_, text.size());
}

void ProgressLine::show(std::uint64_t done, std::uint64_t all) {
  if (is_news(done, all)) {
    draw(fmt::format("{} {} %, {} of {}", what_, percent_, bytes_for_people(done),
                     bytes_for_people(all)));
  }
}

void ProgressLine::show_records(std::uint64_t done, std::uint64_t all, std::uint64_t records) {
  constexpr std::uint64_t kBarWidth = 25;
  if (is_news(done, all)) {
    const std::uint64_t filled = percent_ * kBarWidth / 100;
    draw(fmt::format("{} [{:#<{}}{:-<{}}] {} %, {}", what_, "", filled, "", kBarWidth - filled,
                     percent_, counted(records, "record")));
  }
}

void ProgressLine::clear() {
  if (width_ != 0) {
    put(fmt::format("\r{:<{}}\r", "", width_));
    width_ = 0;
    percent_ = UINT64_MAX;
  }
}

}  // namespace kifa::cli
