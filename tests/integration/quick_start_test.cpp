#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::test {
namespace {

// One line of the quick start as a person types it, with `bin` first in PATH.
Ending type(const std::string& line, const std::string& bin, const std::string& directory) {
  Launch launch;
  launch.arguments = {"/bin/sh", "-c", line};
  launch.environment = {{"PATH", bin + ":/usr/bin:/bin"}, {"KIFA_PLUGIN_PATH", std::nullopt}};
  launch.working_directory = directory;
  return run(launch);
}

void follow_quick_start(const std::string& bin) {
  const TemporaryDirectory directory;
  std::filesystem::copy(kSourceDirectory + "/configs", directory.file("configs"),
                        std::filesystem::copy_options::recursive);
  const std::string record = R"({"txn":"TXN-001","amount":5000,"status":"completed"})";
  const Ending stored =
      type("echo '" + record + "' | kifa daemon --stdin -d ./data", bin, directory.path());
  INFO(stored.err);
  REQUIRE(stored.exit_code == 0);
  CHECK(stored.err.find("ingested 1 record, durable up to LSN 1\n") != std::string::npos);
  CHECK(stored.out.empty());

  const Ending text = type("kifa query -d ./data", bin, directory.path());
  INFO(text.err);
  REQUIRE(text.exit_code == 0);
  // [1] 2026-01-31 18:30:00.123 UTC {...}
  CHECK(text.out.starts_with("[1] 20"));
  CHECK(text.out.ends_with(" UTC " + record + "\n"));
  CHECK(text.out.size() ==
        std::string("[1] 2026-01-31 18:30:00.123 UTC \n").size() + record.size());

  const Ending json =
      type("kifa query -d ./data --format json --from-lsn 1 --to-lsn 10", bin, directory.path());
  REQUIRE(json.exit_code == 0);
  for (const char* member : {"\"lsn\":1", "\"timestamp\":", "\"timestamp_ms\":",
                             "\"timestamp_ns\":", "\"source\":", "\"data\":"}) {
    INFO(member);
    CHECK(json.out.find(member) != std::string::npos);
  }

  const Ending stats = type("kifa stats -d ./data", bin, directory.path());
  REQUIRE(stats.exit_code == 0);
  for (const char* name : {"Total entries: ", "Durable LSN: ", "Time range: ", "Gaps: ",
                           "Flush mode: ", "Segments: ", " bytes)"}) {
    INFO(name);
    CHECK(stats.out.find(name) != std::string::npos);
  }

  const Ending run_file = type("kifa run configs/minimal.yaml < /dev/null", bin, directory.path());
  INFO(run_file.err);
  CHECK(run_file.exit_code == 0);
  const Ending check = type("kifa check configs/minimal.yaml", bin, directory.path());
  INFO(check.err);
  CHECK(check.exit_code == 0);
  CHECK(check.out.starts_with("configs/minimal.yaml: ok"));
  const Ending plugins = type("kifa plugin list", bin, directory.path());
  CHECK(plugins.exit_code == 0);
  for (const char* component : {"stdin", "newline", "none", "kifa", "console", "text", "json"}) {
    INFO(component);
    CHECK(plugins.out.find(component) != std::string::npos);
  }
  CHECK(plugins.out.find("refused") == std::string::npos);
}

TEST_CASE("the quick start works from the build tree", "[quick-start]") {
  follow_quick_start(std::filesystem::path(kKifa).parent_path().string());
}

TEST_CASE("the quick start works from an install prefix", "[quick-start]") {
  const TemporaryDirectory prefix;
  Launch install;
  install.arguments = {kCmake, "--install", kBuildDirectory, "--prefix", prefix.path()};
  const Ending installed = run(install);
  INFO(installed.out << installed.err);
  REQUIRE(installed.exit_code == 0);
  follow_quick_start(prefix.file("bin"));
  Launch list;
  list.arguments = {prefix.file("bin/kifa"), "plugin", "list"};
  CHECK(run(list).out.find(prefix.file("lib/kifa/plugins/stdin.kifa.so")) != std::string::npos);
}

TEST_CASE("every line of a plugin's reference names type, default and sentence", "[cli]") {
  const Ending info = run_kifa({"plugin", "info", "newline"});
  INFO(info.err);
  REQUIRE(info.exit_code == 0);
  for (const char* option : {"strip_cr", "skip_empty", "record_bytes_max", "oversize"}) {
    INFO(option);
    CHECK(info.out.find(option) != std::string::npos);
  }
  require_refusal(run_kifa({"plugin", "info", "newlin"}), 78, "did you mean `newline`?");
  // JSON of both is read by a parser that is not ours.
  for (const auto& arguments : {std::vector<std::string>{"plugin", "list", "--json"},
                                std::vector<std::string>{"plugin", "info", "kifa", "--json"}}) {
    Launch parser;
    parser.arguments = {kPython, "-c", "import json,sys; assert len(json.load(sys.stdin)) >= 1"};
    const Ending parsed = run(parser, run_kifa(arguments).out);
    INFO(parsed.err);
    CHECK(parsed.exit_code == 0);
  }
}

}  // namespace
}  // namespace kifa::test
