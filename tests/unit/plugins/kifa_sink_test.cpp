#include <stdlib.h>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/test_instance.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/plugins/batches.hpp"

extern "C" const kifa_plugin* kifa_builtin_kifa() noexcept;

using kifa::plugins::testing::BatchBuilder;
using kifa::testing::FakeHost;
using kifa::testing::TestInstance;

namespace store = kifa::store;

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

// A folder of the real file system that goes with the test.
class Folder final {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "kifa-sink-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string at(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

class Sink final {
 public:
  Sink(const std::string& name, const std::string& directory, TestInstance::Texts texts = {})
      : host(name), instance_(*kifa_builtin_kifa(), host) {
    texts["data_dir"] = directory;
    if (texts.try_emplace("segment_size_mib", "1").second) {
      host.set_record_bytes_max(256U << 10U);
    }
    configured = instance_.configure(texts);
    started = configured == KIFA_OK ? instance_.start() : configured;
    start_message = instance_.message();
  }

  kifa_status write(const std::vector<BatchBuilder*>& batches) {
    std::vector<const kifa_batch*> offered;
    for (BatchBuilder* batch : batches) {
      offered.push_back(batch->raw());
    }
    instance_.reset_error();
    return instance_.sink().write(instance_.raw(), offered.data(),
                                  static_cast<std::uint32_t>(offered.size()), &taken,
                                  instance_.error());
  }
  kifa_status flush() {
    instance_.reset_error();
    return instance_.sink().flush(instance_.raw(), host.mono_ns() + 30 * kSecondNs,
                                  instance_.error());
  }
  kifa_status stop() { return instance_.stop(host.mono_ns() + 30 * kSecondNs); }

  struct Loaded {
    std::string key;
    std::uint64_t position;
    std::string state;
    bool operator==(const Loaded&) const = default;
  };
  std::vector<Loaded> checkpoints(std::string_view origin) {
    std::vector<Loaded> loaded;
    kifa_checkpoint_out out{sizeof(kifa_checkpoint_out), 0, &loaded,
                            [](const kifa_checkpoint_out* to, const kifa_checkpoint* one) noexcept {
                              static_cast<std::vector<Loaded>*>(to->ctx)->push_back(
                                  {std::string(kifa::sdk::text_of(one->key)), one->position,
                                   std::string(kifa::sdk::text_of(one->state))});
                              return kifa_status{KIFA_OK};
                            }};
    instance_.reset_error();
    REQUIRE(instance_.sink().load_checkpoints(instance_.raw(), kifa::sdk::to_abi(origin), &out,
                                              instance_.error()) == KIFA_OK);
    return loaded;
  }
  [[nodiscard]] std::string message() const { return instance_.message(); }

  FakeHost host;
  kifa_status configured = KIFA_OK;
  kifa_status started = KIFA_OK;
  std::string start_message;
  std::uint32_t taken = 0;

