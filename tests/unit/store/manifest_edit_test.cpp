#include "core/store/manifest_edit.hpp"

#include <algorithm>
#include <random>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/store/manifest_fixture.hpp"

using namespace kifa;                  // NOLINT: a test
using namespace kifa::store;           // NOLINT: a test
using namespace kifa::store::testing;  // NOLINT: a test

namespace {

void refuses(const Manifest& before, const Edit& edit, const std::string& why,
             Code code = Code::internal) {
  const Result<Manifest> after = apply(before, edit);
  INFO(after.status().message() << " / expected: " << why);
  REQUIRE_FALSE(after.has_value());
  CHECK(after.error().code() == code);
  CHECK(after.error().message().find(why) != std::string::npos);
  CHECK(after.error().message().find(std::string(name_of(edit)) + " edit") != std::string::npos);
}

// The tables 2 and 3 of three_tables() in one, number 4.
TableInfo joined() {
  TableInfo table = table_of(4, 11, 30, 1, 2);
  table.level = 1;
  table.pieces = 2;
  return table;
}

FlushEdit flush_of(const Manifest& before, const TableInfo& table) {
  return {.tables = {table}, .flushed = log_behind(table, before)};
}

}  // namespace

TEST_CASE("a flush adds its table behind the others and moves the mark", "[store][manifest]") {
  const Manifest before = three_tables();
  const TableInfo table = table_of(4, 31, 40, 3, 1);
  const FlushEdit flush = flush_of(before, table);
  const Manifest after = must(apply(before, flush));
  CHECK(after.version == before.version + 1);
  CHECK(after.previous_version == before.version);
  CHECK(after.previous_checksum == checksum_of(before));
  REQUIRE(after.tables.size() == 4);
  CHECK(after.tables.back() == table);
  CHECK(after.flushed == flush.flushed);
  CHECK(after.last_anchor == table.last_anchor);
  CHECK(after.next_file_number == 5);
  CHECK(after.highest_event == 3);
}

TEST_CASE("a flush may bring several tables and a new checkpoints file", "[store][manifest]") {
  const Manifest before = three_tables();
  FlushEdit flush = flush_of(before, table_of(4, 31, 40, 3));
  flush.tables.push_back(table_of(5, 41, 45, 3, 2));
  flush.flushed.mark.next_lsn = {46};
  flush.flushed.mark.next_event = 5;
  flush.checkpoints = CheckpointsRef{.number = 6, .bytes = 72, .crc = 1};
  const Manifest after = must(apply(before, flush));
  CHECK(after.tables.size() == 5);
  CHECK(after.checkpoints == *flush.checkpoints);
  CHECK(after.next_file_number == 7);
  CHECK(after.last_anchor == digest_of(45));
}

TEST_CASE("a flush of a log without records only moves the mark", "[store][manifest]") {
  const Manifest before = three_tables();
  FlushEdit flush{.tables = {}, .flushed = before.flushed};
  flush.flushed.mark.at = {2, 8192};
  flush.flushed.epoch = 12;
  const Manifest after = must(apply(before, flush));
  CHECK(after.tables == before.tables);
  CHECK(after.flushed == flush.flushed);
  CHECK(after.last_anchor == before.last_anchor);
}

TEST_CASE("a table of events alone is kept in order", "[store][manifest]") {
  const Manifest before = three_tables();
  const TableInfo events = table_of(4, 31, 30, 3, 2);
  const Manifest after = flushed(before, events);
  CHECK(after.tables.back() == events);
  CHECK(after.flushed.mark.next_lsn == Lsn{31});
  CHECK(after.flushed.mark.next_event == 5);
  CHECK(flushed(after, table_of(5, 31, 31, 5)).tables.size() == 5);
}

