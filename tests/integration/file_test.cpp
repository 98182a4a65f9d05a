#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// What programs write into files while they are rotated and kifa is killed, and what of it is in
// the store afterwards.
namespace kifa::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLogPatience{20};

Ending run_program(std::vector<std::string> arguments) {
  Launch launch;
  launch.arguments = std::move(arguments);
  return run(launch);
}

// A folder with a log, and daemons that read it into a store.
class Log final {
 public:
  explicit Log(const std::string& pattern = "app.log") : pattern_(pattern) {
    fs::create_directory(directory_.file("logs"));
  }

  void start() {
    daemon_ = std::make_unique<Process>(kifa({"daemon", "--file", path(pattern_), "-d", data_}));
  }
  [[nodiscard]] bool is_running() const { return daemon_ != nullptr; }
  void kill() {
    daemon_->kill(SIGKILL);
    REQUIRE(daemon_->wait().signal == SIGKILL);
    daemon_.reset();
  }
  void stop() {
    daemon_->kill(SIGTERM);
    const Ending ended = daemon_->wait();
    INFO(ended.err);
    REQUIRE(ended.exit_code == 143);
    daemon_.reset();
  }
  void wait_for_durable(std::uint64_t count) {
    const bool durable =
        daemon_->wait_until([&] { return this->durable() >= count; }, kLogPatience);
    INFO(daemon_->err());
    INFO(durable_ << " of " << count);
    REQUIRE(durable);
  }
  std::uint64_t durable() {
    const Ending stats = run_kifa({"stats", "-d", data_, "--json"});
    durable_ = stats.exit_code == 0 ? json_number(stats.out, "durable_lsn") : 0;
    return durable_;
  }

  void append(const std::string& text) const {
    std::ofstream(path("app.log"), std::ios::app | std::ios::binary) << text;
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return directory_.file("logs/" + name);
  }
  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const TemporaryDirectory& directory() const { return directory_; }

 private:
  TemporaryDirectory directory_;
  std::string pattern_;
  std::string data_ = directory_.file("data");
  std::unique_ptr<Process> daemon_;
  std::uint64_t durable_ = 0;
};

TEST_CASE("a file is read while it is written, and where kifa was when it comes back",
          "[file][W13][W14][W15]") {
  Log log;
  log.append("first\nhalf a ");
  log.start();
  log.wait_for_durable(1);
  log.append("line\ncaf\xE9\n");
  log.wait_for_durable(3);
  log.append("written by a wr");
  log.kill();
  log.append("iter that went on\nand on\n");
  log.start();
  log.wait_for_durable(5);
  log.stop();
  const std::string json = query(log.data(), "json");
  CHECK(json.find("\"data\":\"half a line\"") != std::string::npos);
  CHECK(json.find("\"data_base64\":\"Y2Fm6Q==\"") != std::string::npos);
  CHECK(json.find("\"data\":\"written by a writer that went on\"") != std::string::npos);
  CHECK(json.find("\"path\":\"" + log.path("app.log") + "\"") != std::string::npos);
  CHECK(stats_number(log.data(), "total_entries") == 5);
}

TEST_CASE("records know where in their file they begin, when that is asked for", "[file]") {
  const TemporaryDirectory directory;
  write_file(directory.file("app.log"), "first\nsecond\n");
  write_file(directory.file("till.yaml"),
             "version: 1\nstore: { data_dir: data }\npipelines:\n  till:\n    sources:\n"
             "      app: { type: file, offset_attribute: true, include: [" +
                 directory.file("*.log") +
                 "] }\n"
                 "    sinks: { journal: { type: kifa } }\n");
  Process daemon(kifa({"run", directory.file("till.yaml")}));
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", directory.file("data"), "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 2;
  }));
  daemon.kill(SIGTERM);
  CHECK(daemon.wait().exit_code == 143);
  const std::string json = query(directory.file("data"), "json");
  CHECK(json.find("\"offset\":\"0\"") != std::string::npos);
  CHECK(json.find("\"offset\":\"6\"") != std::string::npos);
}

TEST_CASE("a path may be relative to where kifa is started", "[file]") {
  const TemporaryDirectory directory;
  write_file(directory.file("here.log"), "from here\n");
  Launch launch = kifa({"daemon", "--file", "./here.log", "-d", "data"});
  launch.working_directory = directory.path();
  Process daemon(launch);
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", directory.file("data"), "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 1;
  }));
  daemon.kill(SIGTERM);
  CHECK(daemon.wait().exit_code == 143);
  CHECK(payloads(directory.file("data")) == std::vector{"from here"s});
}

TEST_CASE("what was cut off before it was read is a gap in the store", "[file][W12]") {
  Log log;
  log.append("1\nunfinished");
  log.start();
  log.wait_for_durable(1);
  fs::resize_file(log.path("app.log"), 0);
  log.append("2\n");
  log.wait_for_durable(3);
  log.stop();
  const std::vector<std::string> stored = payloads(log.data());
  CHECK(std::ranges::count(stored, "unfinished"s) == 1);
  CHECK(std::ranges::count(stored, "2"s) == 1);
}

