#include "core/cli/record_scan.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/cli/choice_filter.hpp"
#include "core/store/repair.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/store/upkeep_fixture.hpp"

namespace kifa::cli {
namespace {

using store::testing::append_text;
using store::testing::UpkeepFixture;

struct Collector final : RecordTaker {
  Status take(const store::RecordView& record) override {
    lsns.push_back(record.lsn.value);
    payload_bytes += record.payload.size();
    is_right = is_right && (!check || check(record));
    return fails_at == lsns.size() ? Status(Code::io, "the output is full") : Status();
  }
  Status take(const store::Event& event) override {
    events.push_back(event.number);
    return {};
  }
  std::vector<std::uint64_t> lsns;
  std::vector<std::uint64_t> events;
  std::uint64_t payload_bytes = 0;
  std::size_t fails_at = 0;
  std::function<bool(const store::RecordView&)> check;
  bool is_right = true;
};

struct Scanned {
  std::vector<std::uint64_t> lsns;
  Seen seen;
  bool is_right = true;
};

Scanned scan(store::Reader& reader, const RecordChoice& choice,
             const std::function<bool(const store::RecordView&)>& check = {}) {
  const auto filter = ChoiceFilter::create(choice);
  REQUIRE(filter.has_value());
  Collector collector;
  collector.check = check;
  RecordScan scan(choice, *filter, collector);
  const Status status = scan.run(reader);
  INFO(status.message());
  REQUIRE(status.is_ok());
  REQUIRE(scan.stopped().is_ok());
  return {std::move(collector.lsns), scan.seen(), collector.is_right};
}

// Small records with a time that goes back every hundredth record, in tables and in the log: every
// third is "odd", every tenth has an attribute.
struct ManyRecords : UpkeepFixture {
  static constexpr std::uint64_t kCount = 3000;

