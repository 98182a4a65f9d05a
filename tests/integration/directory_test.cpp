#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// Data directories as they are met in shops: wrong, foreign, moved, guarded, damaged.
namespace kifa::test {
namespace {

constexpr uid_t kNobody = 65534;

// A copy of kifa and its plugins where another user may run it.
class PublicCopy final {
 public:
  PublicCopy() {
    const std::filesystem::path build = std::filesystem::path(kKifa).parent_path().parent_path();
    std::filesystem::create_directories(directory_.file("bin"));
    std::filesystem::copy(kKifa, directory_.file("bin/kifa"));
    std::filesystem::create_directories(directory_.file("lib/kifa"));
    if (std::filesystem::exists(build / "lib")) {  // not beside the self-contained kifa
      std::filesystem::copy(build / "lib/kifa/plugins", directory_.file("lib/kifa/plugins"),
                            std::filesystem::copy_options::recursive);
    }
    REQUIRE(chmod(directory_.path().c_str(), 0755) == 0);
  }
  [[nodiscard]] std::string program() const { return directory_.file("bin/kifa"); }

 private:
  TemporaryDirectory directory_;
};

// Starts kifa so that file permissions bind it: root becomes nobody.
Launch as_plain_user(const PublicCopy& copy, std::vector<std::string> arguments) {
  Launch launch = kifa(std::move(arguments));
  launch.arguments.front() = copy.program();
  if (geteuid() == 0) {
    launch.user = kNobody;
  }
  return launch;
}

TEST_CASE("a store that is not there is told, and is not created", "[directory][W30]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("nowhere");
  for (const char* command : {"query", "stats"}) {
    require_refusal(run_kifa({command, "-d", data}), 69, data);
    CHECK_FALSE(std::filesystem::exists(data));
  }
  std::filesystem::create_directory(data);  // there, but no store
  const std::string before = fingerprint(directory.path());
  for (const char* command : {"query", "stats"}) {
    require_refusal(run_kifa({command, "-d", data}), 69, data);
  }
  CHECK(fingerprint(directory.path()) == before);
}

TEST_CASE("reading changes nothing", "[directory][W30]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\nb\n");
  const std::string before = fingerprint(data);
  (void)query(data, "text");
  (void)query(data, "json", {"--events"});
  (void)stats_json(data);
  CHECK(fingerprint(data) == before);
}

TEST_CASE("a store without write permission can be read", "[directory][W30]") {
  const PublicCopy copy;
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\n");
  // Another user may read and not write it.
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    REQUIRE(chmod(entry.path().c_str(), 0444) == 0);
  }
  REQUIRE(chmod(data.c_str(), 0555) == 0);
  const Ending shown = run(as_plain_user(copy, {"query", "-d", data}));
  INFO(shown.err);
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.ends_with(" UTC a\n"));
  REQUIRE(chmod(data.c_str(), 0755) == 0);
}

TEST_CASE("a data directory that is a file is refused and kept", "[directory]") {
  const TemporaryDirectory directory;
  const std::string file = directory.file("data");
  write_file(file, "somebody's notes");
  require_refusal(run_kifa({"daemon", "--stdin", "-d", file}, "a\n"), 74, file);
  require_refusal(run_kifa({"query", "-d", file}), 74, file);
  require_refusal(run_kifa({"stats", "-d", file}), 74, file);
  CHECK(read_file(file) == "somebody's notes");
}

TEST_CASE("a data directory that may not be written is told", "[directory]") {
  const PublicCopy copy;
  const TemporaryDirectory directory;
  const std::string guarded = directory.file("guarded");
  std::filesystem::create_directory(guarded);
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(chmod(guarded.c_str(), geteuid() == 0 ? 0700 : 0500) == 0);
  const std::string before = fingerprint(guarded);
  // The directory itself, and one to be made inside it.
  for (const std::string& data : {guarded, guarded + "/data"}) {
    const Ending ending = run(as_plain_user(copy, {"daemon", "--stdin", "-d", data}), "a\n");
    require_refusal(ending, 74, data);
    CHECK(ending.err.find("Permission denied") != std::string::npos);
  }
  CHECK(fingerprint(guarded) == before);
  REQUIRE(chmod(guarded.c_str(), 0700) == 0);
}

TEST_CASE("a store that another kifa writes is refused, and that one goes on", "[directory]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process first(kifa({"daemon", "--stdin", "-d", data}));
  REQUIRE(first.write_input("a\n"));
  REQUIRE(first.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 1;
  }));
  require_refusal(run_kifa({"daemon", "--stdin", "-d", data}, "b\n"), 69, data);
  REQUIRE(first.write_input("c\n"));
  first.close_input();
  CHECK(first.wait().exit_code == 0);
  CHECK(payloads(data) == std::vector{"a"s, "c"s});
}

TEST_CASE("a store may be moved, and opened by any path", "[directory][W6]") {
  const TemporaryDirectory directory;
  ingest(directory.file("data"), "a\n");
  std::filesystem::rename(directory.file("data"), directory.file("moved"));
  Launch here = kifa({"daemon", "--stdin", "-d", "../moved/."});
  std::filesystem::create_directory(directory.file("elsewhere"));
  here.working_directory = directory.file("elsewhere");
  REQUIRE(run(here, "b\n").exit_code == 0);
  std::filesystem::copy(directory.file("moved"), directory.file("copied"),
                        std::filesystem::copy_options::recursive);
  ingest(directory.file("copied"), "c\n");
  CHECK(payloads(directory.file("copied")) == std::vector{"a"s, "b"s, "c"s});
  CHECK(payloads(directory.file("moved")) == std::vector{"a"s, "b"s});
}

TEST_CASE("foreign files in the directory are left alone and told", "[directory]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\n");
  write_file(data + "/notes.txt", "do not delete");
  std::filesystem::create_directory(data + "/folder");
  write_file(data + "/folder/wal-000001", "not ours");
  const Ending stored = run_kifa({"daemon", "--stdin", "-d", data}, "b\n");
  INFO(stored.err);
  CHECK(stored.exit_code == 0);
  CHECK(stored.err.find("notes.txt") != std::string::npos);
  CHECK(read_file(data + "/notes.txt") == "do not delete");
  CHECK(read_file(data + "/folder/wal-000001") == "not ours");
  CHECK(payloads(data) == std::vector{"a"s, "b"s});
}

TEST_CASE("the directory and its files are for their owner only", "[directory][W36]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const mode_t mask = umask(0);
  ingest(data, "a\n");
  umask(mask);
  struct stat info = {};
  REQUIRE(stat(data.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    INFO(entry.path());
    REQUIRE(stat(entry.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == 0600);
  }
}

TEST_CASE("a store works on tmpfs, with a warning", "[directory][W38]") {
  // A directory of its own below the tmpfs that every Linux has.
  std::string data = "/dev/shm/kifa-test-XXXXXX";
  REQUIRE(mkdtemp(data.data()) != nullptr);
  const Ending stored = run_kifa({"daemon", "--stdin", "-d", data + "/data"}, "a\nb\n");
  INFO(stored.err);
  CHECK(stored.exit_code == 0);
  CHECK(stored.err.find("tmpfs") != std::string::npos);
  CHECK(payloads(data + "/data") == std::vector{"a"s, "b"s});
  std::filesystem::remove_all(data);
}

}  // namespace
}  // namespace kifa::test
