#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// examples/crash-test as its users run it. What it finds is tested in tests/realfs.
namespace kifa::test {
namespace {

Ending crash_test(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), KIFA_TEST_CRASH_TEST);
  Launch launch;
  launch.arguments = std::move(arguments);
  return run(launch);
}

bool is_in_memory(const std::string& directory) {
  struct statfs about{};
  REQUIRE(statfs(directory.c_str(), &about) == 0);
  return about.f_type == TMPFS_MAGIC;
}

}  // namespace

TEST_CASE("crash-test leaves nothing when it passed, unless it is to", "[crash-test]") {
  const TemporaryDirectory directory;
  const std::string place = directory.file("place");
  for (int round = 0; round < 2; ++round) {
    const Ending passed = crash_test({"--dir", place, "--cycles", "1"});
    INFO(passed.out << passed.err);
    CHECK(passed.exit_code == 0);
    CHECK(passed.out.find("PASSED: 1 of 1 cycles passed") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(place));
  }
  const Ending kept = crash_test({"--keep", "--dir", directory.path(), "--cycles", "1"});
  INFO(kept.out << kept.err);
  CHECK(kept.exit_code == 0);
  CHECK(kept.out.ends_with("What is left stays in " + directory.path() + "/store.\n"));
  CHECK(run_kifa({"verify", "-d", directory.file("store")}).exit_code == 0);
  const Ending refused = crash_test({"--dir", directory.path(), "--cycles", "1"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err.find("is there already") != std::string::npos);
  CHECK(std::filesystem::exists(directory.file("store")));
}

TEST_CASE("crash-test says when there is no disk to be tested", "[crash-test]") {
  for (const std::string& place :
       {std::filesystem::temp_directory_path().string(), std::string("/dev/shm")}) {
    CAPTURE(place);
    if (!std::filesystem::exists(place)) {
      continue;
    }
    const std::string folder = place + "/kifa-crash-tool-test-" + std::to_string(::getpid());
    const Ending passed = crash_test({"--dir", folder, "--cycles", "1"});
    INFO(passed.out << passed.err);
    CHECK(passed.exit_code == 0);
    CHECK((passed.err.find("is in memory: nothing in it survives power loss") !=
           std::string::npos) == is_in_memory(place));
  }
}

TEST_CASE("crash-test names what it cannot take", "[crash-test]") {
  const Ending help = crash_test({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.out.starts_with("usage: crash-test --dir DIR"));
  CHECK(help.err.empty());
  struct Wrong {
    std::vector<std::string> words;
    std::string sentence;
  };
  for (const Wrong& wrong :
       {Wrong{{}, "no folder given"}, Wrong{{"--dir"}, "--dir takes a folder"},
        Wrong{{"--dir", "/x", "--cycles", "0"}, "--cycles takes a whole number from 1, not `0`"},
        Wrong{{"--dir", "/x", "--cycles", "many"}, "not `many`"},
        Wrong{{"--dir", "/x", "--seed", "-1"}, "--seed takes a whole number, not `-1`"},
        Wrong{{"--dir", "/x", "--flush-mode", "fast"}, "not `fast`"},
        Wrong{{"--dir", "/x", "--power-cut", "zfs"}, "--power-cut takes ext4 or xfs, not `zfs`"},
        Wrong{{"--dri", "/x"}, "unknown option `--dri`"}}) {
    CAPTURE(wrong.words);
    const Ending refused = crash_test(wrong.words);
    CHECK(refused.exit_code == 2);
    CHECK(refused.out.empty());
    CHECK(refused.err.starts_with("crash-test: "));
    CHECK(refused.err.find(wrong.sentence) != std::string::npos);
  }
}

}  // namespace kifa::test
