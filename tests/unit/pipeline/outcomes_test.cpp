// What comes back to the source: acknowledgements, answers to the device, releases; and what goes
// to best-effort sinks.

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/rig.hpp"

namespace kifa::pipeline {
namespace {

using test::kMillisecond;
using test::Rig;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a device is answered when its record is durable, not before", "[pipeline][outcome]") {
  Rig rig;
  rig.answers = true;
  rig.framing.reply_when_durable = true;
  rig.sink.settles_at_once = false;
  rig.build();
  rig.give("one\ntwo\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"one", "two"});
  CHECK(rig.source.heard.count("reply") == 0);
  CHECK(rig.source.heard.count("ack") == 0);
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.source.heard.of("reply") == Texts{"reply 1 OK 1\nOK 2\n"});
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 8 0"});
}

TEST_CASE("outcomes of a stream come in the order of its records, filtered ones in their place",
          "[pipeline][outcome][filter]") {
  Rig rig;
  rig.answers = true;
  rig.framing.reply_when_durable = true;
  rig.filters.push_back({.keep = "", .drop = "^DEBUG", .mark = {}});
  rig.sink.settles_at_once = false;
  rig.build();
  rig.give("one\nDEBUG two\nthree\n");
  rig.run(true);
  rig.give("DEBUG four\n");
  rig.run(true);
  // Nothing of the last batch needs the sink, but its answer waits for the earlier ones.
  CHECK(rig.source.heard.count("reply") == 0);
  rig.sink.settle_all();
  rig.run();
  CHECK(rig.framing.heard.of("outcome") ==
        Texts{"outcome 1 0", "outcome 0 0 filtered", "outcome 2 0", "outcome 0 0 filtered"});
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 20 0", "ack 1 31 0"});
  CHECK(rig.counters().records_filtered == 2);
}

TEST_CASE("an answer at arrival is sent right after poll, also while the sink stalls",
          "[pipeline][outcome]") {
  Rig rig;
  rig.sink.stalled = true;
  rig.framing.reply_at_arrival = "\x12";
  rig.build();
  rig.open(1, KIFA_STREAM_REPLY);
  bool inside_poll_replied = false;
  rig.source.then([&](sdk::Emitter out) {
    const kifa_status status = out.chunk({.stream = 1, .data = sdk::bytes_of("?\nreceipt\n")});
    inside_poll_replied = rig.source.heard.count("reply") != 0;
    return sdk::Status(status == KIFA_OK ? KIFA_AGAIN : status);
  });
  rig.run(true);
  CHECK_FALSE(inside_poll_replied);
  CHECK(rig.source.heard.of("reply") == Texts{"reply 1 \x12"});
  CHECK(rig.source.heard.count("ack") == 0);
}

TEST_CASE("a live source lends its thread to no sink, so that no disk keeps it from reading",
          "[pipeline][outcome]") {
  for (const bool live : {false, true}) {
    Rig rig;
    rig.live = live;
    rig.sink_works = false;  // its own thread has no turn
    rig.build();
    rig.give("one\n");
    rig.run(true);
    CHECK(rig.sink.write_calls == (live ? 0U : 1U));
    rig.give("two\n");
    rig.run(true);
    for (int i = 0; i < 2; ++i) {  // the second record was gathered while the first waited
      rig.turn_sink();
      rig.run();
    }
    CHECK(rig.sink.payloads() == Texts{"one", "two"});
    CHECK(rig.source.heard.of("ack").back() == "ack 1 8 0");
  }
}

TEST_CASE("a stream that has ended is released only when all is settled and answered",
          "[pipeline][outcome]") {
  Rig rig;
  rig.answers = true;
  rig.framing.reply_when_durable = true;
  rig.sink.settles_at_once = false;
  rig.build();
  rig.give("a\nb\n", 1, KIFA_CHUNK_END);
  rig.run(true);
  CHECK(rig.source.heard.count("release") == 0);
  rig.sink.settle_all();
  rig.run();
  const Texts heard = rig.source.heard.all();
  REQUIRE(heard.size() >= 3);
  CHECK(Texts(heard.end() - 3, heard.end()) ==
        Texts{"ack 1 4 0", "reply 1 OK 1\nOK 2\n", "release 1"});
}

TEST_CASE("a stream that ended without a record is released at once", "[pipeline][outcome]") {
  Rig rig;
  rig.build();
  rig.give("", 1, KIFA_CHUNK_END);
  rig.run(true);
  CHECK(rig.source.heard.of("release") == Texts{"release 1"});
  CHECK(rig.sink.write_calls == 0);
}

TEST_CASE("streams have their own acknowledgements", "[pipeline][outcome]") {
  Rig rig;
  rig.build();
  rig.open(1);
  rig.open(2);
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.chunk({.stream = 1, .data = sdk::bytes_of("a\nb")}));
    static_cast<void>(out.chunk({.stream = 2, .data = sdk::bytes_of("cc\n")}));
    return sdk::Status(out.chunk({.stream = 1, .data = sdk::bytes_of("b\n"), .position = 3}));
  });
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"a", "cc", "bb"});
  Texts acks = rig.source.heard.of("ack");
  std::ranges::sort(acks);
  CHECK(acks == Texts{"ack 1 5 0", "ack 2 3 0"});
}