// Requires that the store has the lines 1..count, each once. (While files are renamed a hundred
// times a second, one is sometimes found after its successor.)
void require_lines(const Log& log, std::uint64_t count) {
  std::vector<std::string> stored = payloads(log.data());
  REQUIRE(stored.size() == count);
  std::ranges::sort(stored);
  for (std::uint64_t number = 1; number <= count; ++number) {
    if (stored[number - 1] != generated_line(number)) {
      FAIL("instead of line " << number << " there is " << stored[number - 1].substr(0, 20));
    }
  }
}

// ---- torture ----

std::uint64_t lines_of_this_run() {
  const char* given = std::getenv("KIFA_FILE_LINES");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : kSmall ? 500 : 2'000;
}
std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("KIFA_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

enum class Rotation : std::uint8_t { rename, copy_and_truncate, rename_and_compress };

// Writes lines 1..n into the log in pieces that end anywhere, rotates it some two hundred times or
// less, and kills the daemon now and then; some rotations happen while it is down.
class Torture final {
 public:
  Torture(Log& log, Rotation rotation, std::uint64_t seed)
      : log_(log), rotation_(rotation), random_(seed) {}

  void run(std::uint64_t count) {
    // Rotated files are its own from its first look on.
    log_.start();
    log_.append(generated_lines(1, 1));
    log_.wait_for_durable(1);
    const std::uint64_t piece_max = std::max<std::uint64_t>(100, count / 200);
    std::uint64_t next = 2;
    while (next <= count) {
      const std::uint64_t last = std::min(count, next + random_() % piece_max);
      write(generated_lines(next, last));
      next = last + 1;
      if (random_() % 8 != 0) {
        rotate();
      }
      if (!log_.is_running()) {
        if (random_() % 2 == 0) {
          log_.start();
        }
      } else if (random_() % 4 == 0) {
        log_.wait_for_durable(next / 2);
      } else if (random_() % 6 == 0) {
        log_.kill();
      }
    }
    if (!log_.is_running()) {
      log_.start();
    }
    log_.wait_for_durable(count);
    log_.stop();
  }

 private:
  void write(std::string_view text) {
    while (!text.empty()) {
      const std::size_t piece = std::min<std::size_t>(text.size(), 1 + random_() % 3000);
      log_.append(std::string(text.substr(0, piece)));
      text.remove_prefix(piece);
    }
  }

  void rotate() {
    const std::string live = log_.path("app.log");
    for (std::uint64_t number = rotated_; number > 0; --number) {
      for (const std::string ending : {"", ".gz"}) {
        const std::string from = live + "." + std::to_string(number) + ending;
        if (::access(from.c_str(), F_OK) == 0) {
          fs::rename(from, live + "." + std::to_string(number + 1) + ending);
        }
      }
    }
    ++rotated_;
    if (rotation_ == Rotation::copy_and_truncate) {
      fs::copy_file(live, live + ".1");
      fs::resize_file(live, 0);
      return;
    }
    fs::rename(live, live + ".1");
    if (rotation_ == Rotation::rename_and_compress && rotated_ > 1) {
      const Ending ended = run_program({"/usr/bin/gzip", live + ".2"});
      REQUIRE(ended.exit_code == 0);
    }
  }

  Log& log_;
  Rotation rotation_;
  std::mt19937_64 random_;
  std::uint64_t rotated_ = 0;
};

TEST_CASE("rotation and kill -9 lose nothing and double nothing", "[file][W11][W12][W14]") {
  const Rotation rotation =
      GENERATE(Rotation::rename, Rotation::copy_and_truncate, Rotation::rename_and_compress);
  const std::string pattern = rotation == Rotation::rename ? "app.log" : "app.log*";
  const std::uint64_t seed = seed_of_this_run();
  const std::uint64_t count = lines_of_this_run();
  INFO("KIFA_TEST_SEED=" << seed << ", rotation " << static_cast<int>(rotation) << ", " << pattern);
  Log log(pattern);
  Torture(log, rotation, seed).run(count);
  CHECK(stats_number(log.data(), "total_entries") == count);
  CHECK(stats_number(log.data(), "gaps") == 0);
  require_lines(log, count);
}

TEST_CASE("logrotate rotates, and nothing is lost or doubled", "[file][W11][W12]") {
  const std::string program = "/usr/sbin/logrotate";
  REQUIRE(::access(program.c_str(), X_OK) == 0);
  const std::string how = GENERATE("create\n  compress"s, "copytruncate"s);
  INFO(how);
  Log log;
  write_file(log.directory().file("rotate.conf"),
             log.path("app.log") + " {\n  rotate 50\n  " + how + "\n}\n");
  REQUIRE(::chmod(log.directory().file("rotate.conf").c_str(), 0644) == 0);
  log.start();
  log.append(generated_lines(1, 1));
  log.wait_for_durable(1);
  std::uint64_t next = 2;
  for (int round = 0; round < 6; ++round) {
    log.append(generated_lines(next, next + 49));
    next += 50;
    if (round == 2) {
      log.kill();
    }
    if (round == 4) {
      log.start();
      log.wait_for_durable(next - 1);
    }
    const Ending ended = run_program(
        {program, "-f", "-s", log.directory().file("state"), log.directory().file("rotate.conf")});
    INFO(ended.err);
    REQUIRE(ended.exit_code == 0);
  }
  log.append(generated_lines(next, next + 49));
  log.wait_for_durable(next + 49);
  log.stop();
  require_lines(log, next + 49);
}

}  // namespace
}  // namespace kifa::test
