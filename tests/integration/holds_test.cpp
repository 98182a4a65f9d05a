#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// kifa hold: what retention must leave alone.
namespace kifa::test {
namespace {

constexpr std::uint64_t kTableLines = 6'000;  // more than a MiB: each goes into a table at once

std::string list_json(const std::string& data) {
  const Ending list = run_kifa({"hold", "list", "-d", data, "--json"});
  INFO(list.err);
  REQUIRE(list.exit_code == 0);
  return list.out;
}

// A daemon of which retention leaves as little as it may.
class Forgetful final {
 public:
  explicit Forgetful(const TemporaryDirectory& directory)
      : data_(directory.file("data")), daemon_(kifa({"run", written(directory)})) {}

  [[nodiscard]] const std::string& data() const { return data_; }
  Process& daemon() { return daemon_; }
  // Takes in more and more, a table at a time, until what is to happen has happened: retention
  // looks when a table is there, and leaves the newest record alone.
  void take_in_until(const std::function<bool()>& has_happened) {
    constexpr int kRoundsMax = 100;
    constexpr std::chrono::milliseconds kRound{500};
    for (int round = 0; round < kRoundsMax; ++round) {
      REQUIRE(daemon_.feed(generated_lines(lines_ + 1, lines_ + kTableLines)));
      lines_ += kTableLines;
      if (daemon_.wait_until(has_happened, kRound)) {
        return;
      }
    }
    FAIL("retention did not look");
  }
  [[nodiscard]] std::uint64_t first_lsn() const {
    const Ending stats = run_kifa({"stats", "-d", data_, "--json"});
    return stats.exit_code == 0 ? json_number(stats.out, "first_lsn") : 0;
  }

 private:
  [[nodiscard]] std::string written(const TemporaryDirectory& directory) const {
    const std::string path = directory.file("till.yaml");
    write_file(
        path,
        "version: 1\n"
        "store: { data_dir: " +
            data_ +
            ", segment_size_mib: 1, memtable_flush_threshold_mib: 1, retention_records: 1 }\n"
            "pipelines:\n"
            "  till:\n"
            "    sources: { in: { type: stdin, framing: { type: newline, record_bytes_max: 256KiB "
            "} } }\n"
            "    sinks: { journal: { type: kifa } }\n");
    return path;
  }

