#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/crc32c.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// Stores that crashes, bad sectors and other versions have left.
namespace kifa::test {
namespace {

// The log's segments, in order.
std::vector<std::string> segments(const std::string& data) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().filename().string().starts_with("wal-")) {
      found.push_back(entry.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void overwrite(const std::string& path, std::size_t offset, const std::string& bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  REQUIRE(pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
          static_cast<ssize_t>(bytes.size()));
  REQUIRE(fsync(file) == 0);
  close(file);
}

// Stores each line with a commit of its own: the first, of which the close makes a table, and the
// others, which come too soon for another one, in one run.
void ingest_one_by_one(const std::string& data, const std::vector<std::string>& lines) {
  ingest(data, lines.front() + "\n", {"--segment-size-mib", "1"});
  Process daemon(kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}));
  std::uint64_t count = 1;
  for (const std::string& line : std::span(lines).subspan(1)) {
    REQUIRE(daemon.write_input(line + "\n"));
    ++count;
    REQUIRE(daemon.wait_until([&] {
      const Ending stats = run_kifa({"stats", "-d", data, "--json"});
      return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == count;
    }));
  }
  daemon.close_input();
  REQUIRE(daemon.wait().exit_code == 0);
}

// The same bytes in the header of a version that does not exist yet (docs/formats/wal.md).
void make_newer(const std::string& segment) {
  constexpr std::size_t kHeaderBytes = 256;
  constexpr std::size_t kBlockBytes = 4096;
  for (const std::size_t offset : {std::size_t{0}, kBlockBytes}) {
    std::string header = read_file(segment).substr(offset, kHeaderBytes);
    if (!header.starts_with("KIFAWAL")) {
      continue;  // a spare has no header
    }
    header[8] = 2;
    const std::uint32_t crc =
        crc32c(0, as_byte_view(std::string_view(header).substr(0, kHeaderBytes - 4)));
    std::memcpy(header.data() + kHeaderBytes - 4, &crc, sizeof(crc));
    overwrite(segment, offset, header);
  }
}

TEST_CASE("a store of a newer version is refused and not touched", "[damage]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\n");
  for (const std::string& segment : segments(data)) {
    make_newer(segment);
  }
  const std::string before = fingerprint(data);
  for (const Ending& ending : {run_kifa({"query", "-d", data}), run_kifa({"stats", "-d", data}),
                               run_kifa({"daemon", "--stdin", "-d", data}, "b\n")}) {
    require_refusal(ending, 65, "2.0");
    CHECK(ending.err.find("1.0") != std::string::npos);  // both versions are named
  }
  CHECK(fingerprint(data) == before);
}

TEST_CASE("a crash right after a segment was made leaves a store that opens", "[damage][W2]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\n", {"--segment-size-mib", "1"});
  const std::string last = segments(data).back();
  const std::uint64_t number = std::stoull(last.substr(last.rfind('-') + 1));
  const auto name = [&](std::uint64_t ahead) {
    const std::string digits = std::to_string(number + ahead);
    return data + "/wal-" + std::string(16 - digits.size(), '0') + digits;
  };
  write_file(name(1), "");                                   // created, not yet filled
  write_file(name(2), std::string(1U << 20U, '\0'));         // filled, never used
  write_file(name(3) + ".tmp", std::string(300'000, '\0'));  // half filled
  for (const std::string& path : {name(1), name(2), name(3) + ".tmp"}) {
    std::filesystem::permissions(path, std::filesystem::perms(0600));
  }
  CHECK(payloads(data) == std::vector{"a"s});
  ingest(data, "b\n", {"--segment-size-mib", "1"});
  ingest(data, "c\n", {"--segment-size-mib", "1"});
  CHECK(payloads(data) == std::vector{"a"s, "b"s, "c"s});
}

TEST_CASE("a bad sector in the middle costs what stood in it, and says so", "[damage][W22]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  std::vector<std::string> lines;
  for (int i = 1; i <= 10; ++i) {
    lines.push_back("record number " + std::to_string(100 + i));
  }
  ingest_one_by_one(data, lines);
  bool is_damaged = false;
  for (const std::string& segment : segments(data)) {
    const std::size_t at = read_file(segment).find(lines[4]);
    if (at != std::string::npos) {
      overwrite(segment, at / 512 * 512, std::string(512, '\0'));
      is_damaged = true;
    }
  }
  REQUIRE(is_damaged);
  std::vector<std::string> rest = lines;
  rest.erase(rest.begin() + 4);

  const std::string before = fingerprint(data);
  const Ending shown = run_kifa({"query", "-d", data});
  CHECK(shown.exit_code == 0);
  CHECK(shown.err.find("1 gap in this range") != std::string::npos);
  CHECK(shown.err.find("see --events") != std::string::npos);
  CHECK(payloads(data) == rest);
  CHECK(stats_number(data, "gaps") == 1);
  CHECK(fingerprint(data) == before);
  const std::string events = query(data, "json", {"--events"});
  CHECK(events.find("\"event\":\"gap\"") != std::string::npos);

  // A writer keeps it that way: nothing is overwritten, LSNs go on behind.
  ingest(data, "after the damage\n", {"--segment-size-mib", "1"});
  rest.push_back("after the damage");
  CHECK(payloads(data) == rest);
  CHECK(stats_number(data, "last_lsn") == 11);
  CHECK(stats_number(data, "gaps") == 1);
}

TEST_CASE("kill -9 of a writer that never wrote leaves an empty store", "[damage][W2]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  for (int round = 0; round < 3; ++round) {
    Process daemon(kifa({"daemon", "--stdin", "-d", data}));
    REQUIRE(daemon.wait_until([&] {
      const Ending stats = run_kifa({"stats", "-d", data, "--json"});
      return stats.exit_code == 0 && stats.out.find("\"live\":true") != std::string::npos;
    }));
    daemon.kill(SIGKILL);
    CHECK(daemon.wait().signal == SIGKILL);
    CHECK(stats_number(data, "total_entries") == 0);
  }
  ingest(data, "a\n");
  CHECK(payloads(data) == std::vector{"a"s});
}

}  // namespace
}  // namespace kifa::test
