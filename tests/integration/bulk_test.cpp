#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::test {
namespace {

constexpr std::uint64_t kBulkLines = kSmall ? 20'000 : 1'000'000;

// Compares the whole store with what was sent, through an independent JSON parser.
void check_records(const std::string& data, const std::string& kind, const std::string& argument) {
  Launch launch;
  launch.arguments = {kPython, kSourceDirectory + "/tests/integration/check_records.py",
                      kKifa,   data,
                      kind,    argument};
  launch.environment = kifa({}).environment;
  const Ending checked = run(launch);
  INFO(checked.err);
  REQUIRE(checked.exit_code == 0);
}

TEST_CASE("a million lines through stdin come back dense and byte for byte", "[bulk][W1]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  constexpr std::uint64_t kPiece = 10'000;
  for (std::uint64_t first = 1; first <= kBulkLines; first += kPiece) {
    REQUIRE(daemon.feed(generated_lines(first, first + kPiece - 1)));
  }
  daemon.close_input();
  const Ending ended = daemon.wait();
  INFO(ended.err);
  REQUIRE(ended.exit_code == 0);
  const std::string count = kSmall ? "20,000" : "1,000,000";
  CHECK(ended.err.find("ingested " + count + " records, durable up to LSN " + count + "\n") !=
        std::string::npos);
  const std::string stats = stats_json(data);
  CHECK(json_number(stats, "total_entries") == kBulkLines);
  CHECK(json_number(stats, "first_lsn") == 1);
  CHECK(json_number(stats, "last_lsn") == kBulkLines);
  CHECK(json_number(stats, "durable_lsn") == kBulkLines);
  CHECK(json_number(stats, "gaps") == 0);
  CHECK(json_number(stats, "payload_bytes") == kBulkLines * (kLineBytes - 1));
  CHECK(stats.find("\"flush_mode\":\"cautious\"") != std::string::npos);
  check_records(data, "generated", std::to_string(kBulkLines));
}

// `count` lines of about 200 bytes times `times`, while tables are made with the default settings.
void ingest_wide(std::uint64_t count, std::size_t times) {
  count = kSmall ? count / 50 : count;
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data}));
  std::string lines;
  for (std::uint64_t number = 1; number <= count; ++number) {
    const std::string line = generated_line(number);
    for (std::size_t i = 1; i < times; ++i) {
      lines += line + ' ';
    }
    lines += line + '\n';
    if (lines.size() >= 1U << 20U || number == count) {
      REQUIRE(daemon.feed(lines));
      lines.clear();
    }
  }
  daemon.close_input();
  const Ending ended = daemon.wait();
  INFO(ended.err);
  REQUIRE(ended.exit_code == 0);
  const std::string stats = stats_json(data);
  CHECK(json_number(stats, "total_entries") == count);
  CHECK(json_number(stats, "durable_lsn") == count);
  CHECK(json_number(stats, "gaps") == 0);
  check_records(data, "generated", std::to_string(count) + "x" + std::to_string(times));
}

TEST_CASE("longer lines come back dense and byte for byte while tables are made", "[bulk][W1]") {
  ingest_wide(60'000, 10);
  ingest_wide(400'000, 5);
}

// Every byte value, CRs in all places, empty lines, no LF at the end.
std::string random_text(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  const std::size_t lines = kSmall ? 2'000 : 20'000;
  for (std::size_t line = 0; line < lines; ++line) {
    const std::uint64_t shape = random() % 8;
    const std::size_t length = shape == 0 ? 0 : random() % (shape == 1 ? 4'000 : 120);
    for (std::size_t i = 0; i < length; ++i) {
      const char byte = static_cast<char>(shape < 6 ? random() % 256 : ' ' + random() % 95);
      text += byte == '\n' ? '\r' : byte;
    }
    text += random() % 4 == 0 ? "\r\n" : "\n";
  }
  return text + "the last line has no end\r";
}

TEST_CASE("random bytes split at newlines come back byte for byte", "[bulk][W10][W15]") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  const TemporaryDirectory directory;
  const std::string text = random_text(seed);
  write_file(directory.file("sent"), text);

  ingest(directory.file("stripped"), text);
  check_records(directory.file("stripped"), "file-strip-cr", directory.file("sent"));

  write_file(directory.file("keep.yaml"),
             "version: 1\n"
             "store: { data_dir: ./kept }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources:\n"
             "      in: { type: stdin, framing: { type: newline, strip_cr: false } }\n"
             "    sinks:\n"
             "      journal: { type: kifa }\n");
  const Ending kept = run_kifa({"run", directory.file("keep.yaml")}, text);
  INFO(kept.err);
  REQUIRE(kept.exit_code == 0);
  check_records(directory.file("kept"), "file", directory.file("sent"));
}

}  // namespace
}  // namespace kifa::test