  ManyRecords() {
    options.memtable_flush_bytes = 64_KiB;
    options.compaction_enabled = false;
    auto store = open();
    const std::string filling(80, '.');
    for (std::uint64_t lsn = 1; lsn <= kCount; ++lsn) {
      const std::string payload = (lsn % 3 == 0 ? "odd " : "even ") + std::to_string(lsn) + filling;
      const store::Attribute peer{.key = "peer", .value = "10.0.0.7"};
      store::RecordView record;
      record.observed_unix_ns = time_of(lsn);
      record.payload = as_byte_view(payload);
      if (lsn % 10 == 0) {
        record.attributes = {&peer, 1};
      }
      REQUIRE(store->append_durable({.pipeline = lsn % 2 == 0 ? "till-2" : "till-1",
                                     .source = lsn % 7 == 0 ? "scale" : "app",
                                     .records = {&record, 1},
                                     .checkpoints = {},
                                     .events = {}}));
    }
    REQUIRE(store->close().is_ok());
    reader = read();
    REQUIRE(manifest().tables.size() > 1);
    REQUIRE(manifest().tables.back().last < Lsn{kCount});
  }
  static std::int64_t time_of(std::uint64_t lsn) {
    return static_cast<std::int64_t>(lsn) * 1000 - (lsn % 100 == 0 ? 900'000 : 0);
  }
  // What must come out, found out by looking at every record.
  static std::vector<std::uint64_t> expected(const RecordChoice& choice) {
    std::vector<std::uint64_t> lsns;
    for (std::uint64_t lsn = choice.from_lsn; lsn <= kCount; ++lsn) {
      const bool is_in_range = (choice.to_lsn == 0 || lsn <= choice.to_lsn) &&
                               time_of(lsn) >= choice.min_unix_ns &&
                               time_of(lsn) <= choice.max_unix_ns;
      const bool is_of_source =
          (choice.source.empty() || choice.source == (lsn % 7 == 0 ? "scale" : "app")) &&
          (choice.pipeline.empty() || choice.pipeline == (lsn % 2 == 0 ? "till-2" : "till-1"));
      const bool is_matched =
          (choice.grep.empty() || lsn % 3 == 0) && (choice.matches.empty() || lsn % 10 == 0);
      if (is_in_range && is_of_source && is_matched) {
        lsns.push_back(lsn);
      }
    }
    if (choice.last != 0 && choice.last < lsns.size()) {
      lsns.erase(lsns.begin(), lsns.end() - static_cast<std::ptrdiff_t>(choice.last));
    }
    if (choice.is_reverse) {
      std::reverse(lsns.begin(), lsns.end());
    }
    if (choice.limit != 0 && choice.limit < lsns.size()) {
      lsns.resize(choice.limit);
    }
    return lsns;
  }

  std::unique_ptr<store::Reader> reader;
};

TEST_CASE("every choice gives the records that it says, in its order", "[cli][scan]") {
  ManyRecords records;
  std::vector<RecordChoice> choices(1);
  const auto multiply = [&choices](const std::vector<std::function<void(RecordChoice&)>>& changes) {
    const std::size_t count = choices.size();
    for (const auto& change : changes) {
      for (std::size_t i = 0; i < count; ++i) {
        choices.push_back(choices[i]);
        change(choices.back());
      }
    }
  };
  multiply({[](RecordChoice& c) {
              c.from_lsn = 100;
              c.to_lsn = 2900;
            },
            [](RecordChoice& c) { c.from_lsn = 2999; }, [](RecordChoice& c) { c.to_lsn = 1; },
            [](RecordChoice& c) { c.from_lsn = 5000; },
            [](RecordChoice& c) {
              c.min_unix_ns = 1'000'000;
              c.max_unix_ns = 1'100'000;
            },
            [](RecordChoice& c) { c.max_unix_ns = -800'000; }});
  multiply({[](RecordChoice& c) { c.source = "scale"; },
            [](RecordChoice& c) {
              c.pipeline = "till-2";
              c.source = "app";
            },
            [](RecordChoice& c) {
              c.grep = "^odd [0-9]";
              c.matches = {{"peer", "10.0.0.7"}};
            }});
  multiply({[](RecordChoice& c) { c.limit = 7; }});
  multiply({[](RecordChoice& c) { c.last = 1; }, [](RecordChoice& c) { c.last = 40; },
            [](RecordChoice& c) { c.last = 1'000'000'000'000; }});
  multiply({[](RecordChoice& c) { c.is_reverse = true; }});
  for (const RecordChoice& choice : choices) {
    INFO("from " << choice.from_lsn << " to " << choice.to_lsn << " source " << choice.source
                 << " grep " << choice.grep << " limit " << choice.limit << " last " << choice.last
                 << " reverse " << choice.is_reverse << " time " << choice.min_unix_ns);
    const Scanned found = scan(*records.reader, choice);
    REQUIRE(found.lsns == ManyRecords::expected(choice));
    REQUIRE(found.seen.records == found.lsns.size());
  }
}

TEST_CASE("attributes and where a record comes from can be asked for", "[cli][scan]") {
  ManyRecords records;
  RecordChoice choice;
  choice.matches = {{"kifa.source", "scale"}, {"kifa.pipeline", "till-2"}, {"peer", "10.0.0.7"}};
  CHECK(scan(*records.reader, choice).lsns.front() == 70);
  choice.matches = {{"peer", "10.0.0.8"}};
  CHECK(scan(*records.reader, choice).lsns.empty());
  choice.matches = {{"nobody", ""}};
  CHECK(scan(*records.reader, choice).lsns.empty());
}

TEST_CASE("the newest first keeps what it reads, whole, and not more than there is room for",
          "[cli][scan]") {
  UpkeepFixture fixture;
  fixture.fill(300);  // 18 MB: more than is kept at once, in tables and in the log
  const auto reader = fixture.read();
  RecordChoice choice;
  choice.is_reverse = true;
  const auto is_right = [](const store::RecordView& record) {
    return as_text(record.payload) == UpkeepFixture::payload_of(record.lsn.value) &&
           record.pipeline == "till-1" && record.source == "app";
  };
  const Scanned found = scan(*reader, choice, is_right);
  CHECK(found.is_right);
  REQUIRE(found.lsns.size() == 300);
  for (std::size_t i = 0; i < found.lsns.size(); ++i) {
    REQUIRE(found.lsns[i] == 300 - i);
  }
}

TEST_CASE("gaps are counted once, whichever way they are met", "[cli][scan]") {
  UpkeepFixture fixture;
  auto store = fixture.open();
  for (std::uint64_t i = 1; i <= 600; ++i) {
    store::Event gap;
    gap.records = 2;
    gap.text = "in: two records were refused";
    const std::string payload = UpkeepFixture::payload_of(i);
    store::RecordView record;
    record.observed_unix_ns = 1;
    record.payload = as_byte_view(payload);
    const bool has_gap = i % 100 == 0;
    REQUIRE(store->append_durable({.pipeline = "till-1",
                                   .source = "app",
                                   .records = {&record, 1},
                                   .checkpoints = {},
                                   .events = {&gap, has_gap ? std::size_t{1} : 0}}));
  }
  REQUIRE(store->close().is_ok());
  const auto reader = fixture.read();
  RecordChoice choice;
  for (const bool is_reverse : {false, true}) {
    choice.is_reverse = is_reverse;
    const Scanned found = scan(*reader, choice);
    CHECK(found.lsns.size() == 600);
    CHECK(found.seen.gaps == 6);
    CHECK(found.seen.lost_records == 12);
  }
}

TEST_CASE("a loss that was repaired is counted in each range that it meets, and once",
          "[cli][scan]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.fill(600);
  const store::TableInfo damaged = fixture.manifest().tables.at(12);
  fixture.spoil(store::table_file_name(damaged.number), damaged.bytes / 2);
  const auto repaired = store::repair_store(fixture.options, fixture.environment(fixture.files),
                                            [](const store::VerifyFault&) {});
  REQUIRE(repaired.has_value());
  REQUIRE(repaired->lost_records > 0);
  const auto reader = fixture.read();
  RecordChoice table;
  table.from_lsn = damaged.first.value;
  table.to_lsn = damaged.last.value;
  RecordChoice last;
  last.last = 600;
  for (RecordChoice choice : {RecordChoice(), table, last}) {
    for (const bool is_reverse : {false, true}) {
      choice.is_reverse = is_reverse;
      CAPTURE(is_reverse, choice.from_lsn, choice.last);
      const Scanned found = scan(*reader, choice);
      CHECK(found.seen.gaps == 1);
      CHECK(found.seen.lost_records == repaired->lost_records);
    }
  }
}

TEST_CASE("whoever reads on is told once of a gap that was recorded after it was found",
          "[cli][scan]") {
  store::testing::StoreFixture fixture;
  {
    auto store = fixture.open();
    for (int i = 1; i <= 5; ++i) {
      REQUIRE(append_text(*store, "record " + std::to_string(i)));
    }
    REQUIRE(store->close().is_ok());
  }
  const std::string junk(16, '#');
  const std::string segment = "/store/" + store::segment_file_name(1);
  REQUIRE(fixture.files.damage(segment, 4 * 4096, as_byte_view(junk)).is_ok());  // LSN 3
  const RecordChoice choice;
  const auto filter = ChoiceFilter::create(choice);
  REQUIRE(filter.has_value());
  Collector collector;
  RecordScan scan(choice, *filter, collector);
  const auto reader = fixture.read();
  REQUIRE(scan.forward(*reader, {}).is_ok());
  CHECK(collector.events == std::vector<std::uint64_t>{0});
  auto store = fixture.open();
  REQUIRE(append_text(*store, "record 6"));
  REQUIRE(store->close().is_ok());
  REQUIRE(reader->refresh().is_ok());
  store::Selection next;
  next.first = {6};
  REQUIRE(scan.forward(*reader, next).is_ok());
  CHECK(collector.lsns == std::vector<std::uint64_t>{1, 2, 4, 5, 6});
  CHECK(scan.seen().gaps == 1);
  CHECK(scan.seen().lost_records == 1);
}

TEST_CASE("what retention has removed of a choice is known after its scan", "[cli][scan]") {
  UpkeepFixture fixture;
  fixture.options.compaction_enabled = false;
  fixture.options.retention_records = 100;
  auto store = fixture.open();
  UpkeepFixture::append_up_to(*store, 300);
  while (store->tick()) {
  }
  REQUIRE(store->close().is_ok());
  const Lsn removed = fixture.manifest().purged.through;
  REQUIRE(removed > Lsn{100});
  const auto reader = fixture.read();
  for (const bool is_reverse : {false, true}) {
    RecordChoice choice;
    choice.is_reverse = is_reverse;
    choice.from_lsn = 5;
    const Scanned found = scan(*reader, choice);
    CHECK(found.seen.removed_first == Lsn{5});
    CHECK(found.seen.removed_last == removed);
    CHECK(found.seen.gaps == 0);
    choice.from_lsn = removed.next().value;
    CHECK(scan(*reader, choice).seen.removed_last == Lsn{});
  }
}

TEST_CASE("a store without records has nothing, either way", "[cli][scan]") {
  UpkeepFixture fixture;
  fixture.fill(0);
  const auto reader = fixture.read();
  RecordChoice choice;
  CHECK(scan(*reader, choice).lsns.empty());
  choice.last = 10;
  CHECK(scan(*reader, choice).lsns.empty());
  choice.is_reverse = true;
  CHECK(scan(*reader, choice).lsns.empty());
}

TEST_CASE("a scan ends with the first failure of what takes its records", "[cli][scan]") {
  ManyRecords records;
  for (const bool is_reverse : {false, true}) {
    RecordChoice choice;
    choice.is_reverse = is_reverse;
    const auto filter = ChoiceFilter::create(choice);
    REQUIRE(filter.has_value());
    Collector collector;
    collector.fails_at = 3;
    RecordScan scan(choice, *filter, collector);
    CHECK(scan.run(*records.reader).is_ok());
    CHECK(scan.stopped().message() == "the output is full");
    CHECK(collector.lsns.size() == 3);
  }
}

TEST_CASE("what is no regular expression is refused with its reason", "[cli][scan]") {
  RecordChoice choice;
  choice.grep = "a(";
  const auto filter = ChoiceFilter::create(choice);
  REQUIRE_FALSE(filter.has_value());
  CHECK(filter.error().message() ==
        "--grep: `a(` is not a regular expression of RE2: missing ): a(");
}

}  // namespace
}  // namespace kifa::cli
