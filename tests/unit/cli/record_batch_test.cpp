#include "core/cli/record_batch.hpp"

#include <string>
#include <string_view>

#include "tests/support/catch.hpp"

namespace kifa::cli {
namespace {

store::RecordView record(std::uint64_t lsn, std::string_view source, std::string_view payload) {
  store::RecordView view;
  view.lsn = {lsn};
  view.pipeline = "till";
  view.source = source;
  view.payload = as_byte_view(payload);
  return view;
}

std::string_view text(kifa_str part) { return {part.data, part.size}; }

TEST_CASE("records of one origin share their attributes, with the origin first", "[cli]") {
  RecordBatch batch;
  REQUIRE(batch.add(record(1, "in", "a")));
  REQUIRE(batch.add(record(2, "in", "b")));
  const store::Attribute peer{.key = "peer", .value = "10.0.0.7"};
  store::RecordView third = record(3, "in", "c");
  third.attributes = {&peer, 1};
  REQUIRE(batch.add(third));
  const auto& records = batch.records();
  REQUIRE(records.size() == 3);
  CHECK(records[0].attrs == records[1].attrs);
  CHECK(records[2].attrs != records[1].attrs);
  REQUIRE(records[2].attr_count == 3);
  CHECK(text(records[2].attrs[0].key) == "kifa.pipeline");
  CHECK(text(records[2].attrs[0].value) == "till");
  CHECK(text(records[2].attrs[1].key) == "kifa.source");
  CHECK(text(records[2].attrs[1].value) == "in");
  CHECK(text(records[2].attrs[2].value) == "10.0.0.7");
}

TEST_CASE("a batch copies, has a limit, and takes one record of any size", "[cli]") {
  RecordBatch batch;
  std::string payload(RecordBatch::kPayloadBytesMax / 2, 'a');
  REQUIRE(batch.add(record(1, "in", payload)));
  REQUIRE(batch.add(record(2, "in", payload)));
  CHECK_FALSE(batch.add(record(3, "in", "x")));
  payload.assign(payload.size(), 'b');
  CHECK(batch.records()[1].payload.data[0] == 'a');
  batch.clear();
  CHECK(batch.records().empty());
  const std::string large(4 * RecordBatch::kPayloadBytesMax, 'c');
  REQUIRE(batch.add(record(3, "in", large)));
  CHECK(batch.records()[0].payload.size == large.size());
  CHECK(batch.records()[0].payload.data[large.size() - 1] == 'c');
  batch.clear();
  for (std::size_t i = 0; i < RecordBatch::kRecordsMax; ++i) {
    REQUIRE(batch.add(record(4 + i, "in", "")));
  }
  CHECK_FALSE(batch.add(record(9999, "in", "")));
}

}  // namespace
}  // namespace kifa::cli
