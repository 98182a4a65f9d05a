#include "core/pipeline/sink_writer.hpp"

#include <string>
#include <thread>
#include <vector>

#include "core/pipeline/limits.hpp"
#include "core/pipeline/stream_table.hpp"
#include "core/plugin/component_settings.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/unit/pipeline/test_components.hpp"

namespace kifa::pipeline {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

// A SinkWriter with a scripted sink, and batches for it.
class Desk {
 public:
  explicit Desk(SinkOptions options = {}) : options_(options) {
    log_ = std::make_shared<Log>([this](LogLevel, const std::string&,
                                        const std::string& message) { logged.push_back(message); },
                                 LogLevel::info);
    writer = std::make_unique<SinkWriter>(options_, clock, Logger(log_, "till/journal"));
    plugin::HostCallbacks callbacks;
    callbacks.clock = &clock;
    callbacks.settle = [this](const kifa_receipt* receipts, std::uint32_t count) {
      writer->settle(receipts, count);
    };
    auto instance =
        plugin::Instance::create(test::sink_component(), "till/journal", std::move(callbacks));
    REQUIRE(instance.has_value());
    const plugin::AbiSettings settings({test::script_setting(&sink)});
    REQUIRE((*instance)->configure(settings.view()).is_ok());
    writer->adopt(std::move(*instance), nullptr);
    writer->attach(waker);
    stream_.number = 1;
    attributes_ = std::make_shared<const AttributeSet>(nullptr, std::span<const kifa_attr>());
  }

  void start() {
    turn();
    REQUIRE(writer->ready());
    static_cast<void>(waker->take_notice());
  }
  // The worker, until it waits; returns for what.
  std::int64_t turn() {
    std::int64_t next = 0;
    for (int i = 0; i < 1000 && next == 0; ++i) {
      next = writer->turn();
    }
    REQUIRE(next != 0);
    return next;
  }
  BatchPtr batch(std::string_view payload) {
    BatchPtr made = pool_->take(++sequence_, waker);
    made->add_record(stream_, *attributes_,
                     {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}, 1, 0,
                     sequence_);
    made->seal("till/printer");
    return made;
  }
  bool submit(const BatchPtr& made, bool may_write = false) {
    return writer->submit(made, may_write, waker);
  }

  test::FakeClock clock;
  test::SinkScript sink;
  std::vector<std::string> logged;
  std::shared_ptr<Waker> waker = std::make_shared<Waker>();
  std::unique_ptr<SinkWriter> writer;

 private:
  const SinkOptions options_;
  std::shared_ptr<Log> log_;
  std::shared_ptr<BatchPool> pool_ = std::make_shared<BatchPool>();
  Stream stream_;
  AttributesPtr attributes_;
  std::uint64_t sequence_ = 0;
};

using Texts = std::vector<std::string>;

test::SinkScript::Write refuse(kifa_status status, std::uint32_t taking, test::SinkScript& sink,
                               std::string sentence = {}) {
  return [=, &sink](sdk::Batches batches, std::uint32_t& taken) {
    for (taken = 0; taken < taking; ++taken) {
      const kifa_receipt receipt = sink.keep(batches[taken]);
      sink.unsettled.push_back(receipt);
    }
    return sdk::Status(status, sentence);
  };
}

}  // namespace

TEST_CASE("a small batch for an idle sink is written on the caller's thread", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const BatchPtr batch = desk.batch("one");
  REQUIRE(desk.submit(batch, true));
  CHECK(batch->settled());
  CHECK(batch->first_lsn() == 1);
  CHECK(desk.turn() == SinkWriter::kNever);
  CHECK(desk.sink.write_calls == 1);
}

TEST_CASE("a large batch, or one behind others, is left to the worker", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const BatchPtr large = desk.batch(std::string(kInlineBatchBytesMax, 'x'));
  REQUIRE(desk.submit(large, true));
  CHECK_FALSE(large->settled());
  const BatchPtr small = desk.batch("small");
  REQUIRE(desk.submit(small, true));
  CHECK_FALSE(small->settled());
  desk.turn();
  CHECK(small->settled());
  CHECK(desk.sink.write_calls == 1);
}

TEST_CASE("the worker writes everything that is queued as one group", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  for (int i = 0; i < 20; ++i) {
    REQUIRE(desk.submit(desk.batch("record " + std::to_string(i))));
  }
  desk.turn();
  CHECK(desk.sink.write_calls == 1);
  REQUIRE(desk.sink.record_count() == 20);
  CHECK(desk.sink.payloads()[19] == "record 19");
}

