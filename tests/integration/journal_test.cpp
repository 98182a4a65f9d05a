#include <signal.h>

#include <string>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// examples/store-journal: the store as a library, in two processes.
namespace kifa::test {
namespace {

Launch journal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), KIFA_TEST_JOURNAL);
  Launch launch;
  launch.arguments = std::move(arguments);
  return launch;
}

TEST_CASE("a follower in another process prints each sale while its number is still fresh",
          "[journal]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("journal");
  REQUIRE(run(journal({data}), "opening\n").out == "1\n");
  Process follower(journal({data, "--read", "--follow"}));
  std::string expected = "1 opening\n";
  REQUIRE(follower.wait_until([&] { return follower.out() == expected; }));
  for (int day = 0; day < 2; ++day) {
    Process till(journal({data}));
    for (int sale = 0; sale < 20; ++sale) {
      const std::string number = std::to_string(2 + day * 20 + sale);
      REQUIRE(till.write_input("sale\n"));
      REQUIRE(till.wait_until([&] { return till.out().ends_with(number + "\n"); }));
      expected += number + " sale\n";
      REQUIRE(follower.wait_until([&] { return follower.out() == expected; }));
    }
    till.close_input();
    REQUIRE(till.wait().exit_code == 0);
  }
  follower.kill(SIGTERM);
  CHECK(follower.wait().err.empty());
}

TEST_CASE("a second journal of one directory is refused", "[journal]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("journal");
  Process till(journal({data}));
  REQUIRE(till.write_input("sale\n"));
  REQUIRE(till.wait_until([&] { return till.out() == "1\n"; }));
  const Ending second = run(journal({data}), "sale\n");
  CHECK(second.exit_code == 1);
  CHECK(second.out.empty());
  CHECK(second.err.starts_with("store-journal: "));
  till.close_input();
  CHECK(till.wait().exit_code == 0);
  CHECK(run(journal({data, "--read"})).out == "1 sale\n");
}

TEST_CASE("sales are found by their time", "[journal]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("journal");
  REQUIRE(run(journal({data}), "bread\nmilk\n").exit_code == 0);
  const std::string all = "1 bread\n2 milk\n";
  CHECK(run(journal({data, "--read", "--from-time", "2026-01-01T00:00:00Z"})).out == all);
  CHECK(run(journal({data, "--read", "--from-time", "4000000000"})).out.empty());
  CHECK(run(journal({data, "--read", "--to-time", "2026-01-01T00:00:00Z"})).out.empty());
  CHECK(run(journal({data, "--read", "--to-time", "tomorrow"})).exit_code == 64);
}

TEST_CASE("a journal is verified and held while it is written", "[journal][verify][cursors]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("journal");
  CHECK(run(journal({data, "--hold", "audit", "--days", "30"})).exit_code == 1);
  Process till(journal({data}));
  REQUIRE(till.write_input("bread\nmilk\n"));
  REQUIRE(till.wait_until([&] { return till.out() == "1\n2\n"; }));
  CHECK(run(journal({data, "--verify"})).out == "2 sales, no fault\n");
  CHECK(run(journal({data, "--hold", "audit", "--days", "30"})).out ==
        "audit keeps sales from 1 on\n");
  const Ending stats = run_kifa({"stats", "-d", data});
  CHECK(stats.out.find("audit holds LSN 1 and later") != std::string::npos);
  CHECK(run(journal({data, "--release", "audit"})).exit_code == 0);
  CHECK(run(journal({data, "--release", "audit"})).exit_code == 1);
  CHECK(run(journal({data, "--hold", "audit"})).exit_code == 64);
  CHECK(run(journal({data, "--hold", "audit", "--days", "0"})).exit_code == 64);
  till.close_input();
  CHECK(till.wait().exit_code == 0);
  CHECK(run(journal({data, "--verify"})).out.starts_with("2 sales, no fault\nanchor 1:2:"));
}

}  // namespace
}  // namespace kifa::test
