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

void ProgressLine::show(std::uint64_t done, std::uint64_t all) {
  const std::uint64_t percent =
      all == 0 ? 100 : std::min(done, all) / std::max<std::uint64_t>(all / 100, 1);
  if (!is_shown_ || std::min<std::uint64_t>(percent, 100) == percent_) {
    return;
  }
  percent_ = std::min<std::uint64_t>(percent, 100);
  const std::string text = fmt::format("{} {} %, {} of {}", what_, percent_, bytes_for_people(done),
                                       bytes_for_people(all));
  put(fmt::format("\r{:<{}}", text, width_));
  width_ = std::max(width_, text.size());
}

void ProgressLine::clear() {
  if (width_ != 0) {
    put(fmt::format("\r{:<{}}\r", "", width_));
    width_ = 0;
    percent_ = UINT64_MAX;
  }
}

}  // namespace kifa::cli
