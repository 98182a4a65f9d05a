#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/pseudo_terminal.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// `kifa export` and `kifa verify --export`, read by Python's json, gzip and hashlib and by zstd.
namespace kifa::test {
namespace {

// Checks the export at argv[1] by its manifest, with nothing of kifa: prints the number of records.
constexpr const char* kCheckExport = R"(
import base64, gzip, hashlib, json, subprocess, sys
path = sys.argv[1]
manifest = json.load(open(path + '.manifest.json', encoding='utf-8'))
data = open(path, 'rb').read()
assert manifest['kifa_export'] == 1
assert manifest['file'] == path.rsplit('/', 1)[1]
assert manifest['bytes'] == len(data)
assert manifest['sha256'] == hashlib.sha256(data).hexdigest()
if manifest['compression'] == 'gzip':
    data = gzip.decompress(data)
elif manifest['compression'] == 'zstd':
    data = subprocess.run(['zstd', '-dc'], input=data, stdout=subprocess.PIPE, check=True).stdout
assert manifest['content_bytes'] == len(data)
assert manifest['content_sha256'] == hashlib.sha256(data).hexdigest()
lines = [json.loads(line) for line in data.splitlines()]
assert manifest['records'] == len(lines)
lsns = [line['lsn'] for line in lines]
times = [line['timestamp_ns'] for line in lines]
assert manifest['first_lsn'] == min(lsns, default=0)
assert manifest['last_lsn'] == max(lsns, default=0)
assert manifest['first_timestamp_ns'] == min(times, default=None)
assert manifest['last_timestamp_ns'] == max(times, default=None)
seal = manifest.pop('seal')
text = json.dumps(manifest, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
assert seal == hashlib.sha256(text.encode()).hexdigest()
print(len(lines))
)";

std::uint64_t checked(const std::string& file) {
  Launch launch;
  launch.arguments = {kPython, "-c", kCheckExport, file};
  const Ending ending = run(launch);
  INFO(ending.err);
  REQUIRE(ending.exit_code == 0);
  return std::stoull(ending.out);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A store, and a folder to export into.
struct Shop {
  explicit Shop(std::uint64_t lines) {
    ingest(data, generated_lines(1, lines));
    std::filesystem::create_directory(folder);
  }
  Ending export_to(const std::string& file, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"export", "-d", data, "-o", folder + "/" + file};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_kifa(arguments);
  }
  [[nodiscard]] std::string path(const std::string& file) const { return folder + "/" + file; }

  TemporaryDirectory directory;
  std::string data = directory.file("data");
  std::string folder = directory.file("out");
};

TEST_CASE("an export holds what was chosen, and its manifest says what it is", "[export][W28]") {
  const Shop shop(500);
  const Ending all = shop.export_to("all.json");
  INFO(all.err);
  REQUIRE(all.exit_code == 0);
  CHECK(all.out.find("all.json: 500 records, LSN 1 to 500, ") != std::string::npos);
  CHECK(all.err.empty());
  CHECK(checked(shop.path("all.json")) == 500);
  CHECK(read_file(shop.path("all.json")) == query(shop.data, "json"));
  REQUIRE(shop.export_to("some.json", {"--from-lsn", "100", "--to-lsn", "400", "--grep",
                                       "TXN-000000..7", "--limit", "20", "--reverse"})
              .exit_code == 0);
  CHECK(checked(shop.path("some.json")) == 20);
  const Ending none = shop.export_to("none.json", {"--from", "2199-01-01", "--json"});
  CHECK(none.exit_code == 0);
  CHECK(none.err == "kifa: no records in this range; the last LSN of the store is 500\n");
  CHECK(json_number(none.out, "records") == 0);
  CHECK(checked(shop.path("none.json")) == 0);
  REQUIRE(shop.export_to("all.txt", {"--format", "text", "--quiet"}).out.empty());
  CHECK(read_file(shop.path("all.txt")) == query(shop.data, "text"));
  CHECK(names_in(shop.folder).size() == 8);
}

TEST_CASE("an export in CSV is read by Python's csv, with the options that it was given",
          "[export]") {
  const Shop shop(50);
  REQUIRE(shop.export_to("sales.csv",
                         {"--format", "csv", "--format-option", "delimiter=;", "--from-lsn", "11"})
              .exit_code == 0);
  Launch launch;
  launch.arguments = {kPython, "-c",
                      "import csv, json, sys\n"
                      "rows = list(csv.DictReader(open(sys.argv[1], newline=''), delimiter=';'))\n"
                      "manifest = json.load(open(sys.argv[1] + '.manifest.json'))\n"
                      "assert manifest['format'] == 'csv'\n"
                      "assert manifest['format_options'] == ['delimiter=;']\n"
                      "assert manifest['records'] == len(rows)\n"
                      "print(''.join(row['data'] + '\\n' for row in rows), end='')",
                      shop.path("sales.csv")};
  const Ending read = run(launch);
  INFO(read.err);
  CHECK(read.out == generated_lines(11, 50));
  require_refusal(shop.export_to("x", {"--format", "csv", "--format-option", "delimter=;"}), 78,
                  "delimter");
  require_refusal(shop.export_to("x", {"--format-option", "delimiter"}), 64,
                  "--format-option takes NAME=VALUE");
}

TEST_CASE("a compressed export is read by gzip and by zstd", "[export]") {
  const Shop shop(2'000);
  for (const char* const how : {"gzip", "zstd"}) {
    const std::string file = "all."s + how;
    const Ending ending = shop.export_to(file, {"--compress", how});
    INFO(ending.err);
    REQUIRE(ending.exit_code == 0);
    CHECK(checked(shop.path(file)) == 2'000);
    CHECK(std::filesystem::file_size(shop.path(file)) < query(shop.data, "json").size());
    CHECK(run_kifa({"verify", "--export", shop.path(file)}).exit_code == 0);
  }
  require_refusal(shop.export_to("x", {"--compress", "lzma"}), 64,
                  "--compress takes gzip or zstd, not `lzma`");
}

TEST_CASE("an export is verified without its store, to the bit", "[export]") {
  const Shop shop(300);
  REQUIRE(shop.export_to("all.json").exit_code == 0);
  const std::string file = shop.path("all.json");
  std::filesystem::remove_all(shop.data);
  const Ending good = run_kifa({"verify", "--export", file});
  INFO(good.err);
  CHECK(good.exit_code == 0);
  CHECK(good.out.find("all.json: 300 records, LSN 1 to 300 of store ") != std::string::npos);
  CHECK(good.out.find(": no fault\n") != std::string::npos);
  CHECK(run_kifa({"verify", "--export", file, "--quiet"}).out.empty());
  const Ending json = run_kifa({"verify", "--export", file, "--json"});
  CHECK(json_number(json.out, "records") == 300);
  CHECK(json_number(json.out, "fault_count") == 0);

  const std::string bytes = read_file(file);
  std::string changed = bytes;
  changed[bytes.size() / 2] = static_cast<char>(changed[bytes.size() / 2] ^ 1);
  write_file(file, changed);
  const Ending spoilt = run_kifa({"verify", "--export", file});
  CHECK(spoilt.exit_code == 65);
  CHECK(spoilt.out.find("all.json is not what was exported: its SHA-256 is ") != std::string::npos);
  CHECK(run_kifa({"verify", "--export", file, "--quiet"}).out == spoilt.out);
  CHECK(json_number(run_kifa({"verify", "--export", file, "--json"}).out, "fault_count") == 1);
  write_file(file, bytes + "x");
  CHECK(run_kifa({"verify", "--export", file}).out.find(" bytes, but ") != std::string::npos);
  write_file(file, bytes);
  CHECK(run_kifa({"verify", "--export", file}).exit_code == 0);

  const std::string manifest = read_file(file + ".manifest.json");
  std::string forged = manifest;
  forged.replace(forged.find("\"records\": 300"), 14, "\"records\": 301");
  write_file(file + ".manifest.json", forged);
  require_refusal(run_kifa({"verify", "--export", file}), 65, "its seal does not hold");
  std::filesystem::remove(file + ".manifest.json");
  require_refusal(run_kifa({"verify", "--export", file}), 69, "there is no ");
  write_file(file + ".manifest.json", manifest);
  std::filesystem::remove(file);
  require_refusal(run_kifa({"verify", "--export", file}), 69, "No such file or directory");
  require_refusal(run_kifa({"verify", "--export", file, "--repair"}), 64,
                  "--export checks a file without its store");
}

TEST_CASE("the anchor of an export is one that verify knows", "[export]") {
  const Shop shop(30'000);  // enough for a table: what is in the log alone has no anchor yet
  REQUIRE(shop.export_to("last.json", {"--last", "5"}).exit_code == 0);
  const Ending verified = run_kifa({"verify", "--export", shop.path("last.json")});
  const std::string words = "anchor of the store then: ";
  REQUIRE(verified.out.find(words) != std::string::npos);
  const std::size_t begin = verified.out.find(words) + words.size();
  const std::string anchor = verified.out.substr(begin, verified.out.find('\n', begin) - begin);
  ingest(shop.data, generated_lines(30'001, 30'100));
  const Ending known = run_kifa({"verify", "-d", shop.data, "--anchor", anchor, "--quiet"});
  INFO(known.out << known.err);
  CHECK(known.exit_code == 0);
}

TEST_CASE("an export replaces nothing unless it is told to", "[export]") {
  const Shop shop(10);
  REQUIRE(shop.export_to("all.json").exit_code == 0);
  ingest(shop.data, generated_lines(11, 12));
  require_refusal(shop.export_to("all.json"), 64,
                  "all.json is there already: give --force to replace it");
  CHECK(checked(shop.path("all.json")) == 10);
  REQUIRE(shop.export_to("all.json", {"--force"}).exit_code == 0);
  CHECK(checked(shop.path("all.json")) == 12);
}

TEST_CASE("an export replaces a manifest that is alone, and nothing else in its place",
          "[export]") {
  const Shop shop(10);
  REQUIRE(shop.export_to("all.json").exit_code == 0);
  std::filesystem::remove(shop.path("all.json"));  // as a kill between the two leaves it
  REQUIRE(shop.export_to("all.json").exit_code == 0);
  CHECK(checked(shop.path("all.json")) == 10);
  const std::string place = shop.path("mine.json.manifest.json");
  write_file(place, "{\"mine\": true}");
  require_refusal(
      shop.export_to("mine.json"), 64,
      "mine.json.manifest.json is no manifest of an export, and would be replaced: move "
      "it away, or give --force");
  CHECK(read_file(place) == "{\"mine\": true}");
  REQUIRE(shop.export_to("mine.json", {"--force"}).exit_code == 0);
  CHECK(checked(shop.path("mine.json")) == 10);
  std::filesystem::create_directory(shop.path("x.json.manifest.json"));
  require_refusal(shop.export_to("x.json", {"--force"}), 64,
                  "x.json.manifest.json is no file, and the manifest belongs there: move it away");
}

TEST_CASE("an export that cannot be says why and leaves nothing", "[export][W39]") {
  const Shop shop(10);
  require_refusal(shop.export_to("no/where.json"), 69, "there is no folder ");
  require_refusal(shop.export_to(""), 64, "names a folder: name a file in it");
  require_refusal(shop.export_to("x", {"--format", "nonsense"}), 78, "nonsense");
  require_refusal(shop.export_to("x", {"--grep", "("}), 64, "is not a regular expression");
  require_refusal(run_kifa({"export", "-d", shop.data, "-o", "/dev/null", "--force"}), 64,
                  "/dev/null is no file");
  require_refusal(run_kifa({"export", "-d", shop.path("none"), "-o", shop.path("x")}), 69,
                  "there is no directory");
  require_refusal(run_kifa({"export", "-d", shop.data}), 64, "--output");
  CHECK(names_in(shop.folder).empty());
}

TEST_CASE("records that retention has removed are asked for in vain, and it is said",
          "[export][asking]") {
  Shop shop(1);
  const std::string config = shop.directory.file("kifa.yaml");
  write_file(config,
             "version: 1\n"
             "store: { data_dir: data, memtable_flush_threshold_mib: 1, retention_records: 100 }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources: { in: { type: stdin } }\n"
             "    sinks: { journal: { type: kifa } }\n");
  std::uint64_t next = 1;
  std::uint64_t removed = 0;
  for (int i = 0; i < 20 && removed <= 10; ++i, next += 10'000) {
    REQUIRE(run_kifa({"run", config}, generated_lines(next, next + 9'999)).exit_code == 0);
    removed = stats_number(shop.data, "purged_through");
  }
  REQUIRE(removed > 10);
  const std::string through = std::to_string(removed);
  const std::string first_left = std::to_string(removed + 1);
  const std::string words = "removed by retention";
  const auto says_so = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = arguments;
    all.insert(all.begin() + 1, {"-d", shop.data});
    const Ending ending = run_kifa(all);
    CHECK(ending.exit_code == 0);
    return ending.err.find(words) != std::string::npos;
  };
  CHECK(says_so({"query", "--from-lsn", "1", "--to-lsn", "10"}));
  CHECK(says_so({"query", "--from-lsn", "1", "--limit", "3"}));
  CHECK(says_so({"query", "--to-lsn", "10", "--count"}));
  CHECK(says_so({"query", "--to", "2001-01-01"}));
  CHECK(says_so({"tail", "--from-lsn", "1", "--limit", "3"}));
  CHECK_FALSE(says_so({"query", "--limit", "3"}));
  CHECK_FALSE(says_so({"query", "--from-lsn", first_left, "--limit", "3"}));
  CHECK_FALSE(says_so({"tail"}));
  const Ending refused = shop.export_to("some.json", {"--from-lsn", through, "--force"});
  CHECK(refused.exit_code == 69);
  CHECK(refused.err.find("--from-lsn " + first_left + " or more") != std::string::npos);
  CHECK(names_in(shop.folder).empty());
  CHECK(shop.export_to("rest.json", {"--from-lsn", first_left, "--limit", "5"}).exit_code == 0);
  CHECK(shop.export_to("all.json", {"--limit", "5"}).exit_code == 0);
  CHECK(read_file(shop.path("all.json.manifest.json")).find("\"first_lsn\": " + first_left) !=
        std::string::npos);
  const std::string events = run_kifa({"query", "-d", shop.data, "--events"}).out;
  CHECK(events.starts_with("-- found after [" + through + "]: purge: LSN 1 to "));
  CHECK(events.find("1970-01-01") == std::string::npos);
  CHECK(events.find(" records lost") == std::string::npos);
}

TEST_CASE("an export beside a daemon is one moment of its store", "[export][W29]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  Process daemon(kifa({"daemon", "--stdin", "-d", data, "--segment-size-mib", "1"}));
  std::jthread feeder([&] {
    for (std::uint64_t first = 1; first <= 20'000; first += 100) {
      if (!daemon.write_input(generated_lines(first, first + 99))) {
        return;
      }
    }
  });
  REQUIRE(daemon.wait_until([&] {
    return run_kifa({"query", "-d", data, "--count"}).out.find_first_of("123456789") !=
           std::string::npos;
  }));
  std::uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const std::string file = directory.file("live" + std::to_string(i) + ".json");
    REQUIRE(run_kifa({"export", "-d", data, "-o", file}).exit_code == 0);
    const std::uint64_t count = checked(file);
    CHECK(count >= before);
    before = count;
  }
  feeder.join();
  daemon.close_input();
  CHECK(daemon.wait().exit_code == 0);
}

// Only whole exports may be seen, and nothing hidden may pile up.
void check_visible(const Shop& shop, std::uint64_t lines) {
  std::size_t hidden = 0;
  for (const std::string& name : names_in(shop.folder)) {
    INFO(name);
    hidden += name.starts_with(".") ? 1 : 0;
    CHECK((name.starts_with(".") || name == "all.json" || name == "all.json.manifest.json"));
  }
  CHECK(hidden <= 2);
  if (std::filesystem::exists(shop.path("all.json"))) {
    const Ending verified = run_kifa({"verify", "--export", shop.path("all.json"), "--json"});
    INFO(verified.err);
    CHECK(verified.exit_code == 0);
    CHECK(json_number(verified.out, "records") == lines);
  }
}

TEST_CASE("an export that is killed at any moment leaves no visible partial file", "[export]") {
  const char* const given = std::getenv("KIFA_EXPORT_KILLS");
  const int kills = given != nullptr ? std::atoi(given) : (kSmall ? 4 : 10);
  const char* const given_seed = std::getenv("KIFA_TEST_SEED");
  const unsigned seed = given_seed != nullptr
                            ? static_cast<unsigned>(std::strtoul(given_seed, nullptr, 10))
                            : std::random_device()();
  INFO("KIFA_TEST_SEED=" << seed);
  std::mt19937 random(seed);
  const std::uint64_t lines = 20'000;
  const Shop shop(lines);
  const auto begin = std::chrono::steady_clock::now();
  REQUIRE(shop.export_to("all.json").exit_code == 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  const auto last_moment = static_cast<unsigned>(whole.count() * 12 / 10);
  int killed = 0;
  for (int i = 0; i < kills; ++i) {
    std::filesystem::remove(shop.path("all.json"));
    std::filesystem::remove(shop.path("all.json.manifest.json"));
    Process one(kifa({"export", "-d", shop.data, "-o", shop.path("all.json")}));
    const std::chrono::microseconds moment(
        std::uniform_int_distribution<unsigned>(0, last_moment)(random));
    // Returns early only when the export ends.
    one.wait_until([] { return false; },
                   std::chrono::duration_cast<std::chrono::milliseconds>(moment));
    one.kill(SIGKILL);
    killed += one.wait().signal == SIGKILL ? 1 : 0;
    check_visible(shop, lines);
  }
  CHECK(killed > 0);
  // The next one clears up.
  const Ending again = shop.export_to("all.json", {"--force"});
  INFO(again.err);
  REQUIRE(again.exit_code == 0);
  CHECK(names_in(shop.folder) == std::vector{"all.json"s, "all.json.manifest.json"s});
  CHECK(checked(shop.path("all.json")) == lines);
}

TEST_CASE("an interrupted export leaves nothing at all", "[export]") {
  const Shop shop(kSmall ? 20'000 : 100'000);
  for (const int signal_number : {SIGINT, SIGTERM}) {
    Process one(
        kifa({"export", "-d", shop.data, "-o", shop.path("all.json"), "--compress", "gzip"}));
    REQUIRE(one.wait_until([&] { return !names_in(shop.folder).empty(); }));
    one.kill(signal_number);
    CHECK(one.wait().exit_code == (signal_number == SIGINT ? 130 : 143));
    CHECK(names_in(shop.folder).empty());
  }
}

TEST_CASE("a second export to the same file waits for nobody", "[export]") {
  const Shop shop(kSmall ? 20'000 : 100'000);
  Process first(
      kifa({"export", "-d", shop.data, "-o", shop.path("all.json"), "--compress", "gzip"}));
  REQUIRE(first.wait_until([&] { return !names_in(shop.folder).empty(); }));
  first.kill(SIGSTOP);
  require_refusal(shop.export_to("all.json"), 69, "another process is writing ");
  CHECK(shop.export_to("other.json").exit_code == 0);
  first.kill(SIGCONT);
  CHECK(first.wait().exit_code == 0);
  CHECK(names_in(shop.folder).size() == 4);
}

}  // namespace
}  // namespace kifa::test