TEST_CASE("when the sink fails the device hears it, for this and all later records",
          "[pipeline][outcome][W44]") {
  Rig rig;
  rig.answers = true;
  rig.framing.reply_when_durable = true;
  rig.build();
  rig.give("one\n");
  rig.run(true);
  rig.sink.then([](sdk::Batches, std::uint32_t&) {
    return sdk::Status(KIFA_IO, "cannot sync wal-0000000000000001: Input/output error");
  });
  rig.give("two\n");
  rig.run(true);
  CHECK(rig.engine().finished());
  CHECK(rig.source.heard.of("reply") == Texts{"reply 1 OK 1\n", "reply 1 ERR -5\n"});
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 4 0", "ack 1 8 -5"});
  CHECK(rig.source.heard.all().back() == "stop");
  CHECK(rig.engine().result().stops_pipeline);
  CHECK(rig.engine().result().status.code() == Code::io);
  CHECK(rig.engine().result().status.message().find("Input/output error") != std::string::npos);
  CHECK(rig.counters().records_failed == 1);
  CHECK(rig.sink.heard.all().back() == "stop");
}

// ---- gaps ----

TEST_CASE("a source's loss is a gap behind the records before it and before those after it",
          "[pipeline][gap]") {
  Rig rig;
  rig.build();
  rig.open(1);
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.chunk({.stream = 1, .data = sdk::bytes_of("one\ntwo\n")}));
    static_cast<void>(out.gap({.stream = 1,
                               .reason = KIFA_GAP_OVERFLOW,
                               .records = 3,
                               .bytes = 99,
                               .detail = "the queue was full"}));
    return sdk::Status(out.chunk({.stream = 1, .data = sdk::bytes_of("three\n"), .position = 8}));
  });
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"one", "two", "three"});
  REQUIRE(rig.sink.gaps.size() == 1);
  CHECK(rig.sink.gaps[0].after_lsn == 2);
  CHECK(rig.sink.gaps[0].reason == KIFA_GAP_OVERFLOW);
  CHECK(rig.sink.gaps[0].records == 3);
  CHECK(rig.sink.gaps[0].bytes == 99);
  CHECK(rig.sink.gaps[0].detail == "the queue was full");
}

