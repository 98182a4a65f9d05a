#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// Configuration files and plugin folders that are wrong: exit code 78, the place, nothing touched.
namespace kifa::test {
namespace {

const char* const kGood =
    "version: 1\n"
    "store: { data_dir: data }\n"
    "pipelines:\n"
    "  till:\n"
    "    sources:\n"
    "      in: { type: stdin, framing: { type: newline } }\n"
    "    sinks:\n"
    "      journal: { type: kifa }\n";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// `run` and `check` say the same about a file, and neither makes anything.
void require_bad_config(const TemporaryDirectory& directory, const std::string& path,
                        const std::vector<std::string>& words) {
  const std::string before = fingerprint(directory.path());
  for (const char* command : {"check", "run"}) {
    const Ending ending = run_kifa({command, path}, "a line\n");
    CHECK(ending.out.empty());
    CHECK(ending.err.find("ingested") == std::string::npos);
    for (const std::string& word : words) {
      require_refusal(ending, 78, word);
    }
  }
  CHECK(fingerprint(directory.path()) == before);
}

TEST_CASE("a good file is told to be good", "[configuration]") {
  const TemporaryDirectory directory;
  write_file(directory.file("good.yaml"), kGood);
  const std::string before = fingerprint(directory.path());
  const Ending ending = run_kifa({"check", directory.file("good.yaml")});
  INFO(ending.err);
  CHECK(ending.exit_code == 0);
  CHECK(ending.out == directory.file("good.yaml") + ": ok (1 pipeline, 1 source, 1 sink)\n");
  CHECK(fingerprint(directory.path()) == before);
}

TEST_CASE("options of the store that contradict each other are found by check too",
          "[configuration]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("contradiction.yaml");
  write_file(path,
             replaced(kGood, "{ data_dir: data }", "{ data_dir: data, wal_backlog_max: 32MiB }"));
  require_bad_config(directory, path,
                     {path + ":2:43: error: till/journal (kifa): wal_backlog_max 32MiB",
                      "  2 | store: { data_dir: data, wal_backlog_max: 32MiB }\n"
                      "    |                                           ^\n",
                      "segments of 16MiB", "at least 3 segments", "48MiB or more"});
}

TEST_CASE("a contradiction of the store is told with the places of both options",
          "[configuration]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("contradiction.yaml");
  write_file(
      path, replaced(replaced(kGood, "{ data_dir: data }", "{ data_dir: data, disk_budget: 1GiB }"),
                     "{ type: kifa }", "{ type: kifa, retention_bytes: 2GiB }"));
  require_bad_config(
      directory, path,
      {path +
           ":8:47: error: till/journal (kifa): retention_bytes 2GiB contradicts disk_budget 1GiB",
       path + ":2:39: note: the other option\n"});
  // The fault that is one by itself comes first.
  write_file(path, replaced(kGood, "{ data_dir: data }", "{ data_dir: data, disk_budget: 1KiB }"));
  require_bad_config(directory, path,
                     {path + ":2:39: error: till/journal (kifa): disk_budget 1KiB is too small"});
  write_file(path,
             replaced(kGood, "{ data_dir: data }", "{ data_dir: data, segment_size_mib: 3 }"));
  require_bad_config(
      directory, path,
      {path + ":2:44: error: till/journal (kifa): segment_size_mib 3 is not a power of two"});
}

TEST_CASE("a store too small for what its framings let through is refused", "[configuration]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("small.yaml");
  const std::string small =
      replaced(kGood, "{ data_dir: data }", "{ data_dir: data, segment_size_mib: 1 }");
  write_file(path, small);
  require_bad_config(
      directory, path,
      {"segment_size_mib 1", "256KiB", "let through 1MiB", "write `record_bytes_max: 256KiB`"});

  // The remedy that the message names is one.
  write_file(path, replaced(small, "type: newline", "type: newline, record_bytes_max: 256KiB"));
  const Ending mended = run_kifa({"check", path});
  INFO(mended.err);
  CHECK(mended.exit_code == 0);
}

TEST_CASE("files that are no configuration are refused", "[configuration]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("bad.yaml");
  SECTION("missing") { require_bad_config(directory, path, {path, "No such file"}); }
  SECTION("a directory") {
    std::filesystem::create_directory(path);
    require_bad_config(directory, path, {path, "directory"});
  }
  SECTION("empty") {
    write_file(path, "");
    require_bad_config(directory, path, {path, "empty"});
  }
  SECTION("binary") {
    write_file(path, std::string("\x7f"
                                 "ELF\0\0\x01\xff\xfe",
                                 9));
    require_bad_config(directory, path, {path});
  }
}

TEST_CASE("mistakes in a file are told with their places", "[configuration]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("bad.yaml");
  const struct {
    const char* name;
    std::string text;
    std::vector<std::string> words;
  } cases[] = {
      {"tabs", replaced(kGood, "  till:", "\ttill:"), {path + ":4:1: error:", "tab"}},
      {"duplicate keys",
       replaced(kGood, "store: { data_dir: data }", "store: { data_dir: data, data_dir: other }"),
       {path + ":2:26: error:", "data_dir"}},
      {"an unknown plugin",
       replaced(kGood, "type: stdin", "type: stdni"),
       {path + ":6:19: error:", "stdni", "did you mean `stdin`?"}},
      {"an option of the wrong type",
       replaced(kGood, "type: newline", "type: newline, strip_cr: 12"),
       {path + ":6:62: error:", "strip_cr", "^"}},
      {"an unknown option",
       replaced(kGood, "type: newline", "type: newline, srip_cr: true"),
       {path + ":6:52: error:", "did you mean `strip_cr`?"}},
      {"a pattern that is none",
       replaced(kGood, "    sinks:", "    transforms: [ { filter: { drop: '(' } } ]\n    sinks:"),
       {"filter"}},
      {"two mistakes at once",
       replaced(replaced(kGood, "type: newline", "type: newlin"), "type: kifa", "type: kfia"),
       {path + ":6:", path + ":8:"}},
  };
  for (const auto& one : cases) {
    INFO(one.name);
    write_file(path, one.text);
    require_bad_config(directory, path, one.words);
  }
}

TEST_CASE("plugin folders that are wrong are told", "[configuration]") {
  const TemporaryDirectory directory;
  const std::string folder = directory.file("plugins");
  const std::string data = directory.file("data");
  const auto ingest_with_folder = [&] {
    return run_kifa({"daemon", "--stdin", "-d", data, "--plugin-path", folder}, "a line\n");
  };
  SECTION("missing") {
    require_refusal(ingest_with_folder(), 78, folder);
    require_refusal(run_kifa({"plugin", "list", "--plugin-path", folder}), 78, folder);
    CHECK_FALSE(std::filesystem::exists(data));
  }
  SECTION("not absolute") {
    require_refusal(run_kifa({"plugin", "list", "--plugin-path", "plugins"}), 78, "absolute");
  }
  SECTION("writable by everybody") {
    std::filesystem::create_directory(folder);
    std::filesystem::copy(kBuildDirectory + "/lib/kifa/plugins/stdin.kifa.so",
                          folder + "/stdin.kifa.so");
    REQUIRE(chmod(folder.c_str(), 0777) == 0);
    require_refusal(ingest_with_folder(), 78, "writable");
    CHECK_FALSE(std::filesystem::exists(data));
    const Ending list = run_kifa({"plugin", "list", "--plugin-path", folder});
    CHECK(list.exit_code == 0);
    CHECK(list.out.find("writable") != std::string::npos);
  }
  SECTION("full of junk") {
    std::filesystem::create_directory(folder);
    write_file(folder + "/readme.txt", "no plugin");
    write_file(folder + "/text.kifa.so.bak", "no plugin");
    write_file(folder + "/junk.kifa.so", "no ELF file");
    write_file(folder + "/empty.kifa.so", "");
    std::filesystem::create_directory(folder + "/folder.kifa.so");
    const Ending list = run_kifa({"plugin", "list", "--plugin-path", folder});
    INFO(list.err);
    CHECK(list.exit_code == 0);
    for (const char* junk : {"junk.kifa.so", "empty.kifa.so"}) {
      CHECK(list.out.find("refused: " + folder + "/" + junk) != std::string::npos);
    }
    CHECK(list.out.find("readme.txt") == std::string::npos);
    // What is needed is found elsewhere: junk that nobody names does no harm.
    const Ending stored = ingest_with_folder();
    INFO(stored.err);
    CHECK(stored.exit_code == 0);
  }
}

}  // namespace
}  // namespace kifa::test
