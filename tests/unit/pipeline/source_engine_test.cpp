#include "core/pipeline/source_engine.hpp"

#include <poll.h>

#include <string>
#include <vector>

#include "core/pipeline/limits.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/pipeline/rig.hpp"

namespace kifa::pipeline {
namespace {

using test::kMillisecond;
using test::Rig;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("lines of a source are durable records of the sink, acknowledged in order",
          "[pipeline]") {
  Rig rig;
  rig.build();
  rig.give("one\ntwo\nthr");
  rig.give("ee\n");
  rig.end();
  for (int i = 0; i < 3; ++i) {
    rig.run(true);
  }
  CHECK(rig.engine().finished());
  CHECK(rig.engine().result().status.is_ok());
  CHECK(rig.sink.payloads() == Texts{"one", "two", "three"});
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 8 0", "ack 1 14 0"});
  CHECK(rig.source.heard.of("release") == Texts{"release 1"});
  CHECK(rig.source.heard.all().back() == "stop");
  CHECK(rig.counters().records_acknowledged == 3);
  CHECK(rig.counters().unsettled() == 0);
}

TEST_CASE("empty input ends at once with nothing stored", "[pipeline]") {
  Rig rig;
  rig.build();
  rig.end();
  rig.run(true);
  CHECK(rig.engine().finished());
  CHECK(rig.sink.payloads().empty());
  CHECK(rig.sink.write_calls == 0);
}

TEST_CASE("an idle source asks for no time and no turn", "[pipeline]") {
  Rig rig;
  rig.build();
  Wait wait = rig.run();
  CHECK_FALSE(wait.again);
  CHECK(wait.descriptors);
  CHECK(wait.input);
  CHECK(wait.until == kNoTime);
  // After a burst it wakes once to give its buffers back, and then never again.
  rig.give("one\n");
  wait = rig.run(true);
  CHECK(wait.until == rig.clock.now_mono_ns() + kIdleTrimNs);
  rig.advance(kIdleTrimNs);
  wait = rig.run();
  CHECK(wait.until == kNoTime);
  CHECK(rig.source.heard.count("poll") == 3);  // the first, the one that opens, the one that gives
}

TEST_CASE("records carry pipeline and source first, and share one array per stream", "[pipeline]") {
  Rig rig;
  rig.build();
  rig.source.then([](sdk::Emitter out) {
    const kifa_attr attr{sdk::to_abi("tcp.peer"), sdk::to_abi("10.0.0.7:9100")};
    static_cast<void>(out.open({.stream = 7, .attrs = {&attr, 1}}));
    return sdk::Status(out.chunk({.stream = 7, .data = sdk::bytes_of("one\ntwo\n")}));
  });
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.open({.stream = 8}));
    return sdk::Status(out.chunk({.stream = 8, .data = sdk::bytes_of("three\n")}));
  });
  rig.give("four\n", 7);
  rig.run(true);
  REQUIRE(rig.sink.records.size() >= 3);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"kifa.pipeline", "till"}, {"kifa.source", "printer"}, {"tcp.peer", "10.0.0.7:9100"}};
  CHECK(rig.sink.records[0].attributes == expected);
  CHECK(rig.sink.records[0].attrs == rig.sink.records[1].attrs);
  CHECK(rig.sink.records[2].attrs != rig.sink.records[0].attrs);
  CHECK(rig.sink.records[2].attributes.size() == 2);
  CHECK(rig.sink.records[0].origin == "till/printer");
}

TEST_CASE("records of a stream that asks for it know where they begin", "[pipeline]") {
  Rig rig;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE | KIFA_STREAM_OFFSETS, "file", 100);
  rig.give("first\nsec");
  rig.run(true);
  rig.give("ond\nthird\n");
  rig.run(true);
  rig.run(true);
  std::vector<std::string> offsets;
  for (const auto& record : rig.sink.records) {
    REQUIRE(record.attributes.size() == 3);
    CHECK(record.attributes[2].first == "offset");
    offsets.push_back(record.payload + " at " + record.attributes[2].second);
  }
  CHECK(offsets == std::vector<std::string>{"first at 100", "second at 106", "third at 113"});
}

