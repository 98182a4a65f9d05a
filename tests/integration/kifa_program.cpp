#include "tests/integration/kifa_program.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "core/base/crc32c.hpp"
#include "tests/integration/generated_lines.hpp"
#include "tests/support/catch.hpp"

namespace kifa::test {

std::string program_under_test() {
  const char* delivery = std::getenv("KIFA_TEST_DELIVERY");
  return delivery == nullptr ? KIFA_TEST_PROGRAM : delivery;
}

Launch kifa(std::vector<std::string> arguments) {
  Launch launch;
  launch.arguments = std::move(arguments);
  launch.arguments.insert(launch.arguments.begin(), kKifa);
  for (const char* variable :
       {"KIFA_DATA_DIR", "KIFA_FLUSH_MODE", "KIFA_SEGMENT_SIZE_MIB", "KIFA_LOG", "KIFA_PLUGIN_PATH",
        "KIFA_MEMTABLE_FLUSH_THRESHOLD_MIB", "KIFA_COMPACTION_THRESHOLD", "KIFA_COMPACTION_ENABLED",
        "KIFA_CHANNEL_CAPACITY", "KIFA_STDIN", "KIFA_FILES", "KIFA_TCP", "KIFA_UDP",
        "KIFA_SERIAL"}) {
    launch.environment.emplace_back(variable, std::nullopt);
  }
  return launch;
}

Ending run_kifa(std::vector<std::string> arguments, std::string_view input) {
  return run(kifa(std::move(arguments)), input);
}

Ending run_kifa_for_another_user(std::vector<std::string> arguments) {
  Launch launch = kifa(std::move(arguments));
  launch.environment.emplace_back("ASAN_OPTIONS", "detect_leaks=0");
  return run(launch);
}

void ingest(const std::string& directory, std::string_view input,
            const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"daemon", "--stdin", "-d", directory};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Ending ending = run_kifa(std::move(arguments), input);
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  REQUIRE(ending.out.empty());
}

std::string query(const std::string& directory, const std::string& format,
                  const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"query", "-d", directory, "--format", format};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Ending ending = run_kifa(std::move(arguments));
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  return std::move(ending.out);
}

std::string stats_json(const std::string& directory) {
  Ending ending = run_kifa({"stats", "-d", directory, "--json"});
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  return std::move(ending.out);
}

std::uint64_t json_number(std::string_view json, std::string_view key) {
  const std::string member = "\"" + std::string(key) + "\":";
  const std::size_t found = json.find(member);
  std::uint64_t number = 0;
  if (found == std::string_view::npos ||
      std::from_chars(json.data() + found + member.size(), json.data() + json.size(), number).ec !=
          std::errc()) {
    throw std::runtime_error("no number " + member + " in " + std::string(json));
  }
  return number;
}

std::uint64_t stats_number(const std::string& directory, std::string_view key) {
  return json_number(stats_json(directory), key);
}

std::vector<std::string> payloads(const std::string& directory,
                                  const std::vector<std::string>& more) {
  std::istringstream lines(query(directory, "text", more));
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    // [LSN] DATE TIME UTC PAYLOAD
    const std::size_t zone = line.find(" UTC ");
    if (!line.starts_with("[") || zone == std::string::npos) {
      FAIL("not a line of text output: " << line);
    }
    found.push_back(line.substr(zone + 5));
  }
  return found;
}

std::uint64_t require_generated(std::string_view text, std::uint64_t first) {
  std::uint64_t number = first;
  for (; !text.empty(); ++number) {
    // "[LSN] DATE TIME UTC PAYLOAD"; compared without a test assertion a line: there are millions.
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    const std::string want = generated_line(number);
    if (end == std::string_view::npos || !line.starts_with("[" + std::to_string(number) + "] ") ||
        !line.ends_with(" UTC " + want)) {
      FAIL("instead of line " << number << " there is: " << line);
    }
    text.remove_prefix(end + 1);
  }
  return number - first;
}

std::string fingerprint(const std::string& directory) {
  std::vector<std::string> entries;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat info = {};
    REQUIRE(lstat(entry.path().c_str(), &info) == 0);
    std::ostringstream text;
    text << entry.path().string() << ' ' << info.st_ino << ' ' << std::oct << info.st_mode
         << std::dec << ' ' << info.st_size << ' ' << info.st_mtim.tv_sec << '.'
         << info.st_mtim.tv_nsec;
    if (entry.is_regular_file() && !entry.is_symlink()) {
      text << ' ' << crc32c(0, as_byte_view(read_file(entry.path().string())));
    }
    entries.push_back(text.str());
  }
  struct stat info = {};
  REQUIRE(stat(directory.c_str(), &info) == 0);
  entries.push_back(std::to_string(info.st_mtim.tv_sec) + "." +
                    std::to_string(info.st_mtim.tv_nsec));
  std::sort(entries.begin(), entries.end());
  std::string joined;
  for (const std::string& entry : entries) {
    joined += entry + "\n";
  }
  return joined;
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  REQUIRE(file.good());
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

void require_refusal(const Ending& ending, int exit_code, std::string_view words) {
  INFO("exit code " << ending.exit_code << ", signal " << ending.signal);
  INFO("stderr: " << ending.err);
  REQUIRE(ending.exit_code == exit_code);
  REQUIRE(ending.err.find(words) != std::string::npos);
  REQUIRE(ending.err.back() == '\n');
}

}  // namespace kifa::test
