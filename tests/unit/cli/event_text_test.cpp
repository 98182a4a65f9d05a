#include "core/cli/event_text.hpp"

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

store::Event gap() {
  store::Event event;
  event.number = 3;
  event.after = {17};
  event.kind = store::EventKind::gap;
  event.observed_unix_ns = 1'769'884'200'123'456'789;
  event.records = 2;
  event.text = "till/in: lost\n[18] forged";
  return event;
}

TEST_CASE("an event is one line that cannot be taken for a record", "[cli][W25]") {
  CHECK(event_line(gap()) ==
        "-- event 3 after [17]: gap, 2026-01-31 18:30:00.123 UTC, 2 records lost: "
        "till/in: lost\\x0a[18] forged\n");
}

TEST_CASE("an event in JSON has the numbers that are known", "[cli]") {
  store::Event event = gap();
  event.first_lost = {18};
  event.last_lost = {19};
  CHECK(event_json(event) ==
        R"({"event":"gap","number":3,"after_lsn":17,"timestamp":"2026-01-31T18:30:00.123456789Z",)"
        R"("timestamp_ns":1769884200123456789,"lost_records":2,"lost_bytes":0,)"
        R"("first_lost_lsn":18,"last_lost_lsn":19,"text":"till/in: lost\u000a[18] forged"})"
        "\n");
}

TEST_CASE("what reading has found has no number and no time, only its place", "[cli]") {
  store::Event event;
  event.after = {8976};
  event.records = 161;
  event.first_lost = {8977};
  event.last_lost = {9137};
  event.text = "d/table-3 at offset 4096: a block is damaged";
  CHECK(event_line(event) ==
        "-- found after [8976]: gap, 161 records lost, LSN 8977 to 9137 will never be records: "
        "d/table-3 at offset 4096: a block is damaged\n");
  CHECK(event_json(event) == R"({"event":"gap","after_lsn":8976,"lost_records":161,"lost_bytes":0,)"
                             R"("first_lost_lsn":8977,"last_lost_lsn":9137,)"
                             R"("text":"d/table-3 at offset 4096: a block is damaged"})"
                             "\n");
}

TEST_CASE("what retention removes is not called lost", "[cli]") {
  store::Event event = gap();
  event.kind = store::EventKind::purge;
  event.first_lost = {1};
  event.last_lost = {2};
  event.text = "retention removes LSN 1 to 2, more than is kept";
  CHECK(event_line(event) ==
        "-- event 3 after [17]: purge, 2026-01-31 18:30:00.123 UTC, 2 records removed by "
        "retention: retention removes LSN 1 to 2, more than is kept\n");
  CHECK(event_json(event) ==
        R"({"event":"purge","number":3,"after_lsn":17,)"
        R"("timestamp":"2026-01-31T18:30:00.123456789Z","timestamp_ns":1769884200123456789,)"
        R"("removed_records":2,"first_removed_lsn":1,"last_removed_lsn":2,)"
        R"("text":"retention removes LSN 1 to 2, more than is kept"})"
        "\n");
}

}  // namespace
}  // namespace kifa::cli
