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

}  // namespace
}  // namespace kifa::cli