TEST_CASE("the queue is bounded in bytes but admits one batch of any size", "[pipeline][sink]") {
  Desk desk({.queue_bytes_max = 10'000});
  desk.start();
  CHECK(desk.submit(desk.batch(std::string(50'000, 'x'))));
  const BatchPtr second = desk.batch("small");
  CHECK_FALSE(desk.submit(second));
  CHECK_FALSE(desk.waker->take_notice());
  desk.turn();
  CHECK(desk.waker->take_notice());  // who was refused is woken
  CHECK(desk.submit(second));
}

TEST_CASE("the queue is bounded in records when the configuration says so", "[pipeline][sink]") {
  Desk desk({.queue_records_max = 2});
  desk.start();
  CHECK(desk.submit(desk.batch("one")));
  CHECK(desk.submit(desk.batch("two")));
  const BatchPtr third = desk.batch("three");
  CHECK_FALSE(desk.submit(third));
  desk.turn();
  CHECK(desk.waker->take_notice());  // who was refused is woken
  CHECK(desk.submit(third));
  desk.turn();
  CHECK(desk.sink.payloads() == Texts{"one", "two", "three"});
}

TEST_CASE("what AGAIN left is offered again on the next receipt and by timer, and never lost",
          "[pipeline][sink]") {
  Desk desk;
  desk.start();
  desk.sink.then(refuse(KIFA_AGAIN, 1, desk.sink));
  std::vector<BatchPtr> batches;
  for (int i = 0; i < 3; ++i) {
    batches.push_back(desk.batch("record " + std::to_string(i)));
    REQUIRE(desk.submit(batches.back()));
  }
  std::int64_t next = desk.turn();
  CHECK(next == desk.clock.now_mono_ns() + kOfferAgainMinNs);
  CHECK(desk.sink.record_count() == 1);
  SECTION("on a receipt") {
    desk.sink.settle_all();
    desk.turn();
    CHECK(desk.sink.record_count() == 3);
  }
  SECTION("by timer, with growing waits up to a second") {
    for (int i = 0; i < 10; ++i) {
      desk.sink.then(refuse(KIFA_AGAIN, 0, desk.sink));
    }
    std::int64_t wait = kOfferAgainMinNs;
    for (int i = 0; i < 8; ++i) {
      desk.clock.advance(std::chrono::nanoseconds(next - desk.clock.now_mono_ns() - 1));
      const std::uint64_t calls = desk.sink.write_calls;
      desk.turn();
      CHECK(desk.sink.write_calls == calls);
      desk.clock.advance(std::chrono::nanoseconds(1));
      next = desk.turn();
      CHECK(desk.sink.write_calls == calls + 1);
      wait = std::min(wait * 2, kOfferAgainMaxNs);
      CHECK(next == desk.clock.now_mono_ns() + wait);
    }
    desk.sink.writes.clear();
    desk.clock.advance(std::chrono::nanoseconds(wait));
    desk.turn();
    CHECK(desk.sink.record_count() == 3);
  }
  CHECK(desk.sink.payloads() == Texts{"record 0", "record 1", "record 2"});
}

TEST_CASE("a sink that soon has space again is not told of", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  for (int round = 0; round < 10; ++round) {  // longer than the time all together
    desk.sink.then(refuse(KIFA_NO_SPACE, 0, desk.sink));
    const BatchPtr batch = desk.batch("one");
    REQUIRE(desk.submit(batch, true));
    CHECK_FALSE(batch->settled());
    desk.clock.advance(std::chrono::nanoseconds(kOfferAgainMaxNs));
    desk.turn();
    CHECK(batch->settled());
  }
  CHECK(desk.logged.empty());
}

TEST_CASE("a receipt without words fails with what the sink said just before", "[pipeline][sink]") {
  const bool is_late = GENERATE(false, true);
  Desk desk;
  desk.start();
  desk.sink.settles_at_once = false;
  const BatchPtr batch = desk.batch("one");
  REQUIRE(desk.submit(batch, true));
  desk.writer->heard("the disk is full of sand");
  if (is_late) {
    desk.clock.advance(std::chrono::minutes(1));
  }
  const kifa_receipt receipt{.ticket = 1, .first_lsn = 0, .status = KIFA_NO_SPACE, .reserved0 = 0};
  desk.writer->settle(&receipt, 1);
  CHECK(desk.writer->failure().message() ==
        (is_late ? "till/journal: failed with status -6 and gave no reason"
                 : "till/journal: the disk is full of sand"));
  CHECK(desk.logged.size() == (is_late ? 1 : 0));  // the sink's own words are in the log already
}

TEST_CASE("a full disk holds batches back, says so once it lasts, and goes on when there is space",
          "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const auto seconds = static_cast<int>(kNoSpaceToldAfterNs / kOfferAgainMaxNs);
  for (int i = 0; i < seconds + 4; ++i) {
    desk.sink.then(refuse(KIFA_NO_SPACE, 0, desk.sink, "the budget of /data is used up"));
  }
  const BatchPtr batch = desk.batch("one");
  REQUIRE(desk.submit(batch, true));
  CHECK_FALSE(batch->settled());
  CHECK(desk.logged.empty());
  for (int i = 0; i < seconds; ++i) {
    CHECK(desk.logged.empty());
    desk.clock.advance(std::chrono::nanoseconds(kOfferAgainMaxNs));
    desk.turn();
  }
  REQUIRE(desk.logged.size() == 1);
  CHECK(desk.logged[0].find("no space left for 5 s (the budget of /data is used up)") !=
        std::string::npos);
  // While it is blocked nothing is written on a source's thread.
  const std::uint64_t calls = desk.sink.write_calls;
  REQUIRE(desk.submit(desk.batch("two"), true));
  CHECK(desk.sink.write_calls == calls);
  for (int i = 0; i < 5; ++i) {
    desk.clock.advance(std::chrono::nanoseconds(kOfferAgainMaxNs));
    desk.turn();
  }
  CHECK(batch->settled());
  CHECK(batch->status() == KIFA_OK);
  CHECK_FALSE(desk.writer->failed());
  CHECK(desk.logged.size() == 2);
}

TEST_CASE("a failure fails that and all later batches, after the earlier ones",
          "[pipeline][sink][W44]") {
  Desk desk;
  desk.start();
  desk.sink.settles_at_once = false;
  const BatchPtr first = desk.batch("first");
  REQUIRE(desk.submit(first));
  desk.turn();
  desk.sink.then(refuse(KIFA_IO, 1, desk.sink, "cannot sync: Input/output error"));
  const BatchPtr second = desk.batch("second");
  const BatchPtr third = desk.batch("third");
  REQUIRE(desk.submit(second));
  REQUIRE(desk.submit(third));
  // The first is settled by the sink in its own time, even while stopping.
  desk.writer->turn();
  CHECK(third->settled());
  CHECK(third->status() == KIFA_IO);
  CHECK_FALSE(first->settled());
  desk.sink.settle(1);
  CHECK(first->settled());
  CHECK(first->status() == KIFA_OK);
  desk.turn();
  CHECK(second->settled());  // never settled by the sink, so not durable
  CHECK(second->status() == KIFA_IO);
  CHECK(desk.writer->failed());
  CHECK(desk.writer->failure().message().find("Input/output error") != std::string::npos);
  CHECK(desk.writer->stopped());
  // Later batches are failed at once.
  const BatchPtr late = desk.batch("late");
  REQUIRE(desk.submit(late));
  CHECK(late->settled());
  CHECK(late->status() == KIFA_IO);
}

TEST_CASE("a failing receipt fails everything behind it", "[pipeline][sink][W44]") {
  Desk desk;
  desk.start();
  desk.sink.settles_at_once = false;
  std::vector<BatchPtr> batches;
  for (int i = 0; i < 3; ++i) {
    batches.push_back(desk.batch("record"));
    REQUIRE(desk.submit(batches.back()));
    desk.turn();
  }
  batches.push_back(desk.batch("queued"));
  desk.sink.stalled = true;
  REQUIRE(desk.submit(batches.back()));
  desk.sink.settle(1);
  desk.sink.settle(1, KIFA_IO);
  desk.turn();
  CHECK(batches[0]->status() == KIFA_OK);
  for (int i = 1; i < 4; ++i) {
    CHECK(batches[static_cast<std::size_t>(i)]->settled());
    CHECK(batches[static_cast<std::size_t>(i)]->status() == KIFA_IO);
  }
  CHECK(desk.writer->failed());
}

TEST_CASE("a batch stays untouched until the write that reads it has returned",
          "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const BatchPtr batch = desk.batch("one");
  bool settled_inside = true;
  desk.sink.then([&](sdk::Batches batches, std::uint32_t& taken) {
    const kifa_receipt receipt = desk.sink.keep(batches[0]);
    // From another thread, while write() is still busy with the batch.
    std::thread([&] { desk.sink.host->settle(desk.sink.host, &receipt, 1); }).join();
    settled_inside = batch->settled();
    taken = 1;
    return sdk::Status();
  });
  REQUIRE(desk.submit(batch, true));
  CHECK_FALSE(settled_inside);
  CHECK(batch->settled());
}

TEST_CASE("a sink that settles what is not due breaks its contract and is stopped",
          "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const BatchPtr batch = desk.batch("one");
  SECTION("a ticket that was never offered") {
    const kifa_receipt receipt{99, 1, KIFA_OK, 0};
    desk.sink.host->settle(desk.sink.host, &receipt, 1);
  }
  SECTION("a ticket twice") {
    REQUIRE(desk.submit(batch, true));
    const kifa_receipt receipt{1, 1, KIFA_OK, 0};
    desk.sink.host->settle(desk.sink.host, &receipt, 1);
  }
  SECTION("a batch that it did not take") {
    desk.sink.then([&](sdk::Batches batches, std::uint32_t&) {
      const kifa_receipt receipt{batches[0].ticket(), 1, KIFA_OK, 0};
      desk.sink.host->settle(desk.sink.host, &receipt, 1);
      return sdk::Status();
    });
    REQUIRE(desk.submit(batch, true));
    CHECK(batch->status() == KIFA_INTERNAL);
  }
  SECTION("more batches taken than offered") {
    desk.sink.then([&](sdk::Batches, std::uint32_t& taken) {
      taken = 2;
      return sdk::Status();
    });
    REQUIRE(desk.submit(batch, true));
  }
  CHECK(desk.writer->failed());
  CHECK(desk.writer->failure().code() == Code::internal);
  desk.turn();
  CHECK(desk.writer->stopped());
}

TEST_CASE("closing writes what is queued, flushes and stops", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  desk.sink.settles_at_once = false;
  desk.sink.flush = [&] {
    desk.sink.settle_all();
    return sdk::Status();
  };
  const BatchPtr batch = desk.batch("one");
  REQUIRE(desk.submit(batch));
  desk.writer->close(desk.clock.now_mono_ns() + 1000 * kMillisecond);
  desk.turn();
  CHECK(batch->settled());
  CHECK(desk.writer->stopped());
  CHECK(desk.sink.heard.all() == Texts{"start", "flush", "stop"});
}

TEST_CASE("closing gives up at its deadline and fails what is left", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const BatchPtr batch = desk.batch("one");
  const bool stalled = GENERATE(true, false);
  desk.sink.stalled = stalled;
  desk.sink.settles_at_once = false;
  REQUIRE(desk.submit(batch));
  desk.writer->close(desk.clock.now_mono_ns() + 50 * kMillisecond);
  CHECK(desk.turn() <= desk.clock.now_mono_ns() + 50 * kMillisecond);
  CHECK_FALSE(desk.writer->stopped());
  desk.clock.advance(std::chrono::milliseconds(50));
  desk.turn();
  CHECK(desk.writer->stopped());
  CHECK(batch->settled());
  CHECK(batch->status() == KIFA_IO);
}

TEST_CASE("a sink that is unavailable at its start is tried again; one that is locked is a failure",
          "[pipeline][sink]") {
  Desk desk;
  SECTION("unavailable") {
    desk.sink.start = [] { return sdk::Status::unavailable("the broker is away"); };
    const std::int64_t next = desk.turn();
    CHECK(next > desk.clock.now_mono_ns());
    CHECK_FALSE(desk.writer->ready());
    CHECK_FALSE(desk.writer->failed());
    desk.sink.start = nullptr;
    desk.clock.advance(std::chrono::nanoseconds(next - desk.clock.now_mono_ns()));
    desk.turn();
    CHECK(desk.writer->ready());
    CHECK(desk.waker->take_notice());
  }
  SECTION("locked") {
    desk.sink.start = [] { return sdk::Status(KIFA_LOCKED, "another kifa has it"); };
    desk.turn();
    CHECK(desk.writer->failed());
    CHECK(desk.writer->stopped());
    CHECK(desk.writer->failure().code() == Code::locked);
    CHECK(desk.waker->take_notice());
  }
}

TEST_CASE("a batch without records but with checkpoints is written", "[pipeline][sink]") {
  Desk desk;
  desk.start();
  const auto batch = std::make_shared<Batch>();
  batch->reset(1, desk.waker);
  kifa_checkpoint checkpoint{};
  checkpoint.struct_size = sizeof(checkpoint);
  checkpoint.key = to_abi("file");
  checkpoint.position = 7;
  batch->add_checkpoint(checkpoint);
  batch->seal("till/printer");
  REQUIRE(desk.submit(batch, true));
  CHECK(batch->settled());
  CHECK(desk.sink.checkpoints["till/printer file"].position == 7);
}

}  // namespace kifa::pipeline
