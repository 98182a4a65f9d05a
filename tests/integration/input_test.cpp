#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// What people and devices send, and what they find again.
namespace kifa::test {
namespace {

TEST_CASE("empty input makes an empty store that can be read", "[input]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const Ending stored = run_kifa({"daemon", "--stdin", "-d", data});
  INFO(stored.err);
  CHECK(stored.exit_code == 0);
  CHECK(stored.err.find("ingested 0 records, durable up to LSN 0\n") != std::string::npos);
  const Ending shown = run_kifa({"query", "-d", data});
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.empty());
  CHECK(shown.err == "kifa: the store has no records yet\n");
  CHECK(stats_number(data, "total_entries") == 0);
  CHECK(run_kifa({"stats", "-d", data}).out.find("Total entries:   0\n") != std::string::npos);
}

TEST_CASE("a range without records is told and is no error", "[input]") {
  const TemporaryDirectory directory;
  ingest(directory.file("data"), "a\nb\n");
  const Ending shown = run_kifa({"query", "-d", directory.file("data"), "--from-lsn", "10"});
  CHECK(shown.exit_code == 0);
  CHECK(shown.out.empty());
  CHECK(shown.err == "kifa: no records in this range; the last LSN of the store is 2\n");
}

TEST_CASE("a line longer than a small store takes is stored in pieces", "[input][W19]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string line(600'000, 'x');
  const Ending stored =
      run_kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}, line + "\n");
  INFO(stored.err);
  REQUIRE(stored.exit_code == 0);
  std::string whole;
  for (const std::string& piece : payloads(data)) {
    CHECK(piece.size() <= 256U << 10U);
    whole += piece;
  }
  CHECK(whole == line);
}

TEST_CASE("a line of 10 MiB comes back whole, in pieces that say so", "[input][W19]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  std::string line(10U << 20U, '\0');
  for (std::size_t i = 0; i < line.size(); ++i) {
    line[i] = static_cast<char>('a' + i % 23);
  }
  ingest(data, "before\n" + line + "\nafter\n");
  const std::vector<std::string> stored = payloads(data);
  REQUIRE(stored.size() > 3);
  CHECK(stored.front() == "before");
  CHECK(stored.back() == "after");
  std::string joined;
  for (std::size_t i = 1; i + 1 < stored.size(); ++i) {
    CHECK(stored[i].size() <= 1U << 20U);
    joined += stored[i];
  }
  CHECK(joined == line);
  CHECK(query(data, "json", {"--from-lsn", "2", "--to-lsn", "2"}).find("\"flags\":[\"split\"") !=
        std::string::npos);
}

TEST_CASE("NUL and 0xFF bytes are data like any other", "[input][W10][W15]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\0b\n"s + "\xFF\xFE\n" + "plain\n");
  const std::string json = query(data, "json");
  CHECK(json.find("\"data\":\"a\\u0000b\"") != std::string::npos);
  CHECK(json.find("\"data_base64\":\"//4=\"") != std::string::npos);
  CHECK(json.find("\"data\":\"plain\"") != std::string::npos);
  CHECK(payloads(data).size() == 3);
}

TEST_CASE("text that is UTF-8 stays readable in JSON", "[input][W24]") {
  const TemporaryDirectory directory;
  ingest(directory.file("data"), "café ₦5,000 \xF0\x9F\x98\x80\n");
  CHECK(query(directory.file("data"), "json").find("\"data\":\"café ₦5,000 \xF0\x9F\x98\x80\"") !=
        std::string::npos);
}

TEST_CASE("a record cannot forge a second one in text output", "[input][W25]") {
  const TemporaryDirectory directory;
  const std::string config = directory.file("whole.yaml");
  write_file(config,
             "version: 1\n"
             "store: { data_dir: data }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources: { in: { type: stdin, framing: { type: none } } }\n"
             "    sinks: { journal: { type: kifa } }\n");
  const Ending stored =
      run_kifa({"run", config}, "sale\n[2] 2030-01-01 00:00:00.000 UTC refund\x1b[2J");
  INFO(stored.err);
  REQUIRE(stored.exit_code == 0);
  const std::string text = query(directory.file("data"), "text");
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("sale\\n[2] 2030") != std::string::npos);
}

TEST_CASE("where a record came from stands beside it, never in it", "[input][W26]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "[tcp:10.0.0.7:5140] forged\n");
  CHECK(payloads(data) == std::vector{"[tcp:10.0.0.7:5140] forged"s});
  const std::string json = query(data, "json");
  CHECK(json.find("\"source\":\"stdin\"") != std::string::npos);
  CHECK(json.find("\"data\":\"[tcp:10.0.0.7:5140] forged\"") != std::string::npos);
}

TEST_CASE("every record has a number and its nanoseconds", "[input][W28]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "a\nb\n");
  ingest(data, "c\n");
  const std::string second = query(data, "json", {"--from-lsn", "2", "--limit", "1"});
  CHECK(json_number(second, "lsn") == 2);
  CHECK(json_number(second, "timestamp_ns") / 1'000'000 == json_number(second, "timestamp_ms"));
  CHECK(json_number(second, "timestamp_ns") > 1'600'000'000'000'000'000U);
  CHECK(payloads(data, {"--from-lsn", "2", "--to-lsn", "3"}) == std::vector{"b"s, "c"s});
}

TEST_CASE("stdin that is closed is told, not taken for empty", "[input]") {
  const TemporaryDirectory directory;
  Launch launch = kifa({"daemon", "--stdin", "-d", directory.file("data")});
  launch.input = Launch::Stream::closed;
  require_refusal(run(launch), 69, "reads standard input, which is closed");
  CHECK_FALSE(std::filesystem::exists(directory.file("data")));
}

TEST_CASE("a reader that has seen enough ends a query quietly", "[input][W43]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  std::string lines;
  for (int i = 0; i < 20'000; ++i) {
    lines += "a line that is long enough to fill the pipe many times over\n";
  }
  ingest(data, lines);
  Process query(kifa({"query", "-d", data}));
  REQUIRE(query.wait_until([&] { return !query.out().empty(); }));
  query.close_output();
  const Ending ended = query.wait();
  CHECK(ended.exit_code == 0);
  CHECK(ended.err.empty());
}

TEST_CASE("normal mode leaves nothing behind at a clean end", "[input][W21]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  ingest(data, "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", {"--flush-mode", "normal"});
  const std::string stats = stats_json(data);
  CHECK(json_number(stats, "durable_lsn") == 10);
  CHECK(json_number(stats, "total_entries") == 10);
  CHECK(stats.find("\"clean\":true") != std::string::npos);
  CHECK(stats.find("\"flush_mode\":\"normal\"") != std::string::npos);
}

}  // namespace
}  // namespace kifa::test