TEST_CASE("datagrams of one peer share one attribute array", "[pipeline]") {
  Rig rig;
  rig.build();
  const auto datagram = [](std::string text, std::string peer) {
    return [=](sdk::Emitter out) {
      const kifa_attr attr{sdk::to_abi("udp.peer"), sdk::to_abi(peer)};
      return sdk::Status(
          out.chunk({.stream = 1, .data = sdk::bytes_of(text), .attrs = {&attr, 1}}));
    };
  };
  rig.open(1, KIFA_STREAM_DATAGRAM);
  rig.source.then(datagram("one", "a:1"));
  rig.source.then(datagram("two", "b:2"));
  rig.source.then(datagram("three\nfour", "a:1"));
  rig.run(true);
  const auto& records = rig.sink.records;
  REQUIRE(records.size() == 4);
  CHECK(records[0].attrs == records[2].attrs);
  CHECK(records[2].attrs == records[3].attrs);
  CHECK(records[0].attrs != records[1].attrs);
  CHECK(records[1].attributes.back().second == "b:2");
  CHECK(records[0].flags == 0);
}

TEST_CASE("a source of whole records needs no framing", "[pipeline]") {
  Rig rig;
  rig.whole_records = true;
  rig.options.framer.record_bytes_max = 5;
  rig.build();
  rig.source.then([](sdk::Emitter out) {
    static_cast<void>(out.open({.stream = 1}));
    for (const std::string_view text : {"one", "thirteen"}) {
      kifa_record record{};
      record.payload = sdk::to_abi(sdk::bytes_of(text));
      record.observed_unix_ns = 5;
      if (const kifa_status status = out.record(1, record, text.size()); status != KIFA_OK) {
        return sdk::Status(status);
      }
    }
    return sdk::Status::again();
  });
  rig.run();
  CHECK(rig.sink.payloads() == Texts{"one", "thirt"});
  CHECK(rig.sink.records[1].flags == KIFA_RECORD_TRUNCATED);
  CHECK(rig.counters().bytes_dropped == 3);
}

// ---- room and back-pressure ----

TEST_CASE("poll goes on while the sink stalls, until the intake is full", "[pipeline][room]") {
  Rig rig;
  rig.sink_works = false;  // its worker never gets to run
  rig.options.intake_bytes_max = 1000;
  rig.options.batch.bytes_max = 100;
  rig.sink_options.queue_bytes_max = 1;  // admits one batch of any size
  rig.build();
  rig.open(1);
  std::uint64_t position = 0;
  rig.source.otherwise = [&](sdk::Emitter out) {
    const std::string line(49, 'x');
    const kifa_status status =
        out.chunk({.stream = 1, .data = sdk::bytes_of(line + "\n"), .position = position});
    position += status == KIFA_OK ? 50 : 0;
    return sdk::Status(status);
  };
  const Wait wait = rig.run();
  CHECK_FALSE(wait.input);  // INPUT descriptors are left out: woken, it could not read
  CHECK(wait.descriptors);
  CHECK(position >= 500);
  CHECK(position <= 1500);

  // No room, no poll: whatever else wakes the thread does not make it spin.
  rig.source.heard.clear();
  rig.advance(50 * kMillisecond);
  rig.run();
  CHECK(rig.source.heard.count("poll") == 0);

  // A plugin's other descriptor is ready: polled with room 0.
  rig.run(true);
  CHECK(rig.source.heard.count("poll") == 1);
  CHECK(rig.source.last_room == 0);

  // The sink works again: everything arrives, nothing twice.
  const std::uint64_t before = position;
  rig.source.otherwise = nullptr;
  rig.sink_works = true;
  rig.run();
  CHECK(rig.sink.record_count() == before / 50);
  CHECK(rig.run().input);
}

TEST_CASE("a framing timer that is due while there is no room waits without spinning",
          "[pipeline][room]") {
  Rig rig;
  rig.sink.stalled = true;
  rig.options.intake_bytes_max = 200;
  rig.options.batch.bytes_max = 50;
  rig.sink_options.queue_bytes_max = 1;
  rig.framing.silence_ns = 10 * kMillisecond;
  rig.build();
  for (int i = 0; i < 8; ++i) {
    rig.give(std::string(49, 'x') + "\nhalf");
    rig.run(true);
  }
  REQUIRE_FALSE(rig.run().input);
  rig.advance(1000 * kMillisecond);
  const Wait wait = rig.run();  // would not come to rest if the timer counted
  CHECK(wait.until > rig.clock.now_mono_ns());
  rig.run(true);  // a poll without room cannot say that the device is silent
  CHECK(rig.framing.heard.count("tick") == 0);
}