TEST_CASE("a rejected record is a gap, a skipped stretch too", "[pipeline][gap][W19]") {
  Rig rig;
  rig.options.framer = {.record_bytes_max = 64, .oversize = Oversize::reject};
  rig.build();
  rig.give("one\n" + std::string(100, 'x') + "\n#line noise\ntwo\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"one", "two"});
  REQUIRE(rig.sink.gaps.size() == 2);
  CHECK(rig.sink.gaps[0].reason == KIFA_GAP_OVERSIZE);
  CHECK(rig.sink.gaps[0].records == 1);
  CHECK(rig.sink.gaps[0].bytes == 100);
  CHECK(rig.sink.gaps[0].after_lsn == 1);
  CHECK(rig.sink.gaps[1].reason == KIFA_GAP_MALFORMED);
  CHECK(rig.sink.gaps[1].bytes == 12);
  CHECK(rig.counters().records_rejected == 1);
}

TEST_CASE("a stream whose unfinished records are too long is ended alone, and keeps its bytes",
          "[pipeline][gap]") {
  Rig rig;
  rig.options.framer.record_bytes_max = 4 << 20;
  rig.build();
  const std::string much((4 << 20) - 1, 'x');
  rig.open(9);
  rig.give("half", 9);
  for (std::uint64_t stream = 1; stream <= 4; ++stream) {
    rig.give(much, stream);
  }
  for (int i = 0; i < 5; ++i) {
    rig.run(true);
  }
  CHECK(rig.sink.record_count() == 0);
  kifa_status last = KIFA_OK;
  rig.open(5);
  rig.source.then([&](sdk::Emitter out) {
    last = out.chunk({.stream = 5, .data = sdk::bytes_of("one\n" + much)});
    return sdk::Status::again();
  });
  rig.run(true);
  CHECK(last == KIFA_NO_MEMORY);
  CHECK(rig.source.heard.of("release") == Texts{"release 5"});
  REQUIRE(rig.sink.record_count() == 2);
  CHECK(rig.sink.payloads()[0] == "one");
  CHECK(rig.sink.payloads()[1] == much);
  REQUIRE(rig.sink.gaps.size() == 1);
  CHECK(rig.sink.gaps[0].stream == 5);
  // The others go on.
  rig.give(" line\n", 9);
  rig.run(true);
  CHECK(rig.sink.payloads().back() == "half line");
}

// ---- best-effort sinks ----

TEST_CASE("a best-effort sink gets what is durable, with LSNs, as text of its formatter",
          "[pipeline][copy]") {
  Rig rig;
  rig.has_copy = true;
  rig.copy_is_text = true;
  rig.build();
  rig.give("one\ntwo\n");
  rig.run(true);
  CHECK(rig.copy.text == "BEGIN\n[1] one\n[2] two\n");
  CHECK(rig.copy.checkpoints.empty());
}

TEST_CASE("what the required sink refused is not copied", "[pipeline][copy]") {
  Rig rig;
  rig.has_copy = true;
  rig.build();
  rig.sink.then([](sdk::Batches, std::uint32_t&) { return sdk::Status(KIFA_IO, "broken"); });
  rig.give("one\n");
  rig.run(true);
  CHECK(rig.copy.payloads().empty());
}

TEST_CASE("a best-effort sink that stalls or fails drops, counts, and holds nobody up",
          "[pipeline][copy]") {
  Rig rig;
  rig.has_copy = true;
  rig.sink_options.queue_bytes_max = 2000;
  rig.build();
  SECTION("stalls") {
    rig.copy.stalled = true;
    for (int i = 0; i < 20; ++i) {
      rig.give(std::string(499, 'x') + "\n");
      rig.run(true);
    }
    CHECK(rig.sink.record_count() == 20);
    CHECK(rig.source.heard.count("ack") == 20);
    CHECK(rig.has_logged("drops records"));
    rig.copy.stalled = false;
    rig.advance(1000 * kMillisecond);
    rig.run();
    CHECK(rig.copy.record_count() + rig.copy_writer().dropped_records() == 20);
    CHECK(rig.copy_writer().dropped_records() > 0);
  }
  SECTION("fails and comes back") {
    rig.copy.then([](sdk::Batches, std::uint32_t&) { return sdk::Status(KIFA_IO, "broken"); });
    rig.give("one\n");
    rig.run(true);
    rig.give("two\n");
    rig.run(true);
    CHECK(rig.sink.record_count() == 2);
    CHECK(rig.copy.heard.of("st") == Texts{"start", "stop"});
    rig.advance(100'000 * kMillisecond);
    rig.run();
    CHECK(rig.copy.heard.of("st") == Texts{"start", "stop", "start"});
    rig.give("three\n");
    rig.run(true);
    CHECK(rig.copy.payloads().back() == "three");
    CHECK(rig.copy_writer().dropped_records() == 1);
  }
}

TEST_CASE("a filter keeps and drops by RE2, in its order", "[pipeline][filter]") {
  Rig rig;
  rig.filters.push_back({.keep = "amount", .drop = "", .mark = {}});
  rig.filters.push_back({.keep = "", .drop = "test|\xC3\xA9", .mark = {}});
  rig.build();
  rig.give("amount 1\nhello\namount test\namount \xC3\xA9\n\xFF\xFE amount \xFF\n");
  rig.run(true);
  CHECK(rig.sink.payloads() == Texts{"amount 1", "\xFF\xFE amount \xFF"});
  CHECK(rig.counters().records_filtered == 3);
}

TEST_CASE("a pattern that is not RE2 is refused with its place", "[pipeline][filter]") {
  const auto filter = RecordFilter::create({{.keep = "(", .drop = "", .mark = {12, 5}}});
  REQUIRE_FALSE(filter.has_value());
  CHECK(filter.error().code() == Code::invalid);
  CHECK(filter.error().message().find("line 12") != std::string::npos);
  CHECK(filter.error().message().find("missing )") != std::string::npos);
}

}  // namespace kifa::pipeline
