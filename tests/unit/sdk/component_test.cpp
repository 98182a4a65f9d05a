#include <kifa/sdk.hpp>
#include <kifa/testing/fake_emitter.hpp>
#include <kifa/testing/fake_host.hpp>
#include <kifa/testing/fake_writer.hpp>
#include <kifa/testing/framing_driver.hpp>
#include <kifa/testing/test_instance.hpp>

#include <cerrno>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/unit/sdk/test_plugins.hpp"

namespace kifa::testing {
namespace {

kifa_record record_of(std::string_view payload) {
  kifa_record record{};
  record.payload = sdk::to_abi(sdk::bytes_of(payload));
  return record;
}

std::vector<std::string> payloads(const FramingDriver& driver) {
  std::vector<std::string> all;
  for (const FramingDriver::Record& record : driver.records) {
    all.push_back(record.payload);
  }
  return all;
}

}  // namespace

TEST_CASE("the descriptor says what was described", "[sdk][component]") {
  const kifa_plugin& plugin = *kifa_builtin_good_cpp();
  CHECK(plugin.magic == KIFA_PLUGIN_MAGIC);
  CHECK(plugin.abi_major == KIFA_ABI_MAJOR);
  CHECK(std::string(plugin.id) == "com.example.good-cpp");
  REQUIRE(plugin.component_count == 4);
  CHECK(std::string(plugin.components[0].type) == "semicolon");
  CHECK(plugin.components[0].option_count == 1);
  CHECK(plugin.components[1].flags == KIFA_SOURCE_BYTES);
}

TEST_CASE("functions that a component does not have are null", "[sdk][component]") {
  const kifa_plugin& plugin = *kifa_builtin_good_cpp();
  const auto& framing = *static_cast<const kifa_framing*>(plugin.components[0].operations);
  CHECK(framing.durable == nullptr);
  const auto& source = *static_cast<const kifa_source*>(plugin.components[1].operations);
  CHECK(source.resume == nullptr);
  CHECK(source.acknowledge == nullptr);
  CHECK(source.reply == nullptr);
  CHECK(source.release == nullptr);
  CHECK(source.poll != nullptr);
  CHECK(source.descriptors != nullptr);
  const auto& sink = *static_cast<const kifa_sink*>(plugin.components[2].operations);
  CHECK(sink.load_checkpoints == nullptr);
  CHECK(sink.flush != nullptr);
  const auto& formatter = *static_cast<const kifa_formatter*>(plugin.components[3].operations);
  CHECK(formatter.begin == nullptr);
  CHECK(formatter.end == nullptr);
  const auto& thrower =
      *static_cast<const kifa_source*>(kifa_builtin_thrower()->components[0].operations);
  CHECK(thrower.acknowledge != nullptr);
}

TEST_CASE("a source emits through the C table and counts", "[sdk][component]") {
  FakeHost host;
  TestInstance ticker(*kifa_builtin_good_cpp(), host, "ticker");
  REQUIRE(ticker.configure({{"count", "3"}}) == KIFA_OK);
  REQUIRE(ticker.start() == KIFA_OK);
  FakeEmitter out(10);  // two ticks of five bytes
  const auto poll = [&] {
    return ticker.source().poll(ticker.raw(), out.raw(), 0, ticker.error());
  };
  CHECK(poll() == KIFA_OK);
  CHECK(poll() == KIFA_OK);
  CHECK(poll() == KIFA_AGAIN);
  CHECK(out.streams.at(1).bytes == "tick;tick;");
  out.set_capacity(5);
  CHECK(poll() == KIFA_OK);
  CHECK(poll() == KIFA_END);
  CHECK(out.streams.at(1).bytes == "tick;tick;tick;");
  CHECK(host.metric("ticks") == 3);
  CHECK(host.metrics().at("ticks").unit == "records");
  CHECK(out.faults.empty());
  CHECK(ticker.stop() == KIFA_OK);
}

TEST_CASE("a framing finds the same records at any chunk border", "[sdk][component]") {
  const std::string input = "one;two;;three;" + std::string(300, 'x') + ";rest";
  const std::vector<std::string> expected = {"one", "two", "", "three", std::string(300, 'x'),
                                             "rest"};
  const unsigned seed = 1977;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  FakeHost host;
  TestInstance framing(*kifa_builtin_good_cpp(), host, "semicolon");
  REQUIRE(framing.configure() == KIFA_OK);
  for (int round = 0; round < 200; ++round) {
    FramingDriver driver(framing);
    for (std::size_t at = 0; at < input.size();) {
      const std::size_t size = std::min<std::size_t>(input.size() - at, random() % 9);
      REQUIRE(driver.feed(std::string_view(input).substr(at, size)) == KIFA_OK);
      at += size;
    }
    REQUIRE(driver.end() == KIFA_OK);
    CHECK(payloads(driver) == expected);
    CHECK(driver.records.back().flags == KIFA_RECORD_PARTIAL);
    CHECK(driver.held_bytes() == 0);
    CHECK(driver.faults.empty());
  }
}

TEST_CASE("a framing obeys its options", "[sdk][component]") {
  FakeHost host;
  TestInstance framing(*kifa_builtin_good_cpp(), host, "semicolon");
  REQUIRE(framing.configure({{"skip_empty", "true"}}) == KIFA_OK);
  FramingDriver driver(framing);
  REQUIRE(driver.feed_and_end(";;a;") == KIFA_OK);
  CHECK(payloads(driver) == std::vector<std::string>{"a"});
  CHECK(driver.skips ==
        std::vector<FramingDriver::Skip>{{1, KIFA_GAP_DELIMITER}, {1, KIFA_GAP_DELIMITER}});
}

TEST_CASE("a sink settles what it took", "[sdk][component]") {
  FakeHost host;
  TestInstance sink(*kifa_builtin_good_cpp(), host, "swallow");
  REQUIRE(sink.configure() == KIFA_OK);
  const kifa_record records[] = {record_of("a"), record_of("b")};
  kifa_batch first{};
  first.struct_size = sizeof first;
  first.records = records;
  first.record_stride = sizeof(kifa_record);
  first.record_count = 2;
  first.ticket = 7;
  kifa_batch second = first;
  second.ticket = 8;
  const kifa_batch* batches[] = {&first, &second};
  std::uint32_t taken = 99;
  REQUIRE(sink.sink().write(sink.raw(), batches, 2, &taken, sink.error()) == KIFA_OK);
  CHECK(taken == 2);
  const std::vector<kifa_receipt> receipts = host.receipts();
  REQUIRE(receipts.size() == 2);
  CHECK(receipts[0].ticket == 7);
  CHECK(receipts[0].first_lsn == 1);
  CHECK(receipts[1].ticket == 8);
  CHECK(receipts[1].first_lsn == 3);
  CHECK(sink.sink().flush(sink.raw(), 0, sink.error()) == KIFA_OK);
}

TEST_CASE("a formatter passes on that its writer failed", "[sdk][component]") {
  FakeHost host;
  TestInstance formatter(*kifa_builtin_good_cpp(), host, "plain");
  const kifa_record records[] = {record_of("a"), record_of("b"), record_of("c")};
  FakeWriter out;
  const auto format = [&] {
    return formatter.formatter().format(formatter.raw(), records, 3, sizeof(kifa_record), out.raw(),
                                        formatter.error());
  };
  CHECK(format() == KIFA_OK);
  CHECK(out.text == "abc");
  out.fail_after(1, KIFA_NO_SPACE);
  CHECK(format() == KIFA_NO_SPACE);
  CHECK(out.text == "abca");
}

TEST_CASE("nothing that a component throws crosses the table", "[sdk][component]") {
  FakeHost host;
  TestInstance thrower(*kifa_builtin_thrower(), host, "thrower");
  CHECK(thrower.configure() == KIFA_INTERNAL);
  CHECK(thrower.message() == "the sky is falling");
  CHECK(thrower.start() == KIFA_UNAVAILABLE);
  CHECK(thrower.message() == "the component gave no reason");
  FakeEmitter out;
  CHECK(thrower.source().poll(thrower.raw(), out.raw(), 0, thrower.error()) == KIFA_INTERNAL);
  CHECK(thrower.message() == "no poll today");
  thrower.source().acknowledge(thrower.raw(), 1, 1, KIFA_OK);
  CHECK(host.logs() ==
        std::vector<FakeHost::LogLine>{{KIFA_LOG_ERROR, "acknowledge() failed: not heard"}});
}

TEST_CASE("a failing constructor is a failing create", "[sdk][component]") {
  FakeHost host;
  CHECK_THROWS_WITH(TestInstance(*kifa_builtin_thrower(), host, "unborn"), "create(): not today");
}

TEST_CASE("the fake host keeps what it is told and moves its clocks", "[sdk][testing]") {
  FakeHost fake("till-1/printer");
  const sdk::Host host = fake.host();
  CHECK(host.instance_name() == "till-1/printer");
  const std::int64_t before = host.now_mono_ns();
  fake.advance_ns(5);
  CHECK(host.now_mono_ns() == before + 5);
  fake.set_log_level(KIFA_LOG_WARN);
  host.info("quiet");
  host.warn("loud");
  CHECK(fake.logs() == std::vector<FakeHost::LogLine>{{KIFA_LOG_WARN, "loud"}});
  CHECK_FALSE(host.logs(KIFA_LOG_INFO));
  const sdk::Metric gauge = host.gauge("depth", "", "How deep.");
  gauge.set(4);
  gauge.set(3);
  CHECK(fake.metric("depth") == 3);
  host.wake();
  CHECK(fake.wakes() == 1);
  const int area = 0;
  fake.set_extension("kifa.ext.x/1", &area);
  CHECK(host.extension<int>("kifa.ext.x/1") == &area);
  CHECK(host.extension<int>("kifa.ext.y/1") == nullptr);
}

TEST_CASE("the fake emitter holds a source to the contract", "[sdk][testing]") {
  FakeEmitter fake;
  const sdk::Emitter out = fake.emitter();
  CHECK(out.chunk({.stream = 1}) == KIFA_INVALID);
  CHECK(out.open({.stream = 1, .flags = KIFA_STREAM_RESUMABLE}) == KIFA_OK);
  CHECK(out.chunk({.stream = 1, .flags = KIFA_CHUNK_END}) == KIFA_OK);
  CHECK(out.chunk({.stream = 1}) == KIFA_INVALID);
  CHECK(fake.faults == std::vector<std::string>{"a chunk of a stream that is not open",
                                                "a RESUMABLE stream needs a key of 1 to 128 bytes",
                                                "a chunk of a stream that is not open"});
  fake.fail_next(KIFA_NO_MEMORY);
  CHECK(out.open({.stream = 2}) == KIFA_NO_MEMORY);
  CHECK(out.gap({.stream = 1, .reason = KIFA_GAP_DEVICE, .bytes = 5, .detail = "FIFO"}) == KIFA_OK);
  CHECK(fake.gaps.at(0).detail == "FIFO");
  CHECK(out.checkpoint({.key = "k", .position = 3}) == KIFA_OK);
  CHECK(fake.checkpoints.at(0).position == 3);
  out.wake_at(9);
  out.wake_at(12);
  CHECK(fake.wake_at_mono_ns == 9);
}

}  // namespace kifa::testing