TEST_CASE("a flush that does not continue the store is refused", "[store][manifest]") {
  const Manifest before = three_tables();
  const auto flush = [&before](std::uint64_t number, std::uint64_t first, std::uint64_t last,
                               std::uint64_t first_event, std::uint64_t events = 0) {
    return flush_of(before, table_of(number, first, last, first_event, events));
  };
  refuses(before, flush(4, 32, 40, 3), "begins at LSN 32, but the log was flushed up to LSN 30");
  refuses(before, flush(4, 30, 40, 3), "begins at LSN 30");
  refuses(before, flush(4, 31, 40, 4), "begins at event 4, but event 3 is the next");
  refuses(before, flush(4, 31, 40, 2), "begins at event 2, but event 3 is the next");
  refuses(before, flush(3, 31, 40, 3), "was given out before; the next is 4");
  refuses(before, flush(0, 31, 40, 3), "was given out before");
  refuses(before, flush(4, 31, 30, 3), "table 4 is empty");

  FlushEdit edit = flush(4, 31, 40, 3);
  edit.flushed.mark.next_lsn = {42};
  refuses(before, edit,
          "the tables end at LSN 40, but the log is to count as flushed up to LSN 41");
  edit = flush(4, 31, 40, 3);
  edit.flushed.mark.next_event = 4;
  refuses(before, edit, "the tables end before event 3");
  edit = flush(4, 31, 40, 3);
  edit.flushed.mark.at = {1, 4096};
  refuses(before, edit, "the log cannot be flushed up to segment 1 offset 4096");
  edit = flush(4, 31, 40, 3);
  edit.flushed.mark.at.segment = 0;
  refuses(before, edit, "the log cannot be flushed up to segment 0");
  edit = flush(4, 31, 40, 3);
  edit.flushed.epoch = 1;
  refuses(before, edit, "segment 1 changed its epoch");
  edit = flush(4, 31, 40, 3);
  edit.flushed.mark.totals.records = 1;
  refuses(before, edit, "the totals of the log went back");
  edit = flush(4, 31, 40, 3);
  edit.tables.push_back(edit.tables.front());
  refuses(before, edit, "begins at LSN 31, but the log was flushed up to LSN 40");
  edit = flush(4, 31, 40, 3);
  edit.tables[0].records = 11;
  refuses(before, edit, "has 11 records in LSN 31 to 40");
  edit = flush(4, 31, 40, 3);
  edit.checkpoints = CheckpointsRef{.number = 4, .bytes = 72, .crc = 1};
  refuses(before, edit, "file number 4 is used twice");
  edit.checkpoints = CheckpointsRef{.number = 2, .bytes = 72, .crc = 1};
  refuses(before, edit, "checkpoints file 2 has a number that was given out before");
}

TEST_CASE("a flush of a damaged log may miss events, but never repeat them", "[store][manifest]") {
  const Manifest before = three_tables();
  FlushEdit flush = flush_of(before, table_of(4, 31, 40, 5));
  flush.may_miss_events = true;
  CHECK(must(apply(before, flush)).flushed.mark.next_event == 5);
  flush.tables[0].first_event = 2;
  refuses(before, flush, "begins at event 2");
}

TEST_CASE("a flush beyond the limit of tables is refused", "[store][manifest]") {
  Manifest before = empty_manifest();
  for (std::uint64_t n = 1; n <= kManifestTablesMax; ++n) {
    before.tables.push_back(table_of(n, n, n, 1));
  }
  before.flushed = log_behind(before.tables.back(), before);
  before.next_file_number = kManifestTablesMax + 1;
  REQUIRE(check_manifest(before).is_ok());
  const std::uint64_t next = kManifestTablesMax + 1;
  refuses(before, flush_of(before, table_of(next, next, next, 1)), "which is the limit",
          Code::no_space);
}

TEST_CASE("a replacement puts its output where the inputs were", "[store][manifest]") {
  const Manifest before = three_tables();
  const Manifest after = must(apply(before, ReplaceEdit{.inputs = {2, 3}, .output = joined()}));
  REQUIRE(after.tables.size() == 2);
  CHECK(after.tables[0] == before.tables[0]);
  CHECK(after.tables[1] == joined());
  CHECK(after.flushed == before.flushed);
  CHECK(after.last_anchor == before.last_anchor);
}

TEST_CASE("a replacement that began before a flush still holds when the flush came first",
          "[store][manifest]") {
  const Manifest before = three_tables();
  const Manifest between = flushed(before, table_of(5, 31, 40, 3));
  const ReplaceEdit replace{.inputs = {2, 3}, .output = joined()};
  refuses(between, replace, "table 4 has a number that was given out before");
  const std::vector<std::uint64_t> reserved{4};
  const Manifest after = must(apply(between, replace, {.reserved = reserved}));
  REQUIRE(after.tables.size() == 3);
  CHECK(after.tables[1] == joined());
  CHECK(after.tables[2].number == 5);
  CHECK(after.flushed == between.flushed);
}

