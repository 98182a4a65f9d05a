#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// What the formatters print, read by parsers that kifa has no part in.
namespace kifa::test {
namespace {

std::string records() {
  const char* given = std::getenv("KIFA_FORMAT_RECORDS");
  return given != nullptr ? given : (kSmall ? "300" : "3000");
}

std::string seed() {
  const char* given = std::getenv("KIFA_TEST_SEED");
  return given != nullptr ? given : std::to_string(std::random_device{}());
}

// Stores payloads of one kind and compares what every format gives back.
void check_formats(const std::string& kind) {
  const std::string used = seed();
  INFO("seed " << used);
  Launch launch;
  launch.arguments = {kPython,
                      kSourceDirectory + "/tests/integration/check_formats.py",
                      kKifa,
                      kBuildDirectory + "/bin/gen-transactions",
                      kSourceDirectory + "/tests/data/receipts",
                      kind,
                      records(),
                      used};
  launch.environment = kifa({}).environment;
  const Ending checked = run(launch);
  INFO(checked.err);
  REQUIRE(checked.exit_code == 0);
  CHECK(checked.out == records() + " records of " + kind + ", 9 ways\n");
}

TEST_CASE("random bytes come back from every format", "[formats][W10]") { check_formats("bytes"); }

TEST_CASE("JSON transactions come back from every format", "[formats][W24]") {
  check_formats("transactions");
}

TEST_CASE("JSON that is nearly right is embedded exactly when it is right", "[formats]") {
  check_formats("spoiled");
}

TEST_CASE("receipts come back from every format", "[formats][W25]") { check_formats("receipts"); }

TEST_CASE("a dump is what hexdump prints", "[formats]") {
  const TemporaryDirectory directory;
  const std::string receipt = kSourceDirectory + "/tests/data/receipts/receipt.bin";
  write_file(directory.file("whole.yaml"),
             "version: 1\n"
             "store: { data_dir: data }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources: { in: { type: stdin, framing: { type: none, silence: 10s } } }\n"
             "    sinks: { journal: { type: kifa } }\n");
  const Ending stored = run_kifa({"run", directory.file("whole.yaml")}, read_file(receipt));
  INFO(stored.err);
  REQUIRE(stored.exit_code == 0);
  std::string dump = query(directory.file("data"), "hex", {"--format-option", "layout=dump"});
  Launch hexdump;
  hexdump.arguments = {"/usr/bin/hexdump", "-Cv", receipt};
  const Ending expected = run(hexdump);
  REQUIRE(expected.exit_code == 0);
  CHECK(dump.substr(dump.find('\n') + 1) == expected.out);
}

TEST_CASE("a sink writes CSV with a header and with its own options", "[formats]") {
  const TemporaryDirectory directory;
  write_file(
      directory.file("csv.yaml"),
      "version: 1\n"
      "pipelines:\n"
      "  till:\n"
      "    sources: { in: { type: stdin } }\n"
      "    sinks:\n"
      "      out:\n"
      "        type: console\n"
      "        format: { type: csv, columns: [source, data, data_base64], delimiter: tab }\n");
  const Ending ended = run_kifa({"run", directory.file("csv.yaml")}, "a\tb\n\"c\"\n\xFF\n");
  INFO(ended.err);
  REQUIRE(ended.exit_code == 0);
  CHECK(ended.out ==
        "source\tdata\tdata_base64\r\n"
        "\"in\"\t\"a\tb\"\t\r\n"
        "\"in\"\t\"\"\"c\"\"\"\t\r\n"
        "\"in\"\t\t/w==\r\n");
}

TEST_CASE("query, tail and export take the options of a formatter alike", "[formats]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\n\"b\";\n");
  const std::vector<std::string> options = {"--format-option", "columns=lsn,data,data_base64",
                                            "--format-option", "delimiter=semicolon"};
  const std::string printed = query(data, "csv", options);
  CHECK(printed == "lsn;data;data_base64\r\n1;\"a\";\r\n2;\"\"\"b\"\";\";\r\n");
  std::vector<std::string> tail = {"tail", "-d", data, "--format", "csv"};
  tail.insert(tail.end(), options.begin(), options.end());
  CHECK(run_kifa(tail).out == printed);
  std::vector<std::string> exporting = {"export",   "-d", data, "-o", directory.file("out.csv"),
                                        "--format", "csv"};
  exporting.insert(exporting.end(), options.begin(), options.end());
  const Ending exported = run_kifa(exporting);
  INFO(exported.err);
  REQUIRE(exported.exit_code == 0);
  CHECK(read_file(directory.file("out.csv")) == printed);
}

TEST_CASE("an option that a formatter does not take is told before anything is printed",
          "[formats][W39]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a line\n");
  const struct {
    std::vector<std::string> arguments;
    std::string words;
  } cases[] = {
      {{"text", "--format-option", "rwa=true"}, "did you mean `raw`?"},
      {{"text", "--format-option", "template={lns}"}, "there is no field {lns}; there are lsn,"},
      {{"csv", "--format-option", "columns=lsn,data"}, "choose data_base64 too"},
      {{"csv", "--format-option", "delimiter=x"}, "comma, semicolon, pipe or tab"},
      {{"json", "--format-option", "embed=perhaps"}, "true or false"},
      {{"hex", "--format-option", "layout=columns"}, "line, dump"},
  };
  for (const auto& one : cases) {
    INFO(one.words);
    std::vector<std::string> arguments = {"query", "-d", data, "--format"};
    arguments.insert(arguments.end(), one.arguments.begin(), one.arguments.end());
    const Ending ending = run_kifa(arguments);
    require_refusal(ending, 78, one.words);
    CHECK(ending.out.empty());
  }
}

}  // namespace
}  // namespace kifa::test