 private:
  TestInstance instance_;
};

struct Stored {
  std::vector<std::string> payloads;
  std::vector<std::string> sources;
  std::vector<std::string> events;
};

Stored read_store(const std::string& directory) {
  Stored stored;
  auto reader = store::Reader::open(directory, kifa::io::posix_file_system());
  REQUIRE(reader.has_value());
  REQUIRE((*reader)
              ->scan(
                  {},
                  [&](const store::RecordView& record) {
                    REQUIRE(record.lsn.value == stored.payloads.size() + 1);
                    stored.payloads.emplace_back(kifa::as_text(record.payload));
                    stored.sources.emplace_back(record.source);
                    return true;
                  },
                  [&](const store::Event& event) {
                    stored.events.push_back(event.text);
                    return true;
                  })
              .is_ok());
  return stored;
}

void add_records(BatchBuilder& batch, const std::vector<std::string>& payloads) {
  const std::size_t attributes = batch.add_attributes({{"kifa.pipeline", "till-1"}});
  for (const std::string& payload : payloads) {
    batch.add_record(payload, attributes, 1'769'884'200 * kSecondNs);
  }
}

}  // namespace

TEST_CASE("batches are settled with their LSNs and can be read back", "[plugins][kifa]") {
  const Folder folder;
  Sink sink("till-1/journal", folder.at("data"));
  REQUIRE(sink.start_message.empty());
  REQUIRE(sink.started == KIFA_OK);
  BatchBuilder first(1, "till-1/app");
  add_records(first, {"one", std::string("\0\xFF", 2), ""});
  first.add_gap(KIFA_GAP_OVERFLOW, 3, 600, "the queue was full");
  BatchBuilder second(2, "till-1/printer");
  add_records(second, {"four"});
  CHECK(sink.write({&first, &second}) == KIFA_OK);
  CHECK(sink.taken == 2);
  CHECK(sink.flush() == KIFA_OK);
  const std::vector<kifa_receipt> receipts = sink.host.receipts();
  REQUIRE(receipts.size() == 2);
  CHECK(receipts[0].ticket == 1);
  CHECK(receipts[0].first_lsn == 1);
  CHECK(receipts[0].status == KIFA_OK);
  CHECK(receipts[1].ticket == 2);
  CHECK(receipts[1].first_lsn == 4);
  CHECK(sink.stop() == KIFA_OK);

  const Stored stored = read_store(folder.at("data"));
  CHECK(stored.payloads == std::vector<std::string>{"one", std::string("\0\xFF", 2), "", "four"});
  CHECK(stored.sources == std::vector<std::string>{"app", "app", "app", "printer"});
  REQUIRE_FALSE(stored.events.empty());
  CHECK(std::find(stored.events.begin(), stored.events.end(),
                  "till-1/app: dropped because nobody could take it in time: the queue was full") !=
        stored.events.end());
}

TEST_CASE("checkpoints come back after a restart, those of their origin only", "[plugins][kifa]") {
  const Folder folder;
  {
    Sink sink("till-1/journal", folder.at("data"));
    REQUIRE(sink.started == KIFA_OK);
    BatchBuilder batch(1, "till-1/app");
    add_records(batch, {"one"});
    batch.add_checkpoint("a.log", 100, "inode 1");
    batch.add_checkpoint("b.log", 200, "");
    BatchBuilder other(2, "till-1/printer");
    other.add_checkpoint("c.log", 300, "");  // without records
    BatchBuilder later(3, "till-1/app");
    later.add_checkpoint("a.log", 150, "inode 2");
    later.add_checkpoint("b.log", 0, "", KIFA_CHECKPOINT_FORGET);
    CHECK(sink.write({&batch, &other, &later}) == KIFA_OK);
    CHECK(sink.flush() == KIFA_OK);
    CHECK(sink.host.receipts().size() == 3);
    CHECK(sink.stop() == KIFA_OK);
  }
  Sink sink("till-1/journal", folder.at("data"));
  REQUIRE(sink.started == KIFA_OK);
  CHECK(sink.checkpoints("till-1/app") == std::vector<Sink::Loaded>{{"a.log", 150, "inode 2"}});
  CHECK(sink.checkpoints("till-1/printer") == std::vector<Sink::Loaded>{{"c.log", 300, ""}});
  CHECK(sink.checkpoints("till-2/app").empty());
  CHECK(sink.stop() == KIFA_OK);
}

TEST_CASE("two sinks on one directory write one store, by whatever name", "[plugins][kifa]") {
  const Folder folder;
  Sink first("till-1/journal", folder.at("data"));
  REQUIRE(first.started == KIFA_OK);
  std::filesystem::create_directory_symlink(folder.at("data"), folder.at("same"));
  Sink second("till-2/journal", folder.at("same"));
  REQUIRE(second.started == KIFA_OK);
  BatchBuilder one(1, "till-1/app");
  add_records(one, {"one"});
  BatchBuilder two(1, "till-2/app");
  add_records(two, {"two"});
  CHECK(first.write({&one}) == KIFA_OK);
  CHECK(first.flush() == KIFA_OK);
  CHECK(second.write({&two}) == KIFA_OK);
  CHECK(first.stop() == KIFA_OK);
  CHECK(second.flush() == KIFA_OK);
  CHECK(second.stop() == KIFA_OK);
  CHECK(first.host.receipts().at(0).first_lsn == 1);
  CHECK(second.host.receipts().at(0).first_lsn == 2);
  CHECK(read_store(folder.at("same")).payloads == std::vector<std::string>{"one", "two"});
}

TEST_CASE("two sinks that disagree about their store do not both start", "[plugins][kifa]") {
  const Folder folder;
  Sink first("till-1/journal", folder.at("data"));
  Sink second("till-2/journal", folder.at("data"), {{"flush_mode", "normal"}});
  CHECK(first.started == KIFA_OK);
  CHECK(second.started == KIFA_INVALID);
  CHECK(second.start_message.find("till-1/journal and till-2/journal") != std::string::npos);
  CHECK(second.start_message.find("flush_mode (cautious and normal)") != std::string::npos);
}

TEST_CASE("a store that another has open is locked", "[plugins][kifa]") {
  const Folder folder;
  const kifa::SystemClock clock;
  auto other = store::Store::open(
      {.directory = folder.at("data"), .segment_bytes = 1U << 20U, .record_bytes_max = 1U << 18U},
      {.files = kifa::io::posix_file_system(), .clock = clock});
  REQUIRE(other.has_value());
  Sink sink("till-1/journal", folder.at("data"));
  CHECK(sink.started == KIFA_LOCKED);
  CHECK_FALSE(sink.start_message.empty());
  CHECK((*other)->close().is_ok());
}

TEST_CASE("a data directory that is a file is refused with a sentence and left alone",
          "[plugins][kifa]") {
  const Folder folder;
  std::ofstream(folder.at("data")) << "my file";
  Sink sink("till-1/journal", folder.at("data"));
  CHECK(sink.started == KIFA_IO);
  CHECK(sink.start_message.find(folder.at("data")) != std::string::npos);
  std::string content;
  std::getline(std::ifstream(folder.at("data")), content);
  CHECK(content == "my file");
}

TEST_CASE("wrong settings are refused by name", "[plugins][kifa]") {
  const Folder folder;
  Sink sink("till-1/journal", folder.at("data"), {{"segment_size_mib", "3"}});
  CHECK(sink.configured == KIFA_INVALID);
  CHECK(sink.start_message == "segment_size_mib 3 is not a power of two; use 1, 2, 4, 8, 16, ...");
  CHECK_FALSE(std::filesystem::exists(folder.at("data")));
}

TEST_CASE("a store too small for the longest records is refused before anything is made",
          "[plugins][kifa]") {
  const Folder folder;
  Sink sink("till-1/journal", folder.at("data"),
            {{"segment_size_mib", "16"}, {"disk_budget", "16MiB"}});
  CHECK(sink.configured == KIFA_INVALID);
  CHECK(sink.start_message ==
        "segment_size_mib 16 with disk_budget 16MiB allows records of at most 512KiB, but the "
        "framings of this pipeline let through 1MiB: write `record_bytes_max: 512KiB` in each "
        "`framing:`, or make the store larger");
  CHECK_FALSE(std::filesystem::exists(folder.at("data")));
}

TEST_CASE("options that would do nothing beside others are refused with both names and a remedy",
          "[plugins][kifa]") {
  const struct {
    TestInstance::Texts texts;
    std::string_view message;
  } cases[] = {
      // What is wrong by itself comes before what it contradicts.
      {{{"segment_size_mib", "16"}, {"disk_budget", "7MiB"}},
       "disk_budget 7MiB is too small: at least 8MiB are needed"},
      {{{"segment_size_mib", "16"}, {"disk_budget", "1KiB"}},
       "disk_budget 1KiB is too small: at least 8MiB are needed"},
      {{{"disk_budget", "8MiB"}, {"retention_bytes", "16MiB"}},
       "retention_bytes 16MiB contradicts disk_budget 8MiB: the log needs 3MiB of it, and tables "
       "can never be so large; make it 5MiB or less, or disk_budget larger"},
      {{{"disk_budget", "8MiB"}, {"memtable_flush_threshold_mib", "64"}},
       "memtable_flush_threshold_mib 64 contradicts disk_budget 8MiB: tables are made when the log "
       "has a quarter of it; make it 4 or less, or disk_budget 256MiB or more"},
      {{{"wal_backlog_max", "64MiB"}, {"memtable_flush_threshold_mib", "512"}},
       "memtable_flush_threshold_mib 512 contradicts wal_backlog_max 64MiB: input would wait "
       "before there is a table; make it 64 or less, or wal_backlog_max larger"},
      {{{"disk_budget", "8MiB"}, {"spare_segments", "100"}},
       "spare_segments 100 contradicts disk_budget 8MiB: so many files of 1MiB are more than all "
       "of it; make it 8 or less, or disk_budget larger"},
      {{{"disk_budget", "8MiB"}, {"wal_backlog_max", "8MiB"}},
       "wal_backlog_max 8MiB contradicts disk_budget 8MiB: it may be at most half of it; make it "
       "4MiB or less, or disk_budget 16MiB or more"},
      {{{"segment_size_mib", "16"}, {"wal_backlog_max", "1MiB"}},
       "wal_backlog_max 1MiB is too small for segments of 16MiB: at least 3 segments must fit; "
       "make it 48MiB or more, or segment_size_mib smaller"},
  };
  for (const auto& one : cases) {
    const Folder folder;
    const Sink sink("till-1/journal", folder.at("data"), one.texts);
    CHECK(sink.configured == KIFA_INVALID);
    CHECK(sink.start_message == one.message);
    CHECK_FALSE(std::filesystem::exists(folder.at("data")));
  }
}

TEST_CASE("what the options have by default contradicts nothing", "[plugins][kifa]") {
  const TestInstance::Texts cases[] = {
      {{"disk_budget", "8MiB"}},
      {{"disk_budget", "8MiB"}, {"retention_bytes", "5MiB"}},
      {{"disk_budget", "64MiB"}, {"memtable_flush_threshold_mib", "16"}},
      {{"wal_backlog_max", "3MiB"}},
      {{"wal_backlog_max", "64MiB"}, {"memtable_flush_threshold_mib", "64"}},
      {{"disk_budget", "8MiB"}, {"spare_segments", "8"}},
  };
  for (const TestInstance::Texts& texts : cases) {
    const Folder folder;
    Sink sink("till-1/journal", folder.at("data"), texts);
    INFO(sink.start_message);
    CHECK(sink.started == KIFA_OK);
    CHECK(sink.stop() == KIFA_OK);
  }
}

TEST_CASE("the data directory is nobody else's", "[plugins][kifa][W36]") {
  const Folder folder;
  Sink sink("till-1/journal", folder.at("data"));
  REQUIRE(sink.started == KIFA_OK);
  CHECK(std::filesystem::status(folder.at("data")).permissions() ==
        std::filesystem::perms::owner_all);
  CHECK(sink.stop() == KIFA_OK);
  CHECK(sink.stop() == KIFA_OK);  // again: nothing to stop
}

TEST_CASE("a sink destroyed while it runs gives its store back", "[plugins][kifa]") {
  const Folder folder;
  {
    Sink sink("till-1/journal", folder.at("data"));
    BatchBuilder batch(1, "till-1/app");
    add_records(batch, {"one"});
    CHECK(sink.write({&batch}) == KIFA_OK);
  }
  Sink sink("till-1/journal", folder.at("data"));
  CHECK(sink.started == KIFA_OK);
  CHECK(sink.stop() == KIFA_OK);
  CHECK(read_store(folder.at("data")).payloads == std::vector<std::string>{"one"});
}
