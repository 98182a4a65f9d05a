#include <signal.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/integration/rejecting_config.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// `kifa tail`: the end of a store, and what comes, from a process of its own.
namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

bool waits_for(Process& process, const std::string& words) {
  return process.wait_until([&] { return process.out().find(words) != std::string::npos; });
}

void wait_for_durable(Process& daemon, const std::string& data, std::uint64_t count) {
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") >= count;
  }));
}

std::string numbers(const std::string& text) {
  std::string found;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    found += text.substr(at, text.find(']', at) + 1 - at);
  }
  return found;
}

TEST_CASE("tail prints the last records, ten or as many as are asked for", "[tail]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 30));
  CHECK(require_generated(run_kifa({"tail", "-d", data}).out, 21) == 10);
  CHECK(require_generated(run_kifa({"tail", "-d", data, "-n", "3"}).out, 28) == 3);
  CHECK(require_generated(run_kifa({"tail", "-d", data, "-n", "100"}).out, 1) == 30);
  CHECK(run_kifa({"tail", "-d", data, "-n", "0"}).out.empty());
  CHECK(require_generated(run_kifa({"tail", "-d", data, "--from-lsn", "5"}).out, 5) == 26);
  CHECK(numbers(run_kifa({"tail", "-d", data, "-n", "2", "--grep", "TXN-0000000.5"}).out) ==
        "[15][25]");
  CHECK(numbers(run_kifa({"tail", "-d", data, "--from", "1h", "--limit", "2"}).out) == "[1][2]");
  require_refusal(run_kifa({"tail", "-d", directory.file("nowhere"), "-f"}), 69,
                  "there is no directory");
}

TEST_CASE("tail shows a record soon after it is durable", "[tail][W29]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  REQUIRE(daemon.write_input("first\n"));
  wait_for_durable(daemon, data, 1);
  Process tail(kifa({"tail", "-f", "-d", data}));
  REQUIRE(waits_for(tail, "first\n"));
  std::vector<Clock::duration> times;
  for (int i = 0; i < 20; ++i) {
    const std::string line = "record " + std::to_string(i) + " of twenty\n";
    const auto begin = Clock::now();
    REQUIRE(daemon.write_input(line));
    REQUIRE(waits_for(tail, line));
    times.push_back(Clock::now() - begin);
  }
  std::sort(times.begin(), times.end());
  // Written, committed, seen and printed. The machine may be busy; most must be quick all the same.
  INFO("median "
       << std::chrono::duration_cast<std::chrono::microseconds>(times[times.size() / 2]).count()
       << " us");
  CHECK(times[times.size() / 2] < std::chrono::milliseconds(kSmall ? 2000 : 100));
  tail.kill(SIGINT);
  CHECK(tail.wait().exit_code == 130);
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

TEST_CASE("tail loses and repeats nothing while a daemon writes, is killed and comes back",
          "[tail][W29]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::uint64_t lines = kSmall ? 3'000 : 30'000;
  ingest(data, generated_lines(1, 1));
  Process tail(kifa({"tail", "-f", "-d", data, "--from-lsn", "1"}));
  REQUIRE(waits_for(tail, "[1] "));
  {
    Process daemon(kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}));
    REQUIRE(daemon.feed(generated_lines(2, lines)));
    wait_for_durable(daemon, data, lines);
    daemon.kill(SIGKILL);
    CHECK(daemon.wait().signal == SIGKILL);
  }
  ingest(data, generated_lines(lines + 1, lines + 100));
  REQUIRE(waits_for(tail, "[" + std::to_string(lines + 100) + "] "));
  tail.kill(SIGTERM);
  const Ending ended = tail.wait();
  CHECK(ended.exit_code == 143);
  CHECK(require_generated(ended.out, 1) == lines + 100);
}

TEST_CASE("tail shows each event once, also those behind the last record", "[tail]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string config = write_rejecting_config(directory);
  const std::string refused = std::string(100, 'x') + "\n";
  REQUIRE(run_kifa({"run", config}, "a\n" + refused).exit_code == 0);
  Process all(kifa({"tail", "-f", "-d", data, "--events"}));
  REQUIRE(waits_for(all, "-- event 1 "));
  Process new_ones(kifa({"tail", "-f", "-d", data, "--events", "-n", "1", "--from-lsn", "2"}));
  REQUIRE(waits_for(new_ones, "-- event 1 "));  // it belongs to what follows it too
  REQUIRE(run_kifa({"run", config}, refused + "b\n" + refused + "c\n").exit_code == 0);
  for (Process* const tail : {&all, &new_ones}) {
    REQUIRE(waits_for(*tail, " c\n"));
    tail->kill(SIGTERM);
    const std::string out = tail->wait().out;
    for (const char* const once : {"-- event 1 ", "-- event 2 ", "-- event 3 ", " b\n", " c\n"}) {
      INFO(once << " in\n" << out);
      CHECK(out.find(once) != std::string::npos);
      CHECK(out.find(once) == out.rfind(once));
    }
  }
}

TEST_CASE("tail ends at its limit, and when nobody reads it any more", "[tail][W43]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 5));
  Process limited(kifa({"tail", "-f", "-d", data, "-n", "1", "--limit", "3"}));
  REQUIRE(waits_for(limited, "[5] "));
  Process unread(kifa({"tail", "-f", "-d", data, "-n", "1"}));
  REQUIRE(waits_for(unread, "[5] "));
  unread.close_output();  // nothing comes: it must notice by itself
  CHECK(unread.wait().exit_code == 0);
  Process choosy(kifa({"tail", "-f", "-d", data, "-n", "2", "--grep", "TXN-00000000[46]"}));
  REQUIRE(waits_for(choosy, "[4] "));
  ingest(data, generated_lines(6, 9));
  REQUIRE(waits_for(choosy, "[6] "));
  choosy.kill(SIGTERM);
  CHECK(numbers(choosy.wait().out) == "[4][6]");
  const Ending ended = limited.wait();
  CHECK(ended.exit_code == 0);
  CHECK(require_generated(ended.out, 5) == 3);
}

}  // namespace
}  // namespace kifa::test
