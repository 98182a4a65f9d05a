#include "plugins/sinks/kifa/batch_converter.hpp"

#include <random>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/batches.hpp"

using kifa::plugins::kifa_sink::BatchConverter;
using kifa::plugins::testing::BatchBuilder;
using kifa::store::Attribute;

namespace store = kifa::store;

TEST_CASE("a batch of the host becomes a batch of the store", "[plugins][kifa]") {
  BatchBuilder batch(1, "till-1/app");
  const std::size_t plain =
      batch.add_attributes({{"kifa.pipeline", "till-1"}, {"kifa.source", "app"}});
  const std::size_t peer = batch.add_attributes(
      {{"kifa.pipeline", "till-1"}, {"kifa.source", "app"}, {"peer", "10.0.0.7:5140"}});
  batch.add_record("one", plain, 11, KIFA_RECORD_SPLIT);
  batch.add_record(std::string_view("\0\xFF", 2), peer, 12);
  batch.add_checkpoint("/var/log/pos.log", 4711, "inode 7");
  batch.add_checkpoint("/var/log/old.log", 0, "", KIFA_CHECKPOINT_FORGET);
  batch.add_gap(KIFA_GAP_OVERFLOW, 3, 600, "SO_RXQ_OVFL");
  batch.add_gap(KIFA_GAP_OTHER, 0, 0, "");

  BatchConverter converter;
  const store::BatchView view = converter.convert(batch.view(), 99);
  CHECK(view.pipeline == "till-1");
  CHECK(view.source == "app");
  REQUIRE(view.records.size() == 2);
  CHECK(kifa::as_text(view.records[0].payload) == "one");
  CHECK(view.records[0].observed_unix_ns == 11);
  CHECK(view.records[0].flags == store::kRecordSplit);
  CHECK(view.records[0].attributes.empty());
  CHECK(kifa::as_text(view.records[1].payload) == std::string_view("\0\xFF", 2));
  CHECK(view.records[1].payload.data() ==
        static_cast<const void*>(batch.raw()->records[1].payload.data));  // not copied
  REQUIRE(view.records[1].attributes.size() == 1);
  CHECK(view.records[1].attributes[0] == Attribute{"peer", "10.0.0.7:5140"});

  REQUIRE(view.checkpoints.size() == 2);
  CHECK(view.checkpoints[0].origin == "till-1/app");
  CHECK(view.checkpoints[0].key == "/var/log/pos.log");
  CHECK(view.checkpoints[0].position == 4711);
  CHECK(view.checkpoints[0].state == "inode 7");
  CHECK_FALSE(view.checkpoints[0].forget);
  CHECK(view.checkpoints[1].forget);

  REQUIRE(view.events.size() == 2);
  CHECK(view.events[0].kind == store::EventKind::gap);
  CHECK(view.events[0].observed_unix_ns == 99);
  CHECK(view.events[0].records == 3);
  CHECK(view.events[0].bytes == 600);
  CHECK(view.events[0].text ==
        "till-1/app: dropped because nobody could take it in time: SO_RXQ_OVFL");
  CHECK(view.events[1].text == "till-1/app: lost");
}

TEST_CASE("an attribute that claims another origin is kept beside the payload",
          "[plugins][kifa][W26]") {
  BatchBuilder batch(1, "till-1/app");
  const std::size_t forged = batch.add_attributes(
      {{"kifa.pipeline", "till-1"}, {"kifa.source", "app"}, {"kifa.source", "printer"}});
  batch.add_record("[tcp:10.0.0.1] forged", forged);
  BatchConverter converter;
  const store::BatchView view = converter.convert(batch.view(), 0);
  CHECK(view.source == "app");
  REQUIRE(view.records[0].attributes.size() == 1);
  CHECK(view.records[0].attributes[0] == Attribute{"kifa.source", "printer"});
  CHECK(kifa::as_text(view.records[0].payload) == "[tcp:10.0.0.1] forged");
}

TEST_CASE("random batches keep every attribute of every record", "[plugins][kifa]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  BatchConverter converter;  // one for all: nothing of an earlier batch may show
  for (int round = 0; round < 200; ++round) {
    BatchBuilder batch(1, "p/s");
    std::vector<BatchBuilder::Texts> sets;
    for (std::size_t i = 0; i < 1 + random() % 5; ++i) {
      BatchBuilder::Texts set;
      for (std::size_t k = random() % 4; k > 0; --k) {
        set.emplace_back("key" + std::to_string(random() % 3), std::to_string(random() % 100));
      }
      sets.push_back(set);
      batch.add_attributes(set);
    }
    std::vector<std::size_t> used;
    for (std::size_t i = random() % 30; i > 0; --i) {
      used.push_back(random() % sets.size());
      batch.add_record(std::to_string(i), used.back());
    }
    const store::BatchView view = converter.convert(batch.view(), 0);
    REQUIRE(view.records.size() == used.size());
    REQUIRE(view.checkpoints.empty());
    REQUIRE(view.events.empty());
    for (std::size_t i = 0; i < used.size(); ++i) {
      const BatchBuilder::Texts& expected = sets[used[i]];
      REQUIRE(view.records[i].attributes.size() == expected.size());
      for (std::size_t k = 0; k < expected.size(); ++k) {
        REQUIRE(view.records[i].attributes[k] == Attribute{expected[k].first, expected[k].second});
      }
    }
  }
}

TEST_CASE("records that share attributes share them converted, in memory that is kept",
          "[plugins][kifa]") {
  BatchBuilder batch(1, "p/s");
  const std::size_t shared = batch.add_attributes({{"kifa.pipeline", "p"}, {"device", "till"}});
  for (int i = 0; i < 4096; ++i) {
    batch.add_record("x", shared);
  }
  BatchConverter converter;
  const store::BatchView first = converter.convert(batch.view(), 0);
  const void* const records = first.records.data();
  const void* const attributes = first.records[0].attributes.data();
  CHECK(first.records[4095].attributes.data() == attributes);
  const store::BatchView again = converter.convert(batch.view(), 0);
  CHECK(again.records.data() == records);
  CHECK(again.records[0].attributes.data() == attributes);
}
