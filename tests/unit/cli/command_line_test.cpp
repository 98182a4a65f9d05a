#include "core/cli/command_line.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

std::optional<std::string> empty_environment(std::string_view /*name*/) { return std::nullopt; }

Command parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, empty_environment);
}

TEST_CASE("a daemon's flags become its command", "[cli]") {
  for (const char* name : {"daemon", "ingest"}) {
    std::vector<std::string> words = {name,
                                      "--stdin",
                                      "--file",
                                      "a.log",
                                      "--file",
                                      "/b/*.log",
                                      "-d",
                                      "data",
                                      "--flush-mode",
                                      "normal",
                                      "--segment-size-mib=4",
                                      "--plugin-path",
                                      "/a",
                                      "--plugin-path",
                                      "/b"};
    for (const char* const more :
         {"--tcp", "127.0.0.1:0", "--tcp", "[::1]:0", "--udp", "127.0.0.1:0", "--udp", "unix:/a",
          "--serial", "/dev/ttyS0", "--serial", "/dev/ttyUSB0,38400"}) {
      words.emplace_back(more);
    }
    const Command command = parse(words);
    const auto& daemon = std::get<DaemonCommand>(command);
    CHECK(daemon.deployment.from_stdin.value);
    CHECK(daemon.deployment.files.value == std::vector<std::string>{"a.log", "/b/*.log"});
    CHECK(daemon.deployment.tcp_addresses.value ==
          std::vector<std::string>{"127.0.0.1:0", "[::1]:0"});
    CHECK(daemon.deployment.udp_addresses.value ==
          std::vector<std::string>{"127.0.0.1:0", "unix:/a"});
    CHECK(daemon.deployment.serial_devices.value ==
          std::vector<std::string>{"/dev/ttyS0", "/dev/ttyUSB0,38400"});
    CHECK(daemon.deployment.data_dir.value == "data");
    CHECK(daemon.deployment.flush_mode.value == "normal");
    CHECK(daemon.deployment.segment_size_mib.value == 4);
    CHECK(daemon.deployment.plugin_paths == std::vector<std::string>{"/a", "/b"});
    CHECK(daemon.run.log_level.value == "info");
    CHECK(daemon.run.stop_timeout_ns.value == 10'000'000'000);
  }
}

TEST_CASE("a stop has a time limit", "[cli]") {
  CHECK(std::get<RunCommand>(parse({"run", "f.yaml", "--stop-timeout", "1m30s"}))
            .run.stop_timeout_ns.value == 90'000'000'000);
  CHECK(std::get<Answer>(parse({"run", "f.yaml", "--stop-timeout", "2h"})).is_error);
  CHECK(std::get<Answer>(parse({"run", "f.yaml", "--stop-timeout", "soon"})).is_error);
}

TEST_CASE("the environment fills in what no flag says", "[cli]") {
  const config::Environment environment = [](std::string_view name) {
    return name == "KIFA_DATA_DIR" ? std::optional<std::string>("/from/environment") : std::nullopt;
  };
  CHECK(std::get<StatsCommand>(parse_command_line({"stats"}, environment)).data_dir ==
        "/from/environment");
  CHECK(std::get<StatsCommand>(parse_command_line({"stats", "-d", "x"}, environment)).data_dir ==
        "x");
}

TEST_CASE("verification and backup take their flags", "[cli]") {
  const auto verify = std::get<VerifyCommand>(
      parse({"verify", "-d", "data", "--anchor", "1:2:ab", "--json", "--quiet"}));
  CHECK(verify.data_dir == "data");
  CHECK(verify.anchor == "1:2:ab");
  CHECK(verify.json);
  CHECK(verify.quiet);
  CHECK_FALSE(verify.repair);
  CHECK(std::get<VerifyCommand>(parse({"verify", "-d", "data", "--repair"})).repair);
  CHECK(
      std::get<Answer>(parse({"verify", "-d", "data", "--repair", "--anchor", "1:2:ab"})).is_error);
  CHECK(std::get<Answer>(parse({"verify"})).is_error);
  const auto backup = std::get<BackupCommand>(parse({"backup", "-d", "data", "copy"}));
  CHECK(backup.data_dir == "data");
  CHECK(backup.target == "copy");
  CHECK(std::get<Answer>(parse({"backup", "-d", "data"})).is_error);
}

TEST_CASE("a query's flags are checked", "[cli]") {
  const Command command = parse({"query", "--data-dir=d", "-f", "json", "--from-lsn", "3",
                                 "--to-lsn", "9223372036854775807", "-l", "7", "--events"});
  const auto& query = std::get<QueryCommand>(command);
  CHECK(query.format == "json");
  CHECK(query.choice.from_lsn == 3);
  CHECK(query.choice.to_lsn == 9'223'372'036'854'775'807U);
  CHECK(query.choice.limit == 7);
  CHECK(query.events);
  const Command formatted =
      parse({"query", "-d", "d", "--format-option", "a=1", "--format-option", "b=x=y"});
  CHECK(std::get<QueryCommand>(formatted).format_options ==
        std::vector<std::string>{"a=1", "b=x=y"});
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"query", "-d", "d", "--from-lsn", "9223372036854775808"},
        {"query", "-d", "d", "--from-lsn", "1x"},
        {"query", "-d", "d", "--from-lsn", " 1"},
        {"query", "-d", "d", "--limit", "-1"},
        {"query", "-d", "d", "--events", "--format", "csv"},
        {"query", "-d", "d", "--format-option", "raw"},
        {"query", "-d", "d", "--format-option", "=true"},
        {"query", "-d", "d", "extra"}}) {
    const Command refused = parse(wrong);
    CHECK(std::get<Answer>(refused).is_error);
  }
}

