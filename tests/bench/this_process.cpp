#include "tests/bench/this_process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace kifa::bench {

namespace {

double seconds_of(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The number behind `name` in a file of lines "name: number ...".
std::uint64_t number_in(const char* path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) {
      return std::stoull(line.substr(name.size()));
    }
  }
  return 0;
}

}  // namespace

double cpu_seconds() { return seconds_of(RUSAGE_SELF); }

double own_cpu_seconds() { return seconds_of(RUSAGE_THREAD); }

double cpu_seconds_of(std::string_view name) {
  double ticks = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string text;
    std::getline(std::ifstream(task.path() / "stat"), text);
    const std::size_t open = text.find('(');
    const std::size_t close = text.rfind(')');
    if (close == std::string::npos || text.substr(open + 1, close - open - 1) != name) {
      continue;
    }
    std::istringstream fields(text.substr(close + 2));  // from field 3 on
    std::string skipped;
    for (int i = 3; i < 14; ++i) {
      fields >> skipped;
    }
    double user = 0;
    double system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t peak_memory() { return number_in("/proc/self/status", "VmHWM:") * 1024; }

void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << 5; }

std::uint64_t resident_memory() { return number_in("/proc/self/status", "VmRSS:") * 1024; }

std::uint64_t bytes_to_disk() { return number_in("/proc/self/io", "write_bytes:"); }

}  // namespace kifa::bench
