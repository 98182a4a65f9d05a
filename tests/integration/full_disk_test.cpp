#include <signal.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/temporary_directory.hpp"

// A disk that is full: nothing is dropped, nothing stored is lost, reading goes on.
namespace kifa::test {
namespace {

constexpr std::uint64_t kDiskBytes = 48U << 20U;
constexpr std::uint64_t kFillerBytes = 42U << 20U;
constexpr std::uint64_t kLines = 100'000;  // 20 MB: more than the filler leaves, as tables too

// kifa with its store on a small disk that something else has filled for the most part.
class FullDisk final {
 public:
  FullDisk() {
    write_file(disk_.outside_path() + "/filler", std::string(kFillerBytes, 'x'));
    write_file(config_.file("till.yaml"),
               "version: 1\n"
               "store: { data_dir: " +
                   data() +
                   ", segment_size_mib: 1 }\n"
                   "pipelines:\n"
                   "  till:\n"
                   "    sources: { in: { type: stdin, framing: { type: newline, record_bytes_max: "
                   "256KiB } } }\n"
                   "    sinks: { journal: { type: kifa } }\n");
  }

  [[nodiscard]] std::string data() const { return disk_.path() + "/data"; }
  [[nodiscard]] Launch start(std::vector<std::string> arguments) const {
    Launch launch = kifa(std::move(arguments));
    launch.namespaces = disk_.namespaces();
    return launch;
  }
  [[nodiscard]] Launch daemon() const {
    return start({"run", config_.file("till.yaml"), "--stop-timeout", "1s"});
  }
  void free_space() const { std::filesystem::remove(disk_.outside_path() + "/filler"); }
  [[nodiscard]] std::uint64_t durable() const {
    const Ending stats = run(start({"stats", "-d", data(), "--json"}));
    INFO(stats.err);
    return stats.exit_code == 0 ? json_number(stats.out, "durable_lsn") : 0;
  }
  void require_lines(std::uint64_t count) const {
    const Ending shown = run(start({"query", "-d", data()}));
    INFO(shown.err);
    REQUIRE(shown.exit_code == 0);
    REQUIRE(require_generated(shown.out, 1) == count);
  }

 private:
  SmallDisk disk_{kDiskBytes};
  TemporaryDirectory config_;
};

// Sends lines until nobody reads; a full disk keeps it waiting.
class Sender final {
 public:
  explicit Sender(Process& daemon)
      : thread_([&daemon] {
          for (std::uint64_t first = 1; first <= kLines; first += 1000) {
            if (!daemon.write_input(generated_lines(first, first + 999))) {
              return;
            }
          }
        }) {}
  void join() { thread_.join(); }

 private:
  std::jthread thread_;
};

// Until the daemon tells that it waits for space.
void wait_until_full(Process& daemon) {
  const bool told = daemon.wait_until([&] {
    return daemon.err().find("space") != std::string::npos ||
           daemon.err().find("full") != std::string::npos;
  });
  INFO(daemon.err());
  REQUIRE(told);
}

TEST_CASE("a full disk stops the input, and space lets it go on without loss", "[disk][W18]") {
  const FullDisk disk;
  Process daemon(disk.daemon());
  Sender sender(daemon);
  wait_until_full(daemon);
  const std::uint64_t before = disk.durable();
  CHECK(before > 0);
  CHECK(before < kLines);
  disk.require_lines(before);  // reading needs no space
  disk.free_space();
  sender.join();
  daemon.close_input();
  const Ending ended = daemon.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 0);
  CHECK(disk.durable() == kLines);
  disk.require_lines(kLines);
}

TEST_CASE("a daemon that is stopped on a full disk says what it could not store", "[disk][W18]") {
  const FullDisk disk;
  std::uint64_t durable = 0;
  {
    Process daemon(disk.daemon());
    Sender sender(daemon);
    wait_until_full(daemon);
    daemon.kill(SIGTERM);
    const Ending ended = daemon.wait();
    INFO(ended.err);
    CHECK(ended.exit_code == 74);
    durable = disk.durable();
    disk.require_lines(durable);
    sender.join();
  }
  // It opens again while the disk is still full, and goes on when there is space.
  disk.free_space();
  const Ending again = run(disk.daemon(), generated_lines(durable + 1, durable + 10));
  INFO(again.err);
  CHECK(again.exit_code == 0);
  disk.require_lines(durable + 10);
}

TEST_CASE("a burst larger than the budget is taken in whole while retention makes room",
          "[disk][W18]") {
  const TemporaryDirectory directory;
  write_file(directory.file("till.yaml"),
             "version: 1\n"
             "store: { data_dir: data, disk_budget: 8MiB, retention_bytes: 2MiB }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources: { in: { type: stdin, framing: { type: newline, record_bytes_max: "
             "64KiB } } }\n"
             "    sinks: { journal: { type: kifa } }\n");
  const Ending ending = run_kifa({"run", directory.file("till.yaml")}, generated_lines(1, kLines));
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  const Ending stats = run_kifa({"stats", "-d", directory.file("data"), "--json"});
  CHECK(json_number(stats.out, "durable_lsn") == kLines);
  CHECK(json_number(stats.out, "purged_through") > 0);
  CHECK(run_kifa({"verify", "-d", directory.file("data"), "--quiet"}).exit_code == 0);
}

TEST_CASE("a second SIGINT ends a daemon that cannot finish", "[disk]") {
  const FullDisk disk;
  Process daemon(disk.start({"daemon", "--stdin", "-d", disk.data(), "--segment-size-mib", "1"}));
  Sender sender(daemon);
  wait_until_full(daemon);
  daemon.kill(SIGINT);
  REQUIRE(daemon.wait_until(
      [&] { return daemon.err().find("SIGINT: stopping") != std::string::npos; }));
  daemon.kill(SIGINT);
  const Ending ended = daemon.wait();
  CHECK(ended.exit_code == 130);
  disk.require_lines(disk.durable());
  sender.join();
}

}  // namespace
}  // namespace kifa::test
