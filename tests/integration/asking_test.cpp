#include <signal.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/integration/rejecting_config.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/pseudo_terminal.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// What `kifa query` chooses, read by Python's JSON parser.
namespace kifa::test {
namespace {

// `script` with `input` on its stdin, as `lines`: every line of it as an object.
std::string python(const std::string& script, const std::string& input) {
  Launch launch;
  launch.arguments = {
      kPython, "-c",
      "import json, sys\nlines = [json.loads(line) for line in sys.stdin]\n" + script};
  const Ending ending = run(launch, input);
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  return ending.out;
}

// The LSNs of JSON output: "3 4 5".
std::string lsns(const std::string& json) {
  const std::string numbers = python("print(*[line['lsn'] for line in lines])", json);
  return numbers.substr(0, numbers.size() - 1);
}
std::string chosen(const std::string& data, const std::vector<std::string>& flags) {
  return lsns(query(data, "json", flags));
}

// Six records: three of "stdin", three of "file" with the attribute path.
std::string two_sources(const TemporaryDirectory& directory) {
  const std::string data = directory.file("data");
  ingest(data, "sale 1\nsale 2\nREFUND 3\n");
  write_file(directory.file("app.log"), "sale 4\nrefund 5\nsale 6\n");
  Process daemon(kifa({"daemon", "--file", directory.file("app.log"), "-d", data}));
  REQUIRE(daemon.wait_until([&] { return stats_number(data, "durable_lsn") == 6; }));
  daemon.kill(SIGTERM);
  REQUIRE(daemon.wait().exit_code == 143);
  return data;
}

TEST_CASE("records are chosen by number, origin, payload and attribute", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  CHECK(chosen(data, {}) == "1 2 3 4 5 6");
  CHECK(chosen(data, {"--from-lsn", "2", "--to-lsn", "4"}) == "2 3 4");
  CHECK(chosen(data, {"--source", "file"}) == "4 5 6");
  CHECK(chosen(data, {"--source", "daemon/file"}) == "4 5 6");
  CHECK(chosen(data, {"--source", "daemon/stdin"}) == "1 2 3");
  CHECK(chosen(data, {"--grep", "^refund"}) == "5");
  CHECK(chosen(data, {"--grep", "(?i)refund [0-9]$"}) == "3 5");
  const std::string path = "path=" + directory.file("app.log");
  CHECK(chosen(data, {"--where", path}) == "4 5 6");
  CHECK(chosen(data, {"--where", path, "--where", "kifa.source=file", "--grep", "sale"}) == "4 6");
  CHECK(chosen(data, {"--last", "2"}) == "5 6");
  CHECK(chosen(data, {"--reverse"}) == "6 5 4 3 2 1");
  CHECK(chosen(data, {"--reverse", "--limit", "2", "--grep", "sale"}) == "6 4");
  CHECK(chosen(data, {"--last", "3", "--limit", "1"}) == "4");
  CHECK(chosen(data, {"--limit", "0"}) == "1 2 3 4 5 6");
}

TEST_CASE("records are chosen by time, from now or from the calendar", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  CHECK(chosen(data, {"--from", "1h"}) == "1 2 3 4 5 6");
  CHECK(chosen(data, {"--from-time", "2026-01-01", "--to-time", "now"}) == "1 2 3 4 5 6");
  for (const auto& none : {std::vector{"--from"s, "2199-01-01"s}, {"--to", "1d"}}) {
    std::vector<std::string> arguments = {"query", "-d", data};
    arguments.insert(arguments.end(), none.begin(), none.end());
    const Ending ending = run_kifa(arguments);
    CHECK(ending.exit_code == 0);
    CHECK(ending.out.empty());
    CHECK(ending.err == "kifa: no records in this range; the last LSN of the store is 6\n");
  }
  // Every record is found by the time that it shows, to the nanosecond and to the second.
  const std::string json = query(data, "json");
  const std::string times = python("print(*[line['timestamp'] for line in lines])", json);
  const std::string third = times.substr(2 * 31, 30);
  CHECK(third.ends_with("Z"));
  CHECK(("  " + chosen(data, {"--from", third, "--to", third}) + " ").find(" 3 ") !=
        std::string::npos);
  CHECK((" " + chosen(data, {"--from", third.substr(0, 19), "--to", third.substr(0, 19)}) + " ")
            .find(" 3 ") != std::string::npos);
}

TEST_CASE("local times are those of TZ", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  Launch launch = kifa({"query", "-d", data, "--count", "--local", "--from",
                        python("import time\nprint(time.strftime('%Y-%m-%d %H:%M', "
                               "time.gmtime(time.time() + 5 * 3600 - 120)), end='')",
                               "")});
  launch.environment.emplace_back("TZ", "ABC-5");
  CHECK(run(launch).out == "6\n");
  launch.environment.back().second = "ABC-4";
  CHECK(run(launch).out == "0\n");
}

TEST_CASE("a count prints a number and nothing else", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  CHECK(run_kifa({"query", "-d", data, "--count"}).out == "6\n");
  CHECK(run_kifa({"query", "-d", data, "--count", "--grep", "sale"}).out == "4\n");
  CHECK(run_kifa({"query", "-d", data, "--count", "--last", "5", "--reverse"}).out == "5\n");
  const Ending none = run_kifa({"query", "-d", data, "--count", "--from-lsn", "7"});
  CHECK(none.out == "0\n");
  CHECK(none.err.empty());
  CHECK(none.exit_code == 0);
}

TEST_CASE("a choice that makes no sense is exit code 64 with one sentence", "[asking][W39]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  const struct {
    std::vector<std::string> flags;
    std::string words;
  } cases[] = {
      {{"--from", "yesterday"}, "--from-time: `yesterday` is no time; write how long ago"},
      {{"--to", "2026-02-30"}, "--to-time: there is no such day as in `2026-02-30`"},
      {{"--from", "30m", "--to", "1h"}, "--from-time 30m is after --to-time 1h: exchange them"},
      {{"--from-lsn", "9", "--to-lsn", "3"}, "--from-lsn 9 is after --to-lsn 3: exchange them"},
      {{"--utc", "--local"}, "--utc and --local contradict each other"},
      {{"--grep", "a("}, "--grep: `a(` is not a regular expression of RE2: missing ): a("},
      {{"--where", "site"}, "--where takes ATTRIBUTE=VALUE, such as peer=10.0.0.7, not `site`"},
      {{"--where", "=x"}, "--where takes ATTRIBUTE=VALUE"},
      {{"--last", "0"}, "--last takes a whole number from 1"},
      {{"--limit", "many"}, "--limit takes a whole number from 0"},
      {{"--events", "--reverse"}, "--events prints what happened between records, which --reverse"},
      {{"--events", "--count"}, "--events prints what happened between records, which --count"},
      {{"--color", "sometimes"}, "--color takes auto, always or never, not `sometimes`"},
  };
  for (const auto& one : cases) {
    std::vector<std::string> arguments = {"query", "-d", data};
    arguments.insert(arguments.end(), one.flags.begin(), one.flags.end());
    const Ending ending = run_kifa(arguments);
    require_refusal(ending, 64, one.words);
    CHECK(ending.out.empty());
  }
}

TEST_CASE("a whole query of many records is right when it is turned around", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::uint64_t lines = kSmall ? 5'000 : 45'000;  // 9 MB: more than is kept at once
  ingest(data, generated_lines(1, lines));
  const std::string script =
      "lines = lines[::-1]\n"
      "assert [line['lsn'] for line in lines] == list(range(1, len(lines) + 1))\n"
      "print(''.join(line['data'] + '\\n' for line in lines), end='')";
  CHECK(python(script, query(data, "json", {"--reverse"})) == generated_lines(1, lines));
  CHECK(require_generated(query(data, "text", {"--last", "1000"}), lines - 999) == 1000);
}

TEST_CASE("events have colours on a terminal only, or when asked for", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string config = write_rejecting_config(directory);
  REQUIRE(run_kifa({"run", config}, "a\n" + std::string(100, 'x') + "\nb\n").exit_code == 0);
  const std::vector<std::string> words = {"query", "-d", data, "--events"};
  const std::string plain = run_kifa(words).out;
  REQUIRE(plain.find("-- event") != std::string::npos);
  CHECK(plain.find('\x1b') == std::string::npos);
  std::vector<std::string> colored = words;
  colored.insert(colored.end(), {"--color", "always"});
  CHECK(run_kifa(colored).out.find("\x1b[31m-- event") != std::string::npos);
  SerialDevice terminal;
  Launch launch = kifa(words);
  launch.output = Launch::Stream::file;
  launch.output_path = terminal.path();
  CHECK(run(launch).exit_code == 0);
  CHECK(terminal.receive_now().find("\x1b[31m-- event") != std::string::npos);
  launch.environment.emplace_back("NO_COLOR", "1");
  CHECK(run(launch).exit_code == 0);
  const std::string uncolored = terminal.receive_now();
  CHECK(uncolored.find("-- event") != std::string::npos);
  CHECK(uncolored.find('\x1b') == std::string::npos);
}

TEST_CASE("a query's file appears when it is whole, and replaces what was there", "[asking]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  const std::string file = directory.file("sales.json");
  const std::vector<std::string> words = {"query", "-d",       data, "--format",
                                          "json",  "--output", file};
  for (int i = 0; i < 2; ++i) {
    const Ending ending = run_kifa(words);
    INFO(ending.err);
    CHECK(ending.exit_code == 0);
    CHECK(ending.out.empty());
    CHECK(lsns(read_file(file)) == "1 2 3 4 5 6");
    write_file(file, "older");
  }
  std::vector<std::string> failing = words;
  failing.insert(failing.end(), {"--format", "nonsense"});
  require_refusal(run_kifa(failing), 64, "--format");
  failing = {"query", "-d", data, "--format", "nonsense", "--output", file};
  require_refusal(run_kifa(failing), 78, "nonsense");
  CHECK(read_file(file) == "older");
  CHECK(run_kifa({"query", "-d", data, "-o", "/dev/null"}).exit_code == 0);
  require_refusal(run_kifa({"query", "-d", data, "-o", "/dev/full"}), 74,
                  "cannot write to /dev/full: No space left on device");
  require_refusal(run_kifa({"query", "-d", data, "-o", directory.path()}), 64, "names a folder");
  require_refusal(run_kifa({"query", "-d", data, "-o", file, "--count"}), 64, "leave out --output");
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    CHECK_FALSE(entry.path().filename().string().starts_with("."));
  }
}

TEST_CASE("every choice works on a copy that nobody may write, and changes nothing",
          "[asking][W30]") {
  const TemporaryDirectory directory;
  const std::string data = two_sources(directory);
  const std::string before = fingerprint(data);
  CHECK(chosen(data, {"--last", "2"}) == "5 6");
  CHECK(chosen(data, {"--reverse", "--from", "1h"}) == "6 5 4 3 2 1");
  CHECK(run_kifa({"query", "-d", data, "--count"}).out == "6\n");
  CHECK(fingerprint(data) == before);
  require_refusal(run_kifa({"query", "-d", directory.file("nowhere"), "--count"}), 69,
                  "there is no directory");
}

}  // namespace
}  // namespace kifa::test