TEST_CASE("descriptors flagged INPUT are waited for only while there is room", "[pipeline][room]") {
  Rig rig;
  rig.source.fds = {{5, POLLIN, KIFA_FD_INPUT}, {6, POLLOUT, 0}};
  rig.build();
  std::vector<pollfd> fds;
  rig.engine().descriptors({.descriptors = true, .input = true}, fds);
  REQUIRE(fds.size() == 2);
  CHECK(fds[0].fd == 5);
  CHECK(fds[0].events == POLLIN);
  fds.clear();
  rig.engine().descriptors({.descriptors = true, .input = false}, fds);
  REQUIRE(fds.size() == 1);
  CHECK(fds[0].fd == 6);
}

TEST_CASE("a chunk that was not taken is handed over again and stored once", "[pipeline][room]") {
  Rig rig;
  rig.sink_works = false;
  rig.options.intake_bytes_max = 100;
  rig.options.batch.bytes_max = 64;
  rig.sink_options.queue_bytes_max = 1;
  rig.build();
  rig.open(1);
  int taken = 0;
  int refused = 0;
  rig.source.otherwise = [&](sdk::Emitter out) {
    if (taken == 10) {
      return out.draining() ? sdk::Status::end() : sdk::Status::again();
    }
    const std::string line = "line " + std::to_string(taken) + std::string(40, '.') + "\n";
    const kifa_status status =
        out.chunk({.stream = 1,
                   .data = sdk::bytes_of(line),
                   .position = static_cast<std::uint64_t>(taken) * line.size()});
    (status == KIFA_OK ? taken : refused) += 1;
    return sdk::Status(status);
  };
  rig.run();
  rig.run(true);
  CHECK(refused >= 1);
  rig.sink_works = true;
  rig.run();
  CHECK(taken == 10);
  REQUIRE(rig.sink.record_count() == 10);
  CHECK(rig.sink.payloads()[9].starts_with("line 9"));
}

// ---- time ----

TEST_CASE("a tick fires only after a poll that ran dry at or after its time", "[pipeline][time]") {
  Rig rig;
  rig.framing.silence_ns = 100 * kMillisecond;
  rig.build();
  rig.give("half a re");
  Wait wait = rig.run(true);
  CHECK(wait.until == rig.clock.now_mono_ns() + 100 * kMillisecond);
  // The thread was away for three seconds; the rest of the receipt lay in the kernel all the time.
  rig.advance(3000 * kMillisecond);
  rig.give("ceipt\n");
  rig.run();
  CHECK(rig.framing.heard.count("tick") == 0);
  CHECK(rig.sink.payloads() == Texts{"half a receipt"});
}

TEST_CASE("a tick comes in time when the device is silent", "[pipeline][time]") {
  Rig rig;
  rig.framing.silence_ns = 100 * kMillisecond;
  rig.build();
  rig.give("no line end");
  const Wait wait = rig.run(true);
  rig.advance(wait.until - rig.clock.now_mono_ns() - 1);
  rig.run();
  CHECK(rig.framing.heard.count("tick") == 0);
  rig.advance(1);
  rig.run();
  CHECK(rig.framing.heard.of("tick") == Texts{"tick 11"});
  CHECK(rig.sink.payloads() == Texts{"no line end"});
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 11 0"});
}

TEST_CASE("an unfinished line becomes a record after idle_timeout, but not of a file",
          "[pipeline][time]") {
  Rig rig;
  rig.options.idle_timeout_ns = 500 * kMillisecond;
  rig.build();
  SECTION("on a connection") {
    rig.give("no end");
    rig.run(true);
    rig.advance(500 * kMillisecond);
    rig.run();
    CHECK(rig.sink.payloads() == Texts{"no end"});
    CHECK(rig.sink.records[0].flags == KIFA_RECORD_PARTIAL);
    rig.give("next\n");
    rig.run(true);
    CHECK(rig.sink.payloads().back() == "next");
  }
  SECTION("a half line in a file waits") {
    rig.open(1, KIFA_STREAM_RESUMABLE, "file");
    rig.give("no end");
    rig.run(true);
    rig.advance(5000 * kMillisecond);
    rig.run();
    CHECK(rig.sink.payloads().empty());
  }
}

TEST_CASE("a source is polled when it asked to be woken, and when it says so", "[pipeline][time]") {
  Rig rig;
  rig.build();
  rig.source.then([&](sdk::Emitter out) {
    out.wake_at(rig.clock.now_mono_ns() + 70);
    out.wake_at(rig.clock.now_mono_ns() + 50);
    return sdk::Status::again();
  });
  CHECK(rig.run().until == rig.clock.now_mono_ns() + 50);
  rig.advance(50);
  rig.run();
  CHECK(rig.source.heard.count("poll") == 2);
  CHECK(rig.run().until == kNoTime);
  rig.source.host->wake(rig.source.host);
  rig.run();
  CHECK(rig.source.heard.count("poll") == 3);
}