TEST_CASE("a replacement that is not exactly right is refused", "[store][manifest]") {
  const Manifest before = three_tables();
  refuses(before, ReplaceEdit{.inputs = {}, .output = joined()}, "to replace nothing");
  refuses(before, ReplaceEdit{.inputs = {2, 9}, .output = joined()}, "table 9, which table 4 is");
  refuses(before, ReplaceEdit{.inputs = {9}, .output = joined()}, "is not in the store");
  refuses(before, ReplaceEdit{.inputs = {1, 3}, .output = joined()},
          "table 3, which table 4 is to replace, does not follow the one before it");
  refuses(before, ReplaceEdit{.inputs = {3, 2}, .output = joined()}, "does not follow");
  refuses(before, ReplaceEdit{.inputs = {2, 2}, .output = joined()}, "does not follow");
  struct Case {
    void (*change)(TableInfo&);
    const char* what;
  };
  const Case cases[] = {
      {[](TableInfo& table) { table.number = 3; }, "was given out before"},
      {[](TableInfo& table) { table.first = {12}; }, "another LSN range"},
      {[](TableInfo& table) { table.last = {29}; }, "another LSN range"},
      {[](TableInfo& table) { table.records = 19; }, "another number of records"},
      {[](TableInfo& table) { table.payload_bytes += 1; }, "another payload bytes"},
      {[](TableInfo& table) { table.events = 1; }, "another events"},
      {[](TableInfo& table) { table.first_event = 3; }, "another events"},
      {[](TableInfo& table) { table.gaps = 1; }, "another gaps"},
      {[](TableInfo& table) { table.lost_records = 1; }, "another gaps"},
      {[](TableInfo& table) { table.pieces = 1; }, "another number of pieces"},
      {[](TableInfo& table) { table.min_unix_ns += 1; }, "another times"},
      {[](TableInfo& table) { table.max_unix_ns += 1; }, "another times"},
      {[](TableInfo& table) { table.last_anchor[31] ^= 1; }, "another last anchor"},
  };
  for (const Case& one : cases) {
    TableInfo output = joined();
    one.change(output);
    refuses(before, ReplaceEdit{.inputs = {2, 3}, .output = output}, one.what);
  }
}

TEST_CASE("a replacement whose inputs were purged meanwhile is refused", "[store][manifest]") {
  const Manifest purged = must(apply(three_tables(), PurgeEdit{{1, 2}}));
  refuses(purged, ReplaceEdit{.inputs = {2, 3}, .output = joined()}, "is not in the store");
}

TEST_CASE("a purge removes the oldest tables and remembers what they were", "[store][manifest]") {
  const Manifest before = three_tables();
  const Manifest after = must(apply(before, PurgeEdit{{1, 2}}));
  REQUIRE(after.tables.size() == 1);
  CHECK(after.purged.through == Lsn{20});
  CHECK(after.purged.next_event == 3);
  CHECK(after.purged.anchor == digest_of(20));
  CHECK(after.purged.totals.records == 20);
  CHECK(after.purged.totals.payload_bytes == 2000);
  CHECK(after.purged.totals.events == 2);
  CHECK(after.purged.totals.min_unix_ns == 1000);
  CHECK(after.purged.totals.max_unix_ns == 20000);
  CHECK(after.checkpoints == before.checkpoints);
  const Manifest empty = must(apply(after, PurgeEdit{{3}}));
  CHECK(empty.tables.empty());
  CHECK(empty.last_anchor == before.last_anchor);
  CHECK(flushed(empty, table_of(4, 31, 40, 3)).tables.size() == 1);
}

TEST_CASE("a purge of anything but the oldest tables is refused", "[store][manifest]") {
  const Manifest before = three_tables();
  refuses(before, PurgeEdit{{}}, "nothing is to be purged");
  refuses(before, PurgeEdit{{2}}, "table 2 cannot be purged");
  refuses(before, PurgeEdit{{1, 3}}, "table 3 cannot be purged");
  refuses(before, PurgeEdit{{1, 2, 3, 4}}, "table 4 cannot be purged");
}

TEST_CASE("checkpoints and settle edits change nothing else", "[store][manifest]") {
  const Manifest before = three_tables();
  const CheckpointsRef file{.number = 4, .bytes = 72, .crc = 5};
  Manifest after = must(apply(before, CheckpointsEdit{file}));
  CHECK(after.checkpoints == file);
  CHECK(after.next_file_number == 5);
  CHECK(after.tables == before.tables);
  refuses(after, CheckpointsEdit{file}, "was given out before");
  const Manifest settled = must(apply(after, SettleEdit{}));
  CHECK(settled.version == after.version + 1);
  after.version = settled.version;
  after.previous_version = settled.previous_version;
  after.previous_checksum = settled.previous_checksum;
  CHECK(settled == after);
}

TEST_CASE("every edit brings clock, bytes and numbers up to date and never back",
          "[store][manifest]") {
  const Manifest before = rich_manifest();
  const TrustedClock clock{.unix_ns = 5, .boot_ns = 6, .boot_id = before.clock.boot_id};
  const Manifest after = must(apply(before, SettleEdit{},
                                    {.clock = clock,
                                     .written_more = {.log = 1, .tables = 2, .manifests = 3},
                                     .highest_event = 20,
                                     .highest_version = 100,
                                     .next_file_number = 50}));
  CHECK(after.clock == clock);
  CHECK(after.written == WrittenBytes{.log = 1001, .tables = 2002, .manifests = 3003});
  CHECK(after.highest_event == 20);
  CHECK(after.version == 101);
  CHECK(after.previous_version == before.version);
  CHECK(after.next_file_number == 50);
  const Manifest again =
      must(apply(after, SettleEdit{}, {.highest_event = 1, .highest_version = 1}));
  CHECK(again.highest_event == 20);
  CHECK(again.version == 102);
  CHECK(again.next_file_number == 50);
  CHECK(again.clock == clock);
}

