#include "tests/bench/measure.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/clock.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/bench/child.hpp"

namespace kifa::bench {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kWriteBytes = 1_MiB;
constexpr std::size_t kLinesBufferBytes = 32_MiB;
constexpr std::uint32_t kWarmUpRecords = 200;
constexpr auto kStartTimeout = seconds(30);
constexpr auto kDurableTimeout = seconds(600);
constexpr auto kLookAgainAfter = milliseconds(1);

// Different lines of `bytes` bytes each, and LF.
std::string make_lines(std::uint32_t bytes, std::size_t count) {
  std::string lines;
  lines.reserve(count * (bytes + 1));
  for (std::size_t i = 0; i < count; ++i) {
    std::string line = fmt::format(R"({{"txn":"TXN-{:010}","pad":")", i);
    line.resize(bytes, 'x');
    lines += line;
    lines += '\n';
  }
  return lines;
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), std::min(bytes.size(), kWriteBytes));
    if (written < 0) {
      return Status::from_errno(errno, "cannot feed kifa");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Waits until another process's store in `directory` says that `lsn` is durable, or until that
// process ends.
Status wait_until_durable(const std::string& directory, Lsn lsn, Child& writer,
                          SteadyClock::duration timeout) {
  const auto deadline = SteadyClock::now() + timeout;
  std::unique_ptr<store::Reader> reader;
  while (SteadyClock::now() < deadline) {
    if (writer.has_ended()) {
      return writer.wait();
    }
    if (reader == nullptr) {
      auto opened = store::Reader::open(directory, io::posix_file_system());
      if (opened.has_value()) {
        reader = std::move(*opened);
      }
    } else if (!reader->refresh()) {
      reader = nullptr;
    }
    if (reader != nullptr && reader->durable_lsn() >= lsn) {
      return {};
    }
    std::this_thread::sleep_for(kLookAgainAfter);
  }
  return {Code::unavailable, fmt::format("LSN {} was not durable in time", lsn.value)};
}

// An empty folder for one measurement; removed with what is in it.
class ScratchFolder final {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
    ::sync();
  }
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + '/' + std::string(name);
  }

 private:
  std::string path_;
};

}  // namespace

Result<BulkRate> measure_bulk_ingest(const Setup& setup) {
  const ScratchFolder scratch(setup.directory + "/bulk");
  const std::string data = scratch / "data";
  const std::size_t line_bytes = setup.record_bytes + 1;
  const std::size_t lines_in_buffer = kLinesBufferBytes / line_bytes;
  const std::string lines = make_lines(setup.record_bytes, lines_in_buffer);
  const std::uint64_t count = setup.bulk_bytes / setup.record_bytes;
  ::sync();

  Result<Child> kifa =
      Child::start({setup.kifa_path, "daemon", "--stdin", "-d", data, "--flush-mode", "cautious"},
                   setup.directory + "/bulk.log");
  KIFA_TRY(kifa.status());
  KIFA_TRY(write_all(kifa->input(), std::string_view(lines).substr(0, line_bytes)));
  KIFA_TRY(wait_until_durable(data, {1}, *kifa, kStartTimeout));

  const auto start = SteadyClock::now();
  std::uint64_t left = count;
  while (left > 0) {
    const std::uint64_t now = std::min<std::uint64_t>(left, lines_in_buffer);
    KIFA_TRY(write_all(kifa->input(), std::string_view(lines).substr(0, now * line_bytes)));
    left -= now;
  }
  KIFA_TRY(wait_until_durable(data, {count + 1}, *kifa, kDurableTimeout));
  const std::chrono::duration<double> taken = SteadyClock::now() - start;
  kifa->close_input();
  KIFA_TRY(kifa->wait());

  const auto records = static_cast<double>(count);
  return BulkRate{.payload_bytes_per_second = records * setup.record_bytes / taken.count(),
                  .records_per_second = records / taken.count()};
}

Result<Latency> measure_append_durable(const Setup& setup) {
  const ScratchFolder scratch(setup.directory + "/single");
  const SystemClock clock;
  store::StoreOptions options;
  options.directory = scratch / "data";
  ::sync();
  auto opened =
      store::Store::open(std::move(options), {.files = io::posix_file_system(), .clock = clock});
  KIFA_TRY(opened.status());
  store::Store& store = **opened;

  const std::string payload = make_lines(setup.record_bytes, 1).substr(0, setup.record_bytes);
  std::vector<double> taken;
  taken.reserve(setup.single_count);
  for (std::uint32_t i = 0; i < kWarmUpRecords + setup.single_count; ++i) {
    store::RecordView record;
    record.observed_unix_ns = clock.now_unix_ns();
    record.payload = as_byte_view(payload);
    store::BatchView batch;
    batch.pipeline = "bench";
    batch.source = "till";
    batch.records = {&record, 1};
    const auto start = SteadyClock::now();
    const Result<Lsn> lsn = store.append_durable(batch);
    const Microseconds elapsed = SteadyClock::now() - start;
    KIFA_TRY(lsn.status());
    if (i >= kWarmUpRecords) {
      taken.push_back(elapsed.count());
    }
  }
  KIFA_TRY(store.close());
  return latency_of(std::move(taken));
}

Result<Latency> measure_read_to_acknowledgement(const Setup& setup) {
  const ScratchFolder scratch(setup.directory + "/pipeline");
  const std::string file = scratch / "bench.yaml";
  const std::string result = scratch / "times";
  std::ofstream(file) << fmt::format(R"(version: 1
plugins: {{ path: ["{}"] }}
store: {{ data_dir: "{}", flush_mode: cautious }}
pipelines:
  bench:
    sources:
      till:
        type: bench_till
        count: {}
        record_bytes: {}
        result: "{}"
        framing: {{ type: newline }}
    sinks:
      journal: {{ type: kifa }}
)",
                                     setup.plugin_directory, scratch / "data",
                                     kWarmUpRecords + setup.single_count, setup.record_bytes,
                                     result);
  ::sync();
  Result<Child> kifa =
      Child::start({setup.kifa_path, "run", file}, setup.directory + "/pipeline.log");
  KIFA_TRY(kifa.status());
  KIFA_TRY(kifa->wait());

  std::ifstream times(result);
  std::vector<double> taken;
  for (double microseconds = 0; times >> microseconds;) {
    taken.push_back(microseconds);
  }
  if (taken.size() != kWarmUpRecords + setup.single_count) {
    return Status(Code::internal, fmt::format("{} of {} records were acknowledged", taken.size(),
                                              kWarmUpRecords + setup.single_count));
  }
  taken.erase(taken.begin(), taken.begin() + kWarmUpRecords);
  return latency_of(std::move(taken));
}

}  // namespace kifa::bench