TEST_CASE(
    "records wait for company only while the source has more at once, and not longer than "
    "linger",
    "[pipeline][time]") {
  Rig rig;
  rig.options.linger_ns = 5 * kMillisecond;
  rig.build();
  rig.open(1);
  int polls = 0;
  rig.source.otherwise = [&](sdk::Emitter out) {
    const auto position = static_cast<std::uint64_t>(polls) * 2;
    static_cast<void>(out.chunk({.stream = 1, .data = sdk::bytes_of("x\n"), .position = position}));
    rig.advance(kMillisecond);
    return ++polls < 20 ? sdk::Status::ok() : sdk::Status::end();
  };
  rig.run();
  CHECK(rig.sink.record_count() == 20);
  CHECK(rig.sink.batch_sizes.size() >= 3);
  CHECK(rig.sink.batch_sizes.size() <= 5);
}

// ---- start, back-off, stop ----

TEST_CASE("a source that is unavailable is stopped and started again, later and later",
          "[pipeline][back-off]") {
  Rig rig;
  rig.options.retry_min_ns = 100 * kMillisecond;
  rig.options.retry_max_ns = 1000 * kMillisecond;
  rig.source.start = [] { return sdk::Status::unavailable("the cable is out"); };
  rig.build();
  std::int64_t full = 100 * kMillisecond;
  for (int i = 0; i < 6; ++i) {
    const Wait wait = rig.run();
    const std::int64_t left = wait.until - rig.clock.now_mono_ns();
    CHECK(left >= full / 2);
    CHECK(left <= full);
    full = std::min(full * 2, 1000 * kMillisecond);
    rig.advance(left);
  }
  CHECK(rig.has_logged("the cable is out"));
  rig.source.start = nullptr;
  rig.run();
  CHECK(rig.source.heard.count("poll") == 1);
  // Resume comes before every start, and stop after every failed one.
  const Texts heard = rig.source.heard.all();
  CHECK(Texts(heard.begin(), heard.begin() + 6) ==
        Texts{"resume", "start", "stop", "resume", "start", "stop"});
}

TEST_CASE("a source that worked again begins with the shortest wait", "[pipeline][back-off]") {
  Rig rig;
  rig.options.retry_min_ns = 100 * kMillisecond;
  rig.options.retry_max_ns = 10'000 * kMillisecond;
  rig.source.start = [] { return sdk::Status::unavailable("the cable is out"); };
  rig.build();
  for (int i = 0; i < 5; ++i) {
    const Wait wait = rig.run();
    rig.advance(wait.until - rig.clock.now_mono_ns());
  }
  rig.source.start = nullptr;
  rig.give("one\n");
  rig.run();
  rig.source.then([](sdk::Emitter) { return sdk::Status::unavailable("gone again"); });
  CHECK(rig.run(true).until <= rig.clock.now_mono_ns() + 100 * kMillisecond);
}

TEST_CASE("an unavailable source is resumed only when everything in flight has settled",
          "[pipeline][back-off]") {
  Rig rig;
  rig.options.retry_min_ns = kMillisecond;
  rig.sink.settles_at_once = false;
  rig.build();
  rig.open(1, KIFA_STREAM_RESUMABLE, "file");
  rig.give("one\nhal");
  rig.source.then([](sdk::Emitter) { return sdk::Status::unavailable("gone"); });
  rig.run(true);
  rig.run(true);
  rig.advance(100 * kMillisecond);
  rig.run();
  CHECK(rig.source.heard.count("resume") == 1);
  CHECK(rig.source.heard.count("stop") == 0);
  rig.sink.settle_all();
  const Wait wait = rig.run();
  CHECK(rig.source.heard.of("ack") == Texts{"ack 1 4 0"});
  CHECK(rig.source.heard.count("stop") == 1);
  rig.advance(wait.until - rig.clock.now_mono_ns());
  rig.run();
  CHECK(rig.source.heard.of("resume") == Texts{"resume", "resume file=4"});
  CHECK(rig.counters().restarts == 1);
}

