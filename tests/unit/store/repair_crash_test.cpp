#include "core/store/checkpoints_file.hpp"
#include "core/store/repair.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

// Every call is tried; with sanitizers, which take ten times as long, some of them.
constexpr std::uint64_t call_stride() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 11;
#elif defined(__has_feature)
  return __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ? 11 : 1;
#else
  return 1;
#endif
}

// A store with everything that repair mends: a table whose footer is gone, one with a damaged
// block, one that is missing, checkpoints that cannot be read.
struct DamagedStore : UpkeepFixture {
  std::vector<Lsn> readable;  // what a repair that is not disturbed keeps
  std::string faults;         // that the last repair has left

  DamagedStore() {
    options.compaction_enabled = false;
    options.memtable_flush_bytes = 300_KiB;
    auto store = open();
    const Checkpoint checkpoint{.origin = "p/s", .key = "file", .position = 7};
    REQUIRE(store->append_durable({.pipeline = "p",
                                   .source = "s",
                                   .records = {},
                                   .checkpoints = {&checkpoint, 1},
                                   .events = {}}));
    append_up_to(*store, 24);
    REQUIRE(store->close().is_ok());
    const Manifest whole = manifest();
    REQUIRE(whole.tables.size() >= 4);
    spoil(table_file_name(whole.tables[0].number), whole.tables[0].bytes - 100);
    spoil(table_file_name(whole.tables[1].number), whole.tables[1].bytes / 2);
    REQUIRE(files.remove(path(table_file_name(whole.tables[2].number))).is_ok());
    spoil(checkpoints_file_name(whole.checkpoints.number), 70);
    REQUIRE(files.sync_directory(options.directory).is_ok());
    files.restart_trace();
    const auto image = at_rest();
    REQUIRE(repaired(*image).has_value());
    readable = read_all(*Reader::open(options.directory, *image).value()).lsns;
    REQUIRE(readable.size() > 12);
    REQUIRE(readable.size() < 24);
  }
  // A disk of its own that holds what this one does.
  io::CrashImage at_rest() {
    const io::Trace trace = files.trace();
    return io::CrashPoints(trace).kill(1);
  }
  Result<RepairReport> repaired(io::FileSystem& where) {
    faults.clear();
    return repair_store({.directory = options.directory}, environment(where),
                        [this](const VerifyFault& fault) {
                          // A new segment to which the disk has not let the log write is left
                          // alone until the log behind it is in tables.
                          if (!fault.text.ends_with("is damaged beyond telling what it is")) {
                            faults += fault.text + "\n";
                          }
                        });
  }
  // Whatever happened before, a repair ends well and all that could be read is there.
  void check_repaired(io::FileSystem& where) {
    const auto report = repaired(where);
    INFO(report.status().message() << faults);
    REQUIRE(report.has_value());
    REQUIRE(faults.empty());
    const Contents contents = read_all(*Reader::open(options.directory, where).value());
    for (const Event& event : contents.events) {
      INFO(event.text);
      const bool is_gap = event.kind == EventKind::gap;
      REQUIRE((!is_gap || event.text.find("/store/table-") != std::string::npos));
      REQUIRE((!is_gap || std::ranges::none_of(readable, [&event](Lsn lsn) {
        return lsn >= event.first_lost && lsn <= event.last_lost;
      })));
    }
    REQUIRE(contents.lsns == readable);
    for (std::size_t i = 0; i < contents.lsns.size(); ++i) {
      REQUIRE(contents.payloads[i] == payload_of(contents.lsns[i].value));
    }
  }
};

}  // namespace

TEST_CASE("a repair that is cut short anywhere loses nothing and can be done again",
          "[repair][crash]") {
  DamagedStore store;
  REQUIRE(store.repaired(store.files).has_value());
  const io::Trace trace = store.files.trace();
  REQUIRE(trace.events.size() > 50);
  for (io::CrashPoints points(trace);; points.advance()) {
    INFO("after event " << points.passed() << " of " << trace.events.size());
    store.check_repaired(*points.kill(points.passed()));
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      store.check_repaired(*points.power_cut(2 * points.passed() + seed));
    }
    if (points.at_end()) {
      break;
    }
  }
}

TEST_CASE("a repair in which any call fails says so or ends well, and loses nothing",
          "[repair][crash]") {
  DamagedStore store;
  const auto whole = store.at_rest();
  REQUIRE(store.repaired(*whole).has_value());
  const std::uint64_t calls = whole->call_count();
  REQUIRE(calls > 100);
  const bool is_lasting = GENERATE(false, true);
  std::uint64_t failed = 0;
  for (std::uint64_t n = 0; n < calls; n += call_stride()) {
    INFO((is_lasting ? "from call " : "call ") << n << " of " << calls);
    const auto image = store.at_rest();
    image->add_fault({.index = n, .is_lasting = is_lasting});
    const auto report = store.repaired(*image);
    image->clear_faults();
    INFO(report.status().message());
    failed += report ? 0 : 1;
    store.check_repaired(*image);
  }
  CHECK(failed > calls / call_stride() / 4);
}
