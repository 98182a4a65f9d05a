#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

namespace kifa::test {
namespace {

TEST_CASE("version and help go to stdout with exit code 0", "[cli]") {
  const Ending version = run_kifa({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.starts_with("kifa 0."));
  CHECK(version.err.empty());
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"help"},
                                                    {"--help"},
                                                    {"-h"},
                                                    {"help", "query"},
                                                    {"query", "-h"},
                                                    {"tail", "-h"},
                                                    {"export", "-h"},
                                                    {"daemon", "--help"},
                                                    {"run", "-h"},
                                                    {"check", "-h"},
                                                    {"stats", "-h"},
                                                    {"plugin", "-h"},
                                                    {"plugin", "list", "-h"},
                                                    {"plugin", "info", "-h"},
                                                    {"ingest", "-h"}}) {
    const Ending help = run_kifa(arguments);
    INFO(arguments.back());
    CHECK(help.exit_code == 0);
    CHECK(help.out.find("Usage: kifa") != std::string::npos);
    CHECK(help.out.find("Example") != std::string::npos);
    CHECK(help.err.empty());
  }
}

TEST_CASE("a command line that makes no sense is exit code 64 with one sentence", "[cli]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const struct {
    std::vector<std::string> arguments;
    std::string words;
  } cases[] = {
      {{}, "no command given"},
      {{"qeury"}, "did you mean `query`?"},
      {{"plugin", "lst"}, "did you mean `list`?"},
      {{"query", "-d", data, "--fromat", "json"}, "did you mean `--format`?"},
      {{"query"}, "no data directory given: use -d DIR or set KIFA_DATA_DIR"},
      {{"query", "-d", data, "--from-lsn", "9", "--to-lsn", "3"},
       "--from-lsn 9 is after --to-lsn 3"},
      {{"query", "-d", data, "--from-lsn", "0"}, "--from-lsn takes a whole number from 1"},
      {{"query", "-d", data, "--format-option", "raw"},
       "--format-option takes NAME=VALUE, not `raw`"},
      {{"query", "-d", data, "--limit", "x"}, "--limit takes a whole number from 0"},
      {{"daemon", "-d", data},
       "no source given: name at least one with --stdin, --file, --tcp, --udp or --serial"},
      {{"daemon", "--stdin"}, "no data directory given"},
      {{"daemon", "--stdin", "-d", data, "--flush-mode", "fast"},
       "--flush-mode takes normal, cautious or emergency, not `fast`"},
      {{"daemon", "--stdin", "-d", data, "--segment-size-mib", "3"}, "takes a power of two"},
      {{"run"}, "FILE"},
      {{"check"}, "FILE"},
      {{"run", "a.yaml", "b.yaml"}, "unknown argument `b.yaml`"},
      {{"help", "qury"}, "did you mean `query`?"},
  };
  for (const auto& one : cases) {
    INFO(one.words);
    const Ending ending = run_kifa(one.arguments);
    require_refusal(ending, 64, one.words);
    CHECK(ending.err.starts_with("kifa: "));
    CHECK(ending.out.empty());
  }
}

TEST_CASE("a bad value in the environment is refused as a flag's would be", "[cli][W39]") {
  const TemporaryDirectory directory;
  Launch launch = kifa({"daemon", "--stdin"});
  launch.environment = {{"KIFA_DATA_DIR", directory.file("data")}, {"KIFA_FLUSH_MODE", "fast"}};
  require_refusal(run(launch), 64, "KIFA_FLUSH_MODE takes normal, cautious or emergency");
  launch.environment = {{"KIFA_DATA_DIR", directory.file("data")},
                        {"KIFA_SEGMENT_SIZE_MIB", "many"}};
  require_refusal(run(launch), 64, "KIFA_SEGMENT_SIZE_MIB takes a power of two");
}

TEST_CASE("the data directory may come from KIFA_DATA_DIR, and a flag wins", "[cli]") {
  const TemporaryDirectory directory;
  Launch launch = kifa({"daemon", "--stdin"});
  launch.environment.emplace_back("KIFA_DATA_DIR", directory.file("a"));
  REQUIRE(run(launch, "from the environment\n").exit_code == 0);
  launch.arguments.insert(launch.arguments.end(), {"-d", directory.file("b")});
  REQUIRE(run(launch, "from the flag\n").exit_code == 0);
  CHECK(payloads(directory.file("a")) == std::vector{"from the environment"s});
  CHECK(payloads(directory.file("b")) == std::vector{"from the flag"s});
}

TEST_CASE("output that stdout does not take is exit code 74", "[cli]") {
  const TemporaryDirectory directory;
  ingest(directory.file("data"), "a line\n");
  for (const char* command : {"query", "stats"}) {
    Launch launch = kifa({command, "-d", directory.file("data")});
    launch.output = Launch::Stream::file;
    launch.output_path = "/dev/full";
    require_refusal(run(launch), 74, "cannot write to stdout: No space left on device");
    launch.output = Launch::Stream::closed;
    require_refusal(run(launch), 74, "cannot write to stdout: Bad file descriptor");
  }
}

}  // namespace
}  // namespace kifa::test