TEST_CASE("a query's choice is read from its flags", "[cli]") {
  const auto query = std::get<QueryCommand>(parse({"query",
                                                   "-d",
                                                   "d",
                                                   "--from",
                                                   "2026-01-29T12:00:00Z",
                                                   "--to-time",
                                                   "2026-01-29 12:00",
                                                   "--source",
                                                   "till-1/app",
                                                   "--grep",
                                                   "^sale",
                                                   "--where",
                                                   "peer=10.0.0.7=x",
                                                   "--where",
                                                   "site=",
                                                   "--last",
                                                   "5",
                                                   "--reverse",
                                                   "--count",
                                                   "--color",
                                                   "never"}));
  CHECK(query.choice.min_unix_ns == 1'769'688'000'000'000'000);
  CHECK(query.choice.max_unix_ns == 1'769'688'059'999'999'999);
  CHECK(query.choice.pipeline == "till-1");
  CHECK(query.choice.source == "app");
  CHECK(query.choice.grep == "^sale");
  REQUIRE(query.choice.matches.size() == 2);
  CHECK(query.choice.matches[0].key == "peer");
  CHECK(query.choice.matches[0].value == "10.0.0.7=x");
  CHECK(query.choice.matches[1].key == "site");
  CHECK(query.choice.matches[1].value.empty());
  CHECK(query.choice.last == 5);
  CHECK(query.choice.is_reverse);
  CHECK(query.count);
  CHECK(query.color == Color::never);
  std::vector<std::string> many = {"query", "-d", "d"};
  for (int i = 0; i < 65; ++i) {
    many.insert(many.end(), {"--where", "a=b"});
  }
  CHECK(std::get<Answer>(parse(many)).text.find("--where may be given 64 times, not 65") !=
        std::string::npos);
}

TEST_CASE("a tail begins ten records before the end, or where it is told to", "[cli]") {
  const auto tail = std::get<TailCommand>(parse({"tail", "-d", "d"}));
  CHECK(tail.choice.last == 10);
  CHECK_FALSE(tail.follow);
  CHECK_FALSE(tail.is_only_new);
  const auto new_ones = std::get<TailCommand>(parse({"tail", "-f", "-d", "d", "-n", "0"}));
  CHECK(new_ones.follow);
  CHECK(new_ones.is_only_new);
  const auto from = std::get<TailCommand>(parse({"tail", "-d", "d", "--from-lsn", "4"}));
  CHECK(from.choice.last == 0);
  CHECK_FALSE(from.is_only_new);
  const auto both =
      std::get<TailCommand>(parse({"tail", "-d", "d", "--from", "1h", "-n", "3", "--events"}));
  CHECK(both.choice.last == 3);
  CHECK(both.events);
  CHECK(std::get<Answer>(parse({"tail", "-d", "d", "--events", "--format", "csv"})).is_error);
  CHECK(std::get<Answer>(parse({"tail", "-d", "d", "--to-lsn", "4"})).is_error);
}

TEST_CASE("a misspelt word is answered with the closest one", "[cli]") {
  CHECK(std::get<Answer>(parse({"qurey"})).text.find("did you mean `query`?") != std::string::npos);
  CHECK(std::get<Answer>(parse({"stats", "--jsn"})).text.find("did you mean `--json`?") !=
        std::string::npos);
  CHECK(std::get<Answer>(parse({"plugin", "lst"})).text.find("did you mean `list`?") !=
        std::string::npos);
}

TEST_CASE("help names every command", "[cli]") {
  const Command command = parse({"help"});
  const Answer& help = std::get<Answer>(command);
  CHECK_FALSE(help.is_error);
  for (const char* name :
       {"daemon", "run", "check", "query", "stats", "verify", "backup", "hold", "plugin", "help"}) {
    CHECK(help.text.find(name) != std::string::npos);
  }
}

}  // namespace
}  // namespace kifa::cli
