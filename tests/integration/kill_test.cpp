#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

// kill -9 at random moments: what was durable before is there after, in order, once.
namespace kifa::test {
namespace {

constexpr std::uint64_t kCheckAllEvery = 25;  // rounds; the others check what is new
constexpr std::uint64_t kExportEvery = 4;     // rounds, about

// KIFA_KILLS makes it longer.
std::uint64_t kills_of_this_run() {
  const char* given = std::getenv("KIFA_KILLS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : (kSmall ? 10 : 100);
}

std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("KIFA_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// Line n becomes LSN n: after every kill the sender goes on behind the last record of the store.
class KillLoop final {
 public:
  // `store` are the lines of the configuration below `store:`, but for the directory.
  KillLoop(std::uint64_t seed, const std::string& store) : random_(seed) {
    write_file(configuration_, "version: 1\nstore:\n  data_dir: " + data_ + "\n" + store +
                                   "pipelines:\n"
                                   "  till:\n"
                                   "    sources: { in: { type: stdin, framing: { type: newline, "
                                   "record_bytes_max: 256KiB } } }\n"
                                   "    sinks: { journal: { type: kifa } }\n");
  }

  void run() {
    const std::uint64_t kills = kills_of_this_run();
    for (std::uint64_t round = 1; round <= kills; ++round) {
      INFO("round " << round << ", records so far " << stored_);
      const std::uint64_t durable = write_and_kill();
      const Ending found = run_kifa({"stats", "-d", data_, "--json"});
      if (found.exit_code == 69 && durable == 0 && stored_ == 0) {
        continue;  // killed before the store was there
      }
      INFO(found.err);
      REQUIRE(found.exit_code == 0);
      const std::string& stats = found.out;
      const std::uint64_t last = json_number(stats, "last_lsn");
      REQUIRE(last >= durable);
      REQUIRE(last >= stored_);
      REQUIRE(last <= sent_);
      REQUIRE(json_number(stats, "total_entries") == last);
      REQUIRE(json_number(stats, "gaps") == 0);
      check_contents(round % kCheckAllEvery == 0 ? 1 : stored_ + 1, last);
      stored_ = last;
      most_tables_ = std::max(most_tables_, table_count());
    }
    // Some were cut off by the kill, and some were not.
    CHECK((kSmall || kills < 100 || whole_exports_ > 0));
    // A last writer ends well, and all is still there.
    const Ending ended =
        run_kifa({"run", configuration_}, generated_lines(stored_ + 1, stored_ + 10));
    INFO(ended.err);
    REQUIRE(ended.exit_code == 0);
    check_contents(1, stored_ + 10);
  }

  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] std::uint64_t most_tables() const { return most_tables_; }

 private:
  // Starts a daemon, sends lines, and kills it while they flow. Returns what stats called durable.
  std::uint64_t write_and_kill() {
    Process daemon(kifa({"run", configuration_}));
    // Some kills fall into start-up and recovery, most into the work.
    const std::uint64_t enough = random_() % 8 == 0 ? 0 : random_() % (kSmall ? 2'000 : 8'000);
    const std::uint64_t lines_a_piece = 1 + random_() % 200;
    std::atomic<std::uint64_t> fed{0};
    std::uint64_t last_sent = 0;
    std::jthread feeder([this, &daemon, &fed, &last_sent, lines_a_piece] {
      for (std::uint64_t next = stored_ + 1;; next += lines_a_piece) {
        last_sent = next + lines_a_piece - 1;
        if (!daemon.write_input(generated_lines(next, last_sent))) {
          break;  // killed
        }
        fed.fetch_add(lines_a_piece);
        fed.notify_one();
      }
      fed.store(UINT64_MAX);
      fed.notify_one();
    });
    for (std::uint64_t seen = fed.load(); seen < enough; seen = fed.load()) {
      fed.wait(seen);
    }
    std::uint64_t durable = 0;
    if (enough != 0 || stored_ != 0) {
      const Ending stats = run_kifa({"stats", "-d", data_, "--json"});
      INFO(stats.err);
      if (stats.exit_code == 0) {
        durable = json_number(stats.out, "durable_lsn");
      } else {
        REQUIRE(stats.exit_code == 69);  // not created yet
        REQUIRE(stored_ == 0);
      }
    }
    // A reader is in the middle of it when the writer dies, and what it has shown has to stay.
    const std::uint64_t from = stored_ - std::min<std::uint64_t>(stored_, 2'000) + 1;
    Process reader(kifa({"query", "-d", data_, "--from-lsn", std::to_string(from)}));
    if (random_() % 2 == 0) {
      reader.wait_until([&reader] { return !reader.out().empty(); });
    }
    // And somebody exports, who may be killed too.
    std::optional<Process> exporter;
    if (random_() % kExportEvery == 0) {
      exporter.emplace(
          kifa({"export", "-d", data_, "-o", export_, "--from-lsn", std::to_string(from)}));
      if (random_() % 2 == 0) {
        exporter->wait_until([this] { return !exports().empty(); });
      }
    }
    daemon.kill(SIGKILL);
    if (exporter && random_() % 3 == 0) {
      exporter->kill(SIGKILL);
    }
    const Ending ended = daemon.wait();
    feeder.join();
    INFO(ended.err);
    REQUIRE(ended.signal == SIGKILL);
    sent_ = last_sent;
    const std::uint64_t exported = exporter ? last_exported(*exporter, from) : 0;
    return std::max({durable, last_shown(reader, from), exported});
  }

  // The names that an export has made: its own, hidden until it is whole, and that of its manifest.
  [[nodiscard]] std::vector<std::string> exports() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(directory_.path())) {
      const std::string name = file.path().filename().string();
      if (name.find("export.json") != std::string::npos) {
        names.push_back(name);
      }
    }
    return names;
  }

  // The last line of an export that began with line `from`, which is whole or not there: what it
  // holds has to stay.
  [[nodiscard]] std::uint64_t last_exported(Process& exporter, std::uint64_t from) {
    const Ending ended = exporter.wait();
    INFO(ended.err);
    const bool is_there = std::filesystem::exists(export_);
    if (ended.signal != SIGKILL) {
      // 69: it came before the store.
      REQUIRE((ended.exit_code == 0 || (ended.exit_code == 69 && stored_ == 0)));
      REQUIRE(is_there == (ended.exit_code == 0));
      REQUIRE(exports().size() == (is_there ? 2 : 0));
    }
    if (!is_there) {
      return 0;
    }
    const Ending verified = run_kifa({"verify", "--export", export_, "--json"});
    INFO(verified.err);
    REQUIRE(verified.exit_code == 0);
    const std::uint64_t records = json_number(verified.out, "records");
    ++whole_exports_;
    std::filesystem::remove(export_);
    std::filesystem::remove(export_ + ".manifest.json");
    return records == 0 ? 0 : from - 1 + records;
  }

  // The last of the lines that `reader` has shown, which begin with line `from`.
  [[nodiscard]] std::uint64_t last_shown(Process& reader, std::uint64_t from) const {
    const Ending read = reader.wait();
    INFO(read.err);
    if (read.exit_code == 69 && stored_ == 0) {
      return 0;  // it came before the store
    }
    REQUIRE(read.exit_code == 0);
    return from - 1 + require_generated(read.out, from);
  }

  [[nodiscard]] std::uint64_t table_count() const {
    const std::filesystem::directory_iterator files(data_);
    return static_cast<std::uint64_t>(std::ranges::count_if(files, [](const auto& file) {
      return file.path().filename().string().starts_with("table-");
    }));
  }

  void check_contents(std::uint64_t first, std::uint64_t last) {
    if (first > last) {
      return;
    }
    const std::string text = query(
        data_, "text", {"--from-lsn", std::to_string(first), "--to-lsn", std::to_string(last)});
    REQUIRE(require_generated(text, first) == last - first + 1);
  }

  std::mt19937_64 random_;
  TemporaryDirectory directory_;
  std::string data_ = directory_.file("data");
  std::string configuration_ = directory_.file("till.yaml");
  std::string export_ = directory_.file("export.json");
  std::uint64_t whole_exports_ = 0;
  std::uint64_t most_tables_ = 0;
  std::uint64_t stored_ = 0;  // records that were seen after the last kill
  std::uint64_t sent_ = 0;    // the last line that may have arrived
};

TEST_CASE("kill -9 a hundred times loses nothing that was durable", "[kill]") {
  const std::uint64_t seed = seed_of_this_run();
  WARN("KIFA_TEST_SEED=" << seed);
  // Every start begins a segment; with 16 MiB each the test would write 1.6 GB of zeros.
  KillLoop loop(seed, "  segment_size_mib: 4\n");
  loop.run();
}

// Rotations, flushes and joins all the time: each kill falls into some of them.
void kill_in_mode(const std::string& mode) {
  const std::uint64_t seed = seed_of_this_run();
  WARN("KIFA_TEST_SEED=" << seed);
  KillLoop loop(seed, "  flush_mode: " + mode +
                          "\n"
                          "  segment_size_mib: 1\n"
                          "  memtable_flush_threshold_mib: 1\n"
                          "  wal_backlog_max: 16MiB\n"  // tables do not wait for the end of a burst
                          "  compaction_threshold: 2\n");
  loop.run();
  CHECK((kSmall || loop.most_tables() > 0));  // the small form may end before any is due
  for (const auto& file : std::filesystem::directory_iterator(loop.data())) {
    CHECK(file.path().extension() != ".damaged");
  }
}

TEST_CASE("kill -9 while tables are made and joined loses nothing in cautious mode",
          "[kill][W1][W2][W3]") {
  kill_in_mode("cautious");
}

TEST_CASE("kill -9 while tables are made and joined loses nothing in normal mode",
          "[kill][W1][W2][W3]") {
  kill_in_mode("normal");
}

TEST_CASE("kill -9 while tables are made and joined loses nothing in emergency mode",
          "[kill][W1][W2][W3]") {
  kill_in_mode("emergency");
}

}  // namespace
}  // namespace kifa::test
