#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// Keeping a store for years: verification and backup, from outside.
namespace kifa::test {
namespace {

// Enough for tables.
constexpr std::uint64_t kLines = kSmall ? 20'000 : 120'000;

std::string table_in(const std::string& data) {
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().filename().string().starts_with("table-") &&
        entry.path().extension().empty()) {
      return entry.path().string();
    }
  }
  return {};
}

std::string anchor_in(const std::string& text) {
  const std::size_t at = text.find("anchor: ");
  REQUIRE(at != std::string::npos);
  return text.substr(at + 8, text.find('\n', at) - at - 8);
}

}  // namespace

TEST_CASE("verify says that a store is whole, and changes nothing", "[verify]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  const std::string before = fingerprint(data);
  const Ending text = run_kifa({"verify", "-d", data});
  INFO(text.out << text.err);
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("no fault") != std::string::npos);
  CHECK(text.err.empty());
  const std::string anchor = anchor_in(text.out);
  const Ending json = run_kifa({"verify", "-d", data, "--json", "--anchor", anchor});
  CHECK(json.exit_code == 0);
  CHECK(json_number(json.out, "records") == kLines);
  CHECK(json_number(json.out, "fault_count") == 0);
  CHECK(json.out.find("\"anchor\":\"" + anchor + "\"") != std::string::npos);
  const Ending quiet = run_kifa({"verify", "-d", data, "--quiet"});
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.out.empty());
  CHECK(fingerprint(data) == before);
}

TEST_CASE("a store that is closed gives an anchor, and verify tells of the records without one",
          "[verify]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, 300));
  const std::string day = run_kifa({"verify", "-d", data}).out;
  INFO(day);
  const std::string anchor = anchor_in(day);
  CHECK(anchor.starts_with("1:300:"));
  CHECK(day.find(" LSN 301") == std::string::npos);
  // Closed again too soon: these wait for the next day.
  ingest(data, generated_lines(301, 310));
  const std::string more = run_kifa({"verify", "-d", data}).out;
  INFO(more);
  CHECK(anchor_in(more) == anchor);
  CHECK(more.find("it does not cover LSN 301 to 310: records get one when") != std::string::npos);
  CHECK(run_kifa({"verify", "-d", data, "--anchor", anchor}).exit_code == 0);

  const std::string open = directory.file("open");
  Process daemon(kifa({"daemon", "--stdin", "-d", open}));
  REQUIRE(daemon.write_input(generated_lines(1, 5)));
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", open, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 5;
  }));
  const std::string none = run_kifa({"verify", "-d", open}).out;
  INFO(none);
  CHECK(none.find("anchor: ") == std::string::npos);
  CHECK(none.find("there is no anchor for LSN 1 to 5: records get one when") != std::string::npos);
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

TEST_CASE("verify ends with 65 and one line for each fault", "[verify]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  const std::string anchor = anchor_in(run_kifa({"verify", "-d", data}).out);
  const std::string table = table_in(data);
  REQUIRE_FALSE(table.empty());
  std::string bytes = read_file(table);
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  write_file(table, bytes);
  const Ending quiet = run_kifa({"verify", "-d", data, "--quiet"});
  INFO(quiet.out << quiet.err);
  CHECK(quiet.exit_code == 65);
  CHECK(quiet.out.find(table + " at offset ") != std::string::npos);
  CHECK(quiet.out.find("--repair") == std::string::npos);
  CHECK(run_kifa({"verify", "-d", data}).out.find("`kifa verify -d " + data + " --repair` keeps") !=
        std::string::npos);
  const Ending json = run_kifa({"verify", "-d", data, "--json"});
  CHECK(json.exit_code == 65);
  CHECK(json_number(json.out, "fault_count") > 0);
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  write_file(table, bytes);
  std::string other = anchor;
  other.back() = other.back() == '0' ? '1' : '0';
  CHECK(run_kifa({"verify", "-d", data, "--anchor", anchor}).exit_code == 0);
  const Ending forged = run_kifa({"verify", "-d", data, "--anchor", other});
  CHECK(forged.exit_code == 65);
  CHECK(forged.out.find("--repair") == std::string::npos);
  require_refusal(run_kifa({"verify", "-d", data, "--anchor", "1:2:3"}), 64, "no anchor");
  require_refusal(run_kifa({"verify", "-d", directory.file("none")}), 69, "nothing was created");
}

