#include <signal.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// A daemon that runs: read beside it, left idle, stopped.
namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

// Until the daemon says in its STATUS that `count` records are durable.
void wait_for_durable(Process& daemon, const std::string& data, std::uint64_t count) {
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && stats.out.find("\"live\":true") != std::string::npos &&
           json_number(stats.out, "durable_lsn") >= count;
  }));
}

TEST_CASE("a query beside the writer shows a prefix that only grows", "[live][W29]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}));
  const std::uint64_t lines = kSmall ? 5'000 : 100'000;
  std::jthread feeder([&] {
    for (std::uint64_t first = 1; first <= lines; first += 100) {
      if (!daemon.write_input(generated_lines(first, first + 99))) {
        return;
      }
    }
  });
  wait_for_durable(daemon, data, 1);
  std::uint64_t shown = 0;
  std::uint64_t rounds = 0;
  while (shown < lines) {
    ++rounds;
    const std::uint64_t found = require_generated(query(data, "text"), 1);
    REQUIRE(found >= shown);
    REQUIRE(found <= stats_number(data, "durable_lsn"));
    shown = found;
  }
  feeder.join();
  INFO("rounds: " << rounds);
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

// CPU time and context switches of all threads: what moves when anything runs.
[[maybe_unused]] std::string activity(pid_t pid) {
  std::ostringstream text;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::istringstream status(read_file(task.path().string() + "/status"));
    for (std::string line; std::getline(status, line);) {
      if (line.find("ctxt_switches") != std::string::npos) {
        text << line << '\n';
      }
    }
    // Fields 14 and 15, counted behind the name, which may contain anything.
    const std::string stat = read_file(task.path().string() + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string field;
    for (int number = 3; number <= 15 && fields >> field; ++number) {
      if (number >= 14) {
        text << field << '\n';
      }
    }
  }
  return text.str();
}

[[maybe_unused]] std::uint64_t resident_kib(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  return std::stoull(status.substr(status.find("VmRSS:") + 6));
}

#ifndef KIFA_TEST_TSAN  // its own thread wakes all the time
TEST_CASE("an idle daemon uses no CPU and little memory", "[live]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  REQUIRE(daemon.write_input("a line\n"));
  wait_for_durable(daemon, data, 1);
  // Its watermark and the next segment are due within seconds; after them nothing may move for a
  // while. wait_until returns early only when the daemon ends.
  constexpr std::chrono::milliseconds kQuiet{2500};
  bool is_quiet = false;
  for (int attempt = 0; attempt < 4 && !is_quiet; ++attempt) {
    const std::string before = activity(daemon.pid());
    daemon.wait_until([] { return false; }, kQuiet);
    is_quiet = activity(daemon.pid()) == before;
  }
  CHECK(is_quiet);
  if (!kSmall) {  // sanitizers keep shadow memory
    CHECK(resident_kib(daemon.pid()) < 16 * 1024);
  }
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}
#endif

TEST_CASE("SIGTERM and SIGINT stop a daemon whose stdin is silent", "[live][W31]") {
  for (const int signal_number : {SIGTERM, SIGINT}) {
    const TemporaryDirectory directory;
    const std::string data = directory.file("data");
    Process daemon(kifa({"daemon", "--stdin", "-d", data}));
    // The last line has no end yet: it is a record all the same.
    REQUIRE(daemon.write_input("a line\nhalf a"));
    wait_for_durable(daemon, data, 1);
    const auto begin = Clock::now();
    daemon.kill(signal_number);
    const Ending ended = daemon.wait();
    INFO(ended.err);
    CHECK(ended.exit_code == (signal_number == SIGTERM ? 143 : 130));
    CHECK(Clock::now() - begin < std::chrono::seconds(kSmall ? 10 : 5));
    CHECK(ended.err.find("ingested 2 records, durable up to LSN 2\n") != std::string::npos);
    CHECK(payloads(data) == std::vector<std::string>{"a line", "half a"});
    CHECK(stats_json(data).find("\"clean\":true") != std::string::npos);
  }
}

TEST_CASE("what the pipe held at SIGTERM is stored", "[live][W20]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  wait_for_durable(daemon, data, 0);
  const std::uint64_t lines = 2'000;
  REQUIRE(daemon.write_input(generated_lines(1, lines)));  // all of it is in the pipe or read
  daemon.kill(SIGTERM);
  const Ending ended = daemon.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 143);
  CHECK(stats_number(data, "total_entries") == lines);
}

TEST_CASE("SIGUSR1 makes writing safer and SIGUSR2 faster, one step each", "[live][W40]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data, "--flush-mode", "normal"}));
  REQUIRE(daemon.write_input("a\n"));
  wait_for_durable(daemon, data, 1);
  const auto hears = [&daemon](const std::string& words) {
    return daemon.wait_until([&] { return daemon.err().find(words) != std::string::npos; });
  };
  daemon.kill(SIGUSR1);
  CHECK(hears("flush mode normal to cautious"));
  daemon.kill(SIGUSR1);
  CHECK(hears("flush mode cautious to emergency"));
  daemon.kill(SIGUSR1);
  CHECK(hears("the flush mode stays emergency: there is no safer one"));
  CHECK(run(kifa({"stats", "-d", data, "--json"})).out.find("\"flush_mode\":\"emergency\"") !=
        std::string::npos);
  daemon.kill(SIGUSR2);
  CHECK(hears("flush mode emergency to cautious"));
  REQUIRE(daemon.write_input("b\n"));
  daemon.close_input();
  const Ending ended = daemon.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 0);
  CHECK(payloads(data) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("SIGHUP changes nothing where there is no file to read again", "[live]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  REQUIRE(daemon.write_input("a\n"));
  wait_for_durable(daemon, data, 1);
  daemon.kill(SIGHUP);
  CHECK(daemon.wait_until([&] { return daemon.err().find("SIGHUP: ") != std::string::npos; }));
  REQUIRE(daemon.write_input("b\n"));
  daemon.close_input();
  const Ending ended = daemon.wait();
  CHECK(ended.exit_code == 0);
  CHECK(ended.err.find("there is no file to read") != std::string::npos);
  CHECK(payloads(data) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an interrupted query ends with 130 though nobody reads it", "[live]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 10'000));
  Process query(kifa({"query", "-d", data}));
  REQUIRE(query.wait_until([&] { return !query.out().empty(); }));
  query.kill(SIGINT);  // its write waits: the pipe is full
  CHECK(query.wait().exit_code == 130);
}

}  // namespace
}  // namespace kifa::test