TEST_CASE("a first start that fails for good stops the pipeline, a later one only the source",
          "[pipeline]") {
  Rig rig;
  rig.options.retry_min_ns = kMillisecond;
  SECTION("first") {
    rig.source.start = [] { return sdk::Status::invalid("no such device type"); };
    rig.build();
    rig.run();
    REQUIRE(rig.engine().finished());
    CHECK(rig.engine().result().status.code() == Code::invalid);
    CHECK(rig.engine().result().stops_pipeline);
  }
  SECTION("later") {
    rig.build();
    rig.run();
    rig.source.start = [] { return sdk::Status::invalid("another device"); };
    rig.source.then([](sdk::Emitter) { return sdk::Status::unavailable("gone"); });
    rig.run(true);
    rig.advance(100 * kMillisecond);
    rig.run();
    REQUIRE(rig.engine().finished());
    CHECK_FALSE(rig.engine().result().stops_pipeline);
  }
}

TEST_CASE("a source that fails keeps what it had given, and says why", "[pipeline]") {
  Rig rig;
  rig.build();
  rig.give("one\ntwo");
  rig.source.then([](sdk::Emitter) { return sdk::Status(KIFA_IO, "read error"); });
  rig.run(true);
  rig.run(true);
  REQUIRE(rig.engine().finished());
  CHECK(rig.sink.payloads() == Texts{"one", "two"});
  CHECK(rig.sink.records[1].flags == KIFA_RECORD_PARTIAL);
  CHECK(rig.engine().result().status.message().find("read error") != std::string::npos);
  CHECK_FALSE(rig.engine().result().stops_pipeline);
}

TEST_CASE("a stop ends a silent source at once", "[pipeline][stop][W31]") {
  Rig rig;
  rig.build();
  rig.give("one\nhalf");
  rig.run(true);
  rig.engine().request_stop(rig.clock.now_mono_ns() + 10'000 * kMillisecond);
  rig.run();  // without the clock moving, without a line, without END of input
  CHECK(rig.engine().finished());
  CHECK(rig.engine().result().status.is_ok());
  CHECK(rig.sink.payloads() == Texts{"one", "half"});
  CHECK(rig.source.heard.count("poll draining") == 1);
}

TEST_CASE("a drain takes in what the kernel had accepted before it ends", "[pipeline][stop]") {
  Rig rig;
  rig.build();
  rig.run();
  rig.engine().request_stop(rig.clock.now_mono_ns() + 1000 * kMillisecond);
  rig.give("last\n");
  rig.run();
  CHECK_FALSE(rig.engine().finished());  // AGAIN is not END
  rig.run(true);
  CHECK(rig.engine().finished());
  CHECK(rig.sink.payloads() == Texts{"last"});
  CHECK(rig.source.heard.of("release") == Texts{"release 1"});
}

TEST_CASE("a source that never ends its drain is ended in time, and that is a failure",
          "[pipeline][stop]") {
  Rig rig;
  rig.build();
  std::uint64_t position = 0;
  rig.open(1);
  rig.run();
  rig.source.otherwise = [&](sdk::Emitter out) {
    const kifa_status status =
        out.chunk({.stream = 1, .data = sdk::bytes_of("more\n"), .position = position});
    position += 5;
    rig.advance(10 * kMillisecond);
    return sdk::Status(status);
  };
  rig.engine().request_stop(rig.clock.now_mono_ns() + 1000 * kMillisecond);
  rig.run_to_end();
  CHECK(rig.engine().result().status.code() == Code::io);
  CHECK(rig.sink.record_count() == position / 5);  // all that was taken in is stored
  CHECK(rig.engine().result().unsettled == 0);
}

TEST_CASE("records that the sink has not settled at the deadline are counted", "[pipeline][stop]") {
  Rig rig;
  rig.sink.settles_at_once = false;
  rig.build();
  rig.give("one\ntwo\nthree\n");
  rig.run(true);
  rig.engine().request_stop(rig.clock.now_mono_ns() + 1000 * kMillisecond);
  const Wait wait = rig.run();
  CHECK_FALSE(rig.engine().finished());
  CHECK(wait.until == rig.clock.now_mono_ns() + 1000 * kMillisecond);
  CHECK(rig.sink.heard.count("flush") == 1);
  rig.advance(1000 * kMillisecond);
  rig.run();
  CHECK(rig.engine().finished());
  CHECK(rig.engine().result().unsettled == 3);
  CHECK(rig.source.heard.count("ack") == 0);
}

TEST_CASE("a stop during back-off does not wait for it", "[pipeline][stop]") {
  Rig rig;
  rig.source.start = [] { return sdk::Status::unavailable("the cable is out"); };
  rig.build();
  rig.run();
  rig.engine().request_stop(rig.clock.now_mono_ns() + kMillisecond);
  rig.run();
  CHECK(rig.engine().finished());
  CHECK(rig.engine().result().status.is_ok());
}

}  // namespace kifa::pipeline