  std::string data_;
  Process daemon_;
  std::uint64_t lines_ = 0;
};

}  // namespace

TEST_CASE("a running daemon respects a hold from its next look, and forgets it when it is removed",
          "[hold][retention]") {
  const TemporaryDirectory directory;
  Forgetful store(directory);
  store.take_in_until([&] { return store.first_lsn() > 1; });

  const Ending added = run_kifa({"hold", "add", "audit", "-d", store.data(), "--for", "30d"});
  INFO(added.out << added.err);
  REQUIRE(added.exit_code == 0);
  const std::uint64_t held = json_number(list_json(store.data()), "lowest_needed_lsn");
  REQUIRE(held > 1);
  const std::string reason = "hold `audit` needs LSN " + std::to_string(held);
  store.take_in_until([&] { return store.daemon().err().find(reason) != std::string::npos; });
  const std::uint64_t kept = store.first_lsn();
  const std::uint64_t version = stats_number(store.data(), "manifest_version");
  store.take_in_until([&] { return stats_number(store.data(), "manifest_version") > version; });
  CHECK(store.first_lsn() == kept);
  CHECK(json_number(list_json(store.data()), "kept_tables") >= 1);

  REQUIRE(run_kifa({"hold", "remove", "audit", "-d", store.data()}).exit_code == 0);
  store.take_in_until([&] { return store.first_lsn() > held; });
  const Ending late =
      run_kifa({"hold", "add", "late", "-d", store.data(), "--from-lsn", std::to_string(held)});
  CHECK(late.exit_code == 0);
  CHECK(late.err.find("retention had removed everything up to LSN ") != std::string::npos);
  store.daemon().close_input();
  CHECK(store.daemon().wait().exit_code == 0);
  CHECK(run_kifa({"verify", "-d", store.data()}).exit_code == 0);
}

TEST_CASE("holds are added, changed, listed and removed", "[hold]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 10));
  CHECK(run_kifa({"hold", "list", "-d", data}).out ==
        data + ": nothing is kept back from retention\n");
  CHECK(list_json(data).find("\"lowest_needed_lsn\":null,\"holds\":[]") != std::string::npos);

  CHECK(run_kifa({"hold", "add", "audit", "-d", data}).out ==
        "audit holds LSN 1 and later of " + data + ", until it is removed\n");
  require_refusal(run_kifa({"hold", "add", "audit", "-d", data, "--from-lsn", "5"}), 64,
                  "has a hold `audit` already");
  CHECK(run_kifa({"hold", "add", "audit", "-d", data, "--from-lsn", "5", "--until", "2200-01-01",
                  "--replace"})
            .out ==
        "audit holds LSN 5 and later of " + data + ", until 2200-01-01 23:59:59.999 UTC\n");
  const std::string json = list_json(data);
  CHECK(json_number(json, "lowest_needed_lsn") == 5);
  CHECK(json_number(json, "kept_records") == 10);  // tables are kept as a whole
  CHECK(json.find("\"name\":\"audit\",\"kind\":\"hold\",\"state\":\"active\",\"lsn\":5") !=
        std::string::npos);
  const std::string text = run_kifa({"hold", "list", "-d", data}).out;
  INFO(text);
  CHECK(text.find("audit: holds LSN 5 and later, until 2200-01-01 23:59:59.999 UTC; keeps 10 "
                  "records") != std::string::npos);
  CHECK(text.find(data + ": retention removes nothing from LSN 5 on\n") != std::string::npos);

  require_refusal(run_kifa({"hold", "remove", "audti", "-d", data}), 69, "did you mean `audit`?");
  CHECK(run_kifa({"hold", "remove", "audit", "-d", data}).exit_code == 0);
  CHECK(list_json(data).find("\"holds\":[]") != std::string::npos);
}

TEST_CASE("what a hold cannot be is said in one sentence", "[hold]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  require_refusal(run_kifa({"hold", "add", "x", "-d", data}), 69, "nothing was created");
  require_refusal(run_kifa({"hold", "list", "-d", data}), 69, "nothing was created");
  CHECK_FALSE(std::filesystem::exists(data));
  ingest(data, generated_lines(1, 10));
  const std::string before = fingerprint(data);
  const auto refuses = [&data](std::vector<std::string> words, const std::string& why) {
    words.insert(words.begin(), {"hold", "add"});
    words.insert(words.end(), {"-d", data});
    CAPTURE(words);
    require_refusal(run_kifa(words), 64, why);
  };
  refuses({"../x"}, "is no name for a hold");
  refuses({".x"}, "is no name for a hold");
  refuses({std::string(65, 'x')}, "is no name for a hold");
  refuses({"x", "--from-lsn", "0"}, "--from-lsn takes a whole number from 1");
  refuses({"x", "--for", "0s"}, "--for takes a duration");
  refuses({"x", "--for", "soon"}, "--for takes a duration");
  refuses({"x", "--for", "100000d"}, "--for takes a duration");
  refuses({"x", "--until", "2020-01-01"}, "is not to come any more");
  refuses({"x", "--until", "2020-13-01"}, "--until");
  refuses({"x", "--for", "1d", "--until", "2200-01-01"}, "give one of them");
  require_refusal(run_kifa({"hold"}), 64, "");
  CHECK(fingerprint(data) == before);
}

TEST_CASE("a damaged hold keeps everything until it is removed", "[hold]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 10));
  REQUIRE(run_kifa({"hold", "add", "audit", "-d", data, "--from-lsn", "5"}).exit_code == 0);
  std::string bytes = read_file(data + "/cursors/audit");
  bytes[33] = static_cast<char>(bytes[33] ^ 1);
  write_file(data + "/cursors/audit", bytes);
  const std::string json = list_json(data);
  CHECK(json_number(json, "lowest_needed_lsn") == 0);
  CHECK(json.find("\"state\":\"damaged\"") != std::string::npos);
  const std::string text = run_kifa({"hold", "list", "-d", data}).out;
  INFO(text);
  CHECK(text.find("audit: damaged, its checksum does not hold; keeps 10 records") !=
        std::string::npos);
  CHECK(text.find(": retention removes nothing\n") != std::string::npos);
  CHECK(run_kifa({"hold", "remove", "audit", "-d", data}).exit_code == 0);
  CHECK(run_kifa({"verify", "-d", data}).exit_code == 0);
}

TEST_CASE("a hold whose time has passed keeps nothing", "[hold]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 30'000));  // with a manifest, and so with a believed time
  REQUIRE(run_kifa({"hold", "add", "audit", "-d", data, "--for", "1ns"}).exit_code == 0);
  const std::string json = list_json(data);
  CHECK(json.find("\"clock_believed\":true") != std::string::npos);
  CHECK(json.find("\"state\":\"expired\"") != std::string::npos);
  CHECK(json.find("\"lowest_needed_lsn\":null") != std::string::npos);
  CHECK(run_kifa({"hold", "list", "-d", data}).out.find("; expired, keeps nothing\n") !=
        std::string::npos);
}

TEST_CASE("a hold that root adds belongs to the owner of the store, whose daemon reads it",
          "[hold]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 10));
  constexpr uid_t kNobody = 65534;
  const bool is_root = geteuid() == 0;
  const uid_t owner = is_root ? kNobody : geteuid();
  const gid_t group = is_root ? kNobody : getegid();
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(chown(data.c_str(), owner, group) == 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(data)) {
    REQUIRE(chown(entry.path().c_str(), owner, group) == 0);
  }
  const Ending added = run_kifa_for_another_user({"hold", "add", "audit", "-d", data});
  INFO(added.err);
  REQUIRE(added.exit_code == 0);
  for (const std::string& path : {data + "/cursors", data + "/cursors/audit"}) {
    struct stat found{};
    REQUIRE(stat(path.c_str(), &found) == 0);
    CHECK(found.st_uid == owner);
    CHECK(found.st_gid == group);
  }
}

}  // namespace kifa::test
