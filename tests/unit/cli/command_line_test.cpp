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
    CHECK(daemon.from_stdin);
    CHECK(daemon.files == std::vector<std::string>{"a.log", "/b/*.log"});
    CHECK(daemon.tcp_addresses == std::vector<std::string>{"127.0.0.1:0", "[::1]:0"});
    CHECK(daemon.udp_addresses == std::vector<std::string>{"127.0.0.1:0", "unix:/a"});
    CHECK(daemon.serial_devices == std::vector<std::string>{"/dev/ttyS0", "/dev/ttyUSB0,38400"});
    CHECK(daemon.data_dir == "data");
    CHECK(daemon.flush_mode == "normal");
    CHECK(daemon.segment_size_mib == 4);
    CHECK(daemon.plugin_paths == std::vector<std::string>{"/a", "/b"});
    CHECK(daemon.run.log_level == "info");
    CHECK(daemon.run.stop_timeout_ns == 10'000'000'000);
  }
}

TEST_CASE("a stop has a time limit", "[cli]") {
  CHECK(std::get<RunCommand>(parse({"run", "f.yaml", "--stop-timeout", "1m30s"}))
            .run.stop_timeout_ns == 90'000'000'000);
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
  CHECK(query.from_lsn == 3);
  CHECK(query.to_lsn == 9'223'372'036'854'775'807U);
  CHECK(query.limit == 7);
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
       {"daemon", "run", "check", "query", "stats", "verify", "backup", "plugin", "help"}) {
    CHECK(help.text.find(name) != std::string::npos);
  }
}

}  // namespace
}  // namespace kifa::cli