TEST_CASE("verify --repair keeps what can be read, records the rest and deletes nothing",
          "[verify][repair][W41]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  const std::string table = table_in(data);
  REQUIRE_FALSE(table.empty());
  std::string bytes = read_file(table);
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  write_file(table, bytes);
  const Ending repair = run_kifa({"verify", "-d", data, "--repair", "--json"});
  INFO(repair.out << repair.err);
  CHECK(repair.exit_code == 0);
  const std::uint64_t lost = json_number(repair.out, "lost_records");
  CHECK(lost > 0);
  CHECK(json_number(repair.out, "records") == kLines - lost);
  CHECK(read_file(table + ".damaged") == bytes);
  CHECK(repair.err.find(": " + table + ".damaged at offset ") != std::string::npos);
  CHECK(run_kifa({"query", "-d", data, "--events"}).out.find(table + ".damaged at offset ") !=
        std::string::npos);
  CHECK(run_kifa({"verify", "-d", data}).exit_code == 0);
  CHECK(stats_number(data, "lost_records") == lost);
  CHECK(payloads(data).size() == kLines - lost);
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  REQUIRE(daemon.wait_until([&] {
    return run_kifa({"stats", "-d", data, "--json"}).out.find("\"live\":true") != std::string::npos;
  }));
  require_refusal(run_kifa({"verify", "-d", data, "--repair"}), 69, "in use");
  const std::string repaired = table_in(data);
  std::string spoiled = read_file(repaired);
  spoiled[1000] = static_cast<char>(spoiled[1000] ^ 1);
  write_file(repaired, spoiled);
  CHECK(run_kifa({"verify", "-d", data}).out.find("stop the daemon first; then `kifa verify -d ") !=
        std::string::npos);
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

TEST_CASE("what a repair has recorded is told to whoever asks for its LSNs", "[repair][asking]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  const std::string table = table_in(data);
  std::string bytes = read_file(table);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(table, bytes);
  REQUIRE(run_kifa({"verify", "-d", data, "--repair"}).exit_code == 0);
  const std::string all = query(data, "json", {"--events"});
  const std::size_t gap = all.find("{\"event\":\"gap\"");
  REQUIRE(gap != std::string::npos);
  REQUIRE(all.find("{\"event\":\"gap\"", gap + 1) == std::string::npos);
  const std::uint64_t first = json_number(all.substr(gap), "first_lost_lsn");
  const std::uint64_t last = json_number(all.substr(gap), "last_lost_lsn");
  CHECK(all.substr(all.find('\n', gap) + 1).starts_with("{\"lsn\":" + std::to_string(last + 1)));
  const std::vector<std::string> range = {"--from-lsn", std::to_string(first - 3), "--to-lsn",
                                          std::to_string(last + 3)};
  const auto ask = [&](const std::string& command, std::vector<std::string> more) {
    more.insert(more.begin(), {command, "-d", data});
    more.insert(more.end(), range.begin(), range.end());
    return run_kifa(more);
  };
  const std::string lost = "1 gap in this range, " + std::to_string(last - first + 1) + " record";
  const Ending plain = ask("query", {});
  CHECK(plain.exit_code == 0);
  CHECK(plain.err.find(lost) != std::string::npos);
  CHECK(ask("query", {"--count"}).err.find(lost) != std::string::npos);
  CHECK(ask("query", {"--reverse"}).err.find(lost) != std::string::npos);
  const Ending shown = ask("query", {"--events"});
  CHECK(shown.err.empty());
  const std::size_t event = shown.out.find("\n-- event ");
  REQUIRE(event != std::string::npos);
  CHECK(shown.out.find("-- ", event + 2) == std::string::npos);
  CHECK(shown.out.find("\n[" + std::to_string(last + 1) + "] ") > event);
  const std::string file = directory.file("all.json");
  CHECK(ask("export", {"-o", file}).err.find(lost) != std::string::npos);
  const std::string manifest = read_file(file + ".manifest.json");
  CHECK(manifest.find("\"gaps\": 1,") != std::string::npos);
  CHECK(manifest.find("\"lost_records\": " + std::to_string(last - first + 1)) !=
        std::string::npos);
}

TEST_CASE("a repair by root leaves every file to the owner of the store", "[verify][repair]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  constexpr uid_t kNobody = 65534;
  const uid_t owner = geteuid() == 0 ? kNobody : geteuid();
  const gid_t group = geteuid() == 0 ? kNobody : getegid();
  const std::string table = table_in(data);
  std::string bytes = read_file(table);
  bytes[1000] = static_cast<char>(bytes[1000] ^ 1);
  write_file(table, bytes);
  REQUIRE(chmod(directory.path().c_str(), 0755) == 0);
  REQUIRE(chown(data.c_str(), owner, group) == 0);
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    REQUIRE(chown(entry.path().c_str(), owner, group) == 0);
  }
  const Ending repair = run_kifa_for_another_user({"verify", "-d", data, "--repair"});
  INFO(repair.out << repair.err);
  CHECK(repair.exit_code == 0);
  CHECK(std::filesystem::exists(table + ".damaged"));
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    CAPTURE(entry.path());
    struct stat found{};
    REQUIRE(stat(entry.path().c_str(), &found) == 0);
    CHECK(found.st_uid == owner);
  }
}