// Every LSN of a store is, at any time, in exactly one table or purged.
TEST_CASE("no order of flushes, compactions and purges loses or doubles an LSN",
          "[store][manifest]") {
  const unsigned seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&random](std::uint64_t n) { return random() % n; };
  Manifest manifest = empty_manifest();
  std::optional<ReplaceEdit> compaction;  // in progress, while others are applied
  std::uint64_t next_number = 1;
  std::size_t refused = 0;
  std::size_t replaced = 0;
  for (int step = 0; step < 2000; ++step) {
    const std::size_t count = manifest.tables.size();
    const LogMark& mark = manifest.flushed.mark;
    Edit edit = SettleEdit{};
    std::vector<std::uint64_t> reserved;
    switch (below(4)) {
      case 0:
        edit = flush_of(manifest, table_of(next_number++, mark.next_lsn.value,
                                           mark.next_lsn.value + below(5), mark.next_event, 1));
        break;
      case 1:
        if (count > 4) {
          edit = PurgeEdit{{manifest.tables[0].number}};
        }
        break;
      case 2:
        if (!compaction && count > 2) {
          const std::size_t first = below(count - 1);
          const TableInfo& a = manifest.tables[first];
          const TableInfo& b = manifest.tables[first + 1];
          TableInfo output = table_of(next_number++, a.first.value, b.last.value, a.first_event,
                                      a.events + b.events);
          output.pieces = a.pieces + b.pieces;
          compaction = ReplaceEdit{.inputs = {a.number, b.number}, .output = output};
        }
        break;
      default:
        if (compaction) {
          reserved = {compaction->output.number};
          edit = *compaction;
          compaction.reset();
        }
    }
    const bool is_replace = std::holds_alternative<ReplaceEdit>(edit);
    const Result<Manifest> after = apply(manifest, edit, {.reserved = reserved});
    if (!after) {
      INFO(after.error().message());
      REQUIRE(is_replace);  // a purge came between
      ++refused;
      continue;
    }
    replaced += is_replace ? 1U : 0U;
    REQUIRE(check_manifest(*after).is_ok());
    std::uint64_t records = after->purged.totals.records;
    for (const TableInfo& table : after->tables) {
      records += table.records;
    }
    REQUIRE(records + 1 == after->flushed.mark.next_lsn.value);
    manifest = *after;
  }
  CHECK(replaced > 50);
  CHECK(refused < replaced);
}

TEST_CASE("a manifest with unknown features is read and never changed", "[store][manifest]") {
  Manifest before = three_tables();
  before.flags_read_only = 2;
  CHECK(must(decode_manifest(encode_manifest(before))) == before);
  refuses(before, SettleEdit{}, "may only be read", Code::unsupported);
}

TEST_CASE("an edit of a manifest that contradicts itself is refused", "[store][manifest]") {
  Manifest before = three_tables();
  before.tables.pop_back();
  refuses(before, SettleEdit{}, "before the edit", Code::corrupt);
}

TEST_CASE("files go one generation after the last manifest that needs them", "[store][manifest]") {
  const Manifest first = three_tables();
  const Manifest second = must(apply(first, ReplaceEdit{.inputs = {2, 3}, .output = joined()}));
  const Manifest third = must(apply(second, SettleEdit{}));
  const std::vector<std::string> names = {"CHECKPOINTS-0000000000000006",
                                          "LOCK",
                                          manifest_file_name(first.version - 1),
                                          manifest_file_name(first.version),
                                          manifest_file_name(second.version),
                                          manifest_file_name(third.version),
                                          "table-0000000000000001",
                                          "table-0000000000000002",
                                          "table-0000000000000003",
                                          "table-0000000000000004",
                                          "table-0000000000000005",
                                          "table-0000000000000002.damaged",
                                          "wal-0000000000000001"};
  CHECK(superseded_files(second, first, names) ==
        std::vector<std::string>{manifest_file_name(first.version - 1)});
  const std::vector<std::string> late{manifest_file_name(first.version - 1),
                                      manifest_file_name(first.version), "table-0000000000000002",
                                      "table-0000000000000003"};
  CHECK(superseded_files(third, second, names) == late);
  CHECK(unknown_files(third, names) ==
        std::vector<std::string>{"CHECKPOINTS-0000000000000006", "table-0000000000000005"});
  const std::vector<std::uint64_t> reserved{2, 3};
  CHECK(superseded_files(third, second, names, reserved).size() == 2);
}