TEST_CASE("a daemon's store is verified and backed up while it writes", "[verify][backup]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}));
  std::jthread feeder([&] {
    for (std::uint64_t first = 1; first <= kLines; first += 100) {
      if (!daemon.write_input(generated_lines(first, first + 99))) {
        return;
      }
    }
  });
  REQUIRE(daemon.wait_until([&] {
    return run_kifa({"stats", "-d", data, "--json"}).out.find("\"live\":true") != std::string::npos;
  }));
  std::uint64_t copied = 0;
  for (int round = 0; copied < kLines; ++round) {
    const std::uint64_t durable = stats_number(data, "durable_lsn");
    const Ending verified = run_kifa({"verify", "-d", data});
    INFO(verified.out << verified.err);
    REQUIRE(verified.exit_code == 0);
    const std::string copy = directory.file("copy" + std::to_string(round));
    const Ending backup = run_kifa({"backup", "-d", data, copy, "--json"});
    INFO(backup.out << backup.err);
    REQUIRE(backup.exit_code == 0);
    copied = json_number(backup.out, "last_lsn");
    REQUIRE(copied >= durable);
    const Ending whole = run_kifa({"verify", "-d", copy});
    INFO(whole.out << whole.err);
    REQUIRE(whole.exit_code == 0);
    REQUIRE(require_generated(query(copy, "text"), 1) == copied);
    std::filesystem::remove_all(copy);
  }
  feeder.join();
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

TEST_CASE("a backup is a store of its own, and nothing is overwritten", "[backup]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string copy = directory.file("copy");
  ingest(data, generated_lines(1, kLines));
  const std::string before = fingerprint(data);
  const Ending backup = run_kifa({"backup", "-d", data, copy});
  INFO(backup.out << backup.err);
  REQUIRE(backup.exit_code == 0);
  CHECK(fingerprint(data) == before);
  ingest(copy, generated_lines(kLines + 1, kLines + 10));
  CHECK(require_generated(query(copy, "text"), 1) == kLines + 10);
  CHECK(run_kifa({"verify", "-d", copy}).exit_code == 0);
  CHECK(require_generated(query(data, "text"), 1) == kLines);
  require_refusal(run_kifa({"backup", "-d", data, copy}), 64, "is there already");
  CHECK_FALSE(std::filesystem::exists(copy + ".partial"));
  require_refusal(run_kifa({"backup", "-d", directory.file("none"), directory.file("x")}), 69,
                  "nothing was created");
  CHECK_FALSE(std::filesystem::exists(directory.file("x")));
}

TEST_CASE("stats tells of tables and what they take", "[stats][W40]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  const std::string json = stats_json(data);
  CHECK(json_number(json, "manifest_version") > 0);
  CHECK(json_number(json, "table_bytes") > 0);
  CHECK(json_number(json, "table_payload_bytes") > json_number(json, "table_bytes"));
  CHECK(json_number(json, "written_bytes") > 0);
  CHECK(json_number(json, "purged_records") == 0);
  CHECK(json.find("\"cursors\":[]") != std::string::npos);
  const std::string text = run_kifa({"stats", "-d", data}).out;
  for (const char* name : {"\nTables: ", "\nStored: ", "\nWritten: ", "\nPurged: ", "\nLog: ",
                           "\nCursors: ", "\nClock: ", "\nManifest: "}) {
    CAPTURE(name);
    CHECK(text.find(name) != std::string::npos);
  }
  CHECK(text.find("\nDisk budget:     none\n") != std::string::npos);
  CHECK(text.find("\nLast recovery:   none so far\n") != std::string::npos);
  CHECK(json_number(json, "disk_budget_bytes") == 0);
  CHECK(json.find("\"last_recovery_known\":true,\"last_recovery\":null") != std::string::npos);
}

TEST_CASE("stats says what is missing or damaged, and whether the clock is believed",
          "[stats][W7][W40]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, generated_lines(1, kLines));
  CHECK(run_kifa({"stats", "-d", data}).out.find("\nFaults:          none seen; `kifa verify` ") !=
        std::string::npos);
  std::filesystem::create_directory(data + "/cursors");
  write_file(data + "/cursors/audit", "no cursor");
  const std::string json = stats_json(data);
  CHECK(json.find("\"damaged_cursors\":[{\"name\":\"audit\",\"why\":\"") != std::string::npos);
  CHECK(json.find("\"faults\":[],\"unreadable_records\":0") != std::string::npos);
  CHECK(json.find("\"clock_is_believed\":") != std::string::npos);
  CHECK(run_kifa({"stats", "-d", data}).out.find("; now it ") != std::string::npos);

  const std::string table = table_in(data);
  REQUIRE_FALSE(table.empty());
  const std::string bytes = read_file(table);
  write_file(table, bytes.substr(0, bytes.size() / 2));
  const Ending cut = run_kifa({"stats", "-d", data});
  INFO(cut.out << cut.err);
  CHECK(cut.exit_code == 0);
  CHECK(cut.out.find(", of which ") != std::string::npos);
  CHECK(cut.out.find("\nFault:           " + table) != std::string::npos);
  CHECK(json_number(stats_json(data), "unreadable_records") > 0);
  write_file(table, bytes);

  std::vector<std::string> manifests;
  for (const auto& entry : std::filesystem::directory_iterator(data)) {
    if (entry.path().filename().string().starts_with("MANIFEST-")) {
      manifests.push_back(entry.path().string());
    }
  }
  for (const std::string& manifest : manifests) {
    std::filesystem::remove(manifest);
  }
  const Ending lost = run_kifa({"stats", "-d", data});
  INFO(lost.out << lost.err);
  CHECK(lost.out.find("\nManifest:        missing: ") != std::string::npos);
  CHECK(lost.out.find("\nFault:           " + data + ": manifest ") != std::string::npos);
  CHECK(lost.out.find("\nWritten:") == std::string::npos);
}

TEST_CASE("stats tells of the disk budget and of the last recovery, also of a copy",
          "[stats][W40]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string configuration = directory.file("till.yaml");
  write_file(configuration, "version: 1\nstore:\n  data_dir: " + data +
                                "\n  disk_budget: 64MiB\n"
                                "pipelines:\n"
                                "  till:\n"
                                "    sources: { in: { type: stdin, framing: { type: newline } } }\n"
                                "    sinks: { journal: { type: kifa } }\n");
  {
    Process daemon(kifa({"run", configuration}));
    REQUIRE(daemon.write_input(generated_lines(1, 100)));
    REQUIRE(daemon.wait_until([&] {
      const Ending stats = run_kifa({"stats", "-d", data, "--json"});
      return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 100;
    }));
    daemon.kill(SIGKILL);
    REQUIRE(daemon.wait().signal == SIGKILL);
  }
  CHECK(stats_json(data).find("\"last_recovery\":null") != std::string::npos);
  const Ending next = run_kifa({"run", configuration}, generated_lines(101, 110));
  INFO(next.err);
  REQUIRE(next.exit_code == 0);
  const Ending last = run_kifa({"run", configuration}, generated_lines(111, 120));
  REQUIRE(last.exit_code == 0);

  const std::string copy = directory.file("copy");
  std::filesystem::copy(data, copy, std::filesystem::copy_options::recursive);
  for (const std::string& where : {data, copy}) {
    CAPTURE(where);
    const std::string json = stats_json(where);
    CHECK(json_number(json, "disk_budget_bytes") == std::uint64_t{64} << 20U);
    CHECK(json.find("\"last_recovery\":{\"timestamp\":\"20") != std::string::npos);
    CHECK(json_number(json, "carried_records") <= 100);
    CHECK(json_number(json, "damages") == 0);
    const std::string text = run_kifa({"stats", "-d", where}).out;
    INFO(text);
    CHECK(text.find("\nDisk budget:     64.0 MiB, ") != std::string::npos);
    CHECK(text.find(" carried over") != std::string::npos);
    CHECK(text.find(", no damage\n") != std::string::npos);
  }
}

}  // namespace kifa::test
