#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "plugins/sources/shared/output.hpp"
#include "tests/unit/plugins/serial_source.hpp"

using kifa::plugins::Output;
using kifa::plugins::testing::SerialSource;
using kifa::test::SerialDevice;

namespace {

constexpr std::int64_t kMillisecondNs = 1'000'000;
const SerialSource::Texts kResponds = {{"mode", "respond"}};

std::string every_byte_value() {
  std::string bytes(256, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

// A frame between STX and ETX with the XOR of what stands behind STX.
std::string frame(const std::string& payload) {
  char sum = '\x03';
  for (const char byte : payload) {
    sum = static_cast<char>(sum ^ byte);
  }
  return "\x02" + payload + "\x03" + sum;
}

// ---- bytes ----

TEST_CASE("a port is a stream with its device, and every byte value comes through",
          "[plugins][serial][W10]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  device.send(every_byte_value() + every_byte_value());
  source.poll_until([&] { return source.bytes_of(1).size() >= 512; });
  CHECK(source.bytes_of(1) == every_byte_value() + every_byte_value());
  CHECK(source.out.streams.at(1).attrs.at("device") == device.path());
  CHECK(source.out.streams.at(1).flags == 0);
  CHECK(source.told(KIFA_LOG_INFO, "is open with 9600 8N1; its driver has no DTR and RTS") == 1);
  CHECK(source.host.metric("connected") == 1);
  CHECK(device.receive_now().empty());  // no echo
  CHECK(source.out.faults.empty());
}

TEST_CASE("bytes arrive in order, whatever the pieces and the room", "[plugins][serial][W9]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  SerialDevice device;
  SerialSource source(device.path(), {{"flow_control", "rts_cts"}});
  source.require_start();
  std::string sent;
  for (int round = 0; round < 1000; ++round) {
    std::string piece(random() % (round % 10 == 0 ? 10'000 : 50), '\0');
    for (char& byte : piece) {
      byte = random() % 4 == 0 ? '\xFF' : static_cast<char>(random());
    }
    sent += piece.substr(0, device.send_until_full(piece));
    source.out.set_capacity(random() % 3 == 0 ? 0 : random() % 5'000);
    if (random() % 5 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    REQUIRE(source.poll() >= 0);
  }
  source.poll_until([&] { return source.bytes_of(1).size() >= sent.size(); });
  CHECK(source.bytes_of(1) == sent);
  CHECK(source.out.streams.at(1).jumped == 0);
  CHECK(source.out.faults.empty());
}

TEST_CASE("one poll reads all that the kernel has, and then waits for more", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  const std::size_t sent = device.send_until_full(std::string(60'000, 'x'));
  REQUIRE(sent > 4096);  // more than one read gives
  REQUIRE(source.is_ready(60'000));
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1).size() == sent);
  CHECK_FALSE(source.is_ready());
  CHECK_FALSE(source.out.wake_at_mono_ns);
}

TEST_CASE("receipts of real tills come through unchanged in pieces of any size",
          "[plugins][serial]") {
  for (const char* name : {"receipt.bin", "formatting.bin"}) {
    std::ifstream file(std::string(KIFA_TEST_RECEIPTS) + "/" + name, std::ios::binary);
    const std::string receipt{std::istreambuf_iterator<char>(file), {}};
    REQUIRE(receipt.size() > 100);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, receipt.size()}) {
      SerialDevice device;
      SerialSource source(device.path());
      source.require_start();
      for (std::size_t at = 0; at < receipt.size(); at += piece) {
        device.send(receipt.substr(at, piece));
        source.poll_until(
            [&] { return source.bytes_of(1).size() == std::min(at + piece, receipt.size()); });
      }
      CHECK(source.bytes_of(1) == receipt);
    }
  }
}

// ---- unplugged ----

TEST_CASE("what was read before a port is unplugged is kept, and its stream ends",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  device.send("whole\nhalf a rec");
  source.poll_until([&] { return source.bytes_of(1).size() == 16; });
  device.unplug();
  REQUIRE(source.is_ready(60'000));
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1) == "whole\nhalf a rec");
  CHECK(source.out.streams.at(1).ended);
  CHECK(source.descriptors().empty());  // closed first: else it comes back under another name
  CHECK(source.host.metric("connected") == 0);
  CHECK(source.told(KIFA_LOG_WARN, "is gone; looking for it until it is back") == 1);

  device.plug();
  source.host.advance_ns(3'200 * kMillisecondNs);
  CHECK(source.poll() == KIFA_AGAIN);
  device.send("ord\n");
  source.poll_until([&] { return source.bytes_of(2) == "ord\n"; });
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].stream == 2);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_DEVICE);
  CHECK(source.out.gaps[0].detail == "unplugged for 3.2 s");
  CHECK(source.told(KIFA_LOG_INFO, "is back after 3.2 s with 9600 8N1") == 1);
  CHECK(source.host.metric("connected") == 1);
  CHECK(source.out.faults.empty());
}

TEST_CASE("a port that is away costs one look after growing waits, and nothing in between",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  source.host.advance_ns(60'000 * kMillisecondNs);
  device.unplug();
  REQUIRE(source.poll() == KIFA_AGAIN);
  for (const std::int64_t wait : {100, 200, 400, 800, 1600, 2000, 2000, 2000}) {
    CHECK(source.descriptors().empty());
    REQUIRE(source.out.wake_at_mono_ns.has_value());
    CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + wait * kMillisecondNs);
    REQUIRE(source.poll_in_time() == KIFA_AGAIN);
  }
  CHECK(source.host.logs().size() == 2);  // that it was open, and that it is gone
  CHECK(source.host.wakes() == 0);

  // A loose plug: there for a moment, and looked for no more often than before.
  device.plug();
  REQUIRE(source.poll_in_time() == KIFA_AGAIN);
  CHECK(source.host.metric("connected") == 1);
  device.unplug();
  REQUIRE(source.poll() == KIFA_AGAIN);
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 2000 * kMillisecondNs);
}

TEST_CASE("a port that is not there at the start is waited for", "[plugins][serial]") {
  SerialDevice device;
  device.unplug();
  SerialSource source(device.path());
  source.require_start();
  CHECK(source.told(KIFA_LOG_WARN, "No such file or directory") == 1);
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.empty());
  device.plug();
  REQUIRE(source.poll_in_time() == KIFA_AGAIN);
  device.send("a sale\n");
  source.poll_until([&] { return source.bytes_of(1) == "a sale\n"; });
  CHECK(source.out.gaps.empty());  // nothing was unplugged
}

TEST_CASE("a port that others look at when it is back is tried again", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  device.unplug();
  REQUIRE(source.poll() == KIFA_AGAIN);
  device.plug();
  {
    SerialSource other(device.path());
    other.require_start();
    REQUIRE(source.poll_in_time() == KIFA_AGAIN);
    REQUIRE(source.poll_in_time() == KIFA_AGAIN);
    CHECK(source.told(KIFA_LOG_WARN, "another program has locked it; end that one; trying") == 1);
    CHECK(source.host.metric("connected") == 0);
    other.stop();
  }
  REQUIRE(source.poll_in_time() == KIFA_AGAIN);
  CHECK(source.host.metric("connected") == 1);
}

TEST_CASE("a port that is unplugged while bytes wait for room loses none of them",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  device.send("half a rec");
  REQUIRE(source.is_ready(60'000));
  source.out.fail_next(KIFA_AGAIN);
  REQUIRE(source.poll() == KIFA_OK);
  device.unplug();
  source.out.set_capacity(0);
  REQUIRE(source.is_ready(60'000, false));
  REQUIRE(source.poll() == KIFA_OK);
  CHECK(source.descriptors().empty());
  CHECK_FALSE(source.out.wake_at_mono_ns);  // nothing can be done before there is room
  CHECK_FALSE(source.out.streams.at(1).ended);
  source.out.set_capacity(SerialSource::kRoom);
  REQUIRE(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1) == "half a rec");
  CHECK(source.out.streams.at(1).ended);
  CHECK(source.out.gaps.empty());
}

// ---- without room ----

TEST_CASE("without flow control what comes without room is dropped and told to the byte",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  device.send("begun ");
  source.poll_until([&] { return source.bytes_of(1) == "begun "; });
  source.out.set_capacity(0);
  std::size_t dropped = 0;
  for (int round = 0; round < 3; ++round) {
    dropped += device.send_until_full(std::string(20'000, '\xFF'));
    REQUIRE(source.is_ready(60'000, false));
    REQUIRE(source.poll() >= 0);
  }
  while (source.host.metric("bytes_dropped") < static_cast<double>(dropped)) {
    REQUIRE(source.is_ready(60'000, false));
    REQUIRE(source.poll() >= 0);
  }
  CHECK(source.host.metric("bytes_dropped") == static_cast<double>(dropped));
  CHECK(source.told(KIFA_LOG_WARN, "bytes are dropped") == 1);
  CHECK(source.out.gaps.empty());
  source.out.set_capacity(SerialSource::kRoom);
  device.send("after\n");
  source.poll_until([&] { return source.bytes_of(1) == "begun after\n"; });
  REQUIRE(source.out.gaps.size() == 1);
  CHECK(source.out.gaps[0].reason == KIFA_GAP_OVERFLOW);
  CHECK(source.out.gaps[0].bytes == dropped);
  CHECK(source.out.streams.at(1).jumped == dropped);  // "begun" and "after" are not one record
  CHECK(source.out.faults.empty());
}

TEST_CASE("with XON and XOFF the device is stopped without room, and nothing is lost",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), {{"mode", "respond"}, {"flow_control", "xon_xoff"}});
  source.require_start();
  CHECK(device.receive(1) == "\x11");
  source.out.set_capacity(10);
  const std::string sent = every_byte_value();
  device.send(sent);
  REQUIRE(source.is_ready(60'000));
  REQUIRE(source.poll() == KIFA_OK);
  CHECK(source.bytes_of(1).size() == 10);
  CHECK(device.receive(1) == "\x13");
  CHECK_FALSE(source.is_ready(0, false));  // nothing to be woken for
  CHECK(source.poll() == KIFA_OK);
  CHECK(device.receive_now().empty());  // once is enough
  source.poll_until([&] { return source.bytes_of(1).size() == sent.size(); });
  CHECK(source.bytes_of(1) == sent);  // with its own 11 and 13
  CHECK(device.receive(1) == "\x11");
}

TEST_CASE("with RTS and CTS nothing is read without room", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), {{"flow_control", "rts_cts"}});
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  const std::size_t sent = device.send_until_full(std::string(100'000, 'x'));
  CHECK(sent < 100'000);  // the line stands
  source.out.set_capacity(0);
  CHECK_FALSE(source.is_ready(0, false));
  CHECK(source.poll() == KIFA_OK);
  CHECK(source.bytes_of(1).empty());
  source.poll_until([&] { return source.bytes_of(1).size() == sent; });
  CHECK(source.host.metric("bytes_dropped") == 0);
}

TEST_CASE("a stream that the host has ended is followed by another", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  device.send("without an end");
  REQUIRE(source.is_ready(60'000));
  source.out.fail_next(KIFA_NO_MEMORY);
  CHECK(source.poll() == KIFA_AGAIN);
  device.send("x");
  source.poll_until([&] { return source.bytes_of(2) == "x"; });
}

// ---- answers ----

TEST_CASE("a tap never sends anything", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  device.send(frame("SALE 1") + every_byte_value());
  source.poll_until([&] { return source.bytes_of(1).size() == 256 + 9; });
  CHECK(source.reply(1, "\x06") == KIFA_UNSUPPORTED);
  CHECK(source.message() == "mode: tap never sends; answers need mode: respond");
  source.stop();
  CHECK(device.receive_now().empty());
}

TEST_CASE("answers reach the device in order, and never another one", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), kResponds);
  source.require_start();
  device.send(frame("SALE 1"));
  source.poll_until([&] { return source.bytes_of(1).size() == 9; });
  CHECK(source.out.streams.at(1).flags == KIFA_STREAM_REPLY);
  CHECK(source.reply(1, "\x06") == KIFA_OK);
  CHECK(source.reply(1, "\x15") == KIFA_OK);
  CHECK(device.receive(2) == "\x06\x15");
  device.unplug();
  REQUIRE(source.poll() == KIFA_AGAIN);
  CHECK(source.reply(1, "\x06") == KIFA_UNAVAILABLE);
  device.plug();
  REQUIRE(source.poll_in_time() == KIFA_AGAIN);
  CHECK(source.reply(1, "\x06") == KIFA_UNAVAILABLE);  // was asked by whoever was plugged in before
  CHECK(source.reply(2, "\x06") == KIFA_OK);
  CHECK(device.receive(1) == "\x06");
}

// Answers until something waits for the device, and more than the kernel takes a moment later when
// it has moved its buffers; returns how many bytes.
std::size_t answer_until_it_waits(SerialSource& source) {
  const std::string answer(1024, 'a');
  std::size_t answered = 0;
  for (std::size_t more = 128; more > 0;) {
    REQUIRE(source.reply(1, answer) == KIFA_OK);
    answered += answer.size();
    REQUIRE(answered < 16U << 20U);
    more -= source.descriptors().size() == 1 ? 0 : 1;
  }
  return answered;
}

TEST_CASE("answers wait for a device that takes them slowly", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), kResponds);
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  const std::size_t answered = answer_until_it_waits(source);
  CHECK(source.host.wakes() == 1);
  std::string got;
  while (got.size() < answered) {
    got += device.receive(1);
    got += device.receive_now();
    REQUIRE(source.poll() == KIFA_AGAIN);
  }
  CHECK(got == std::string(answered, 'a'));
  CHECK(source.descriptors().size() == 1);
  CHECK_FALSE(source.out.wake_at_mono_ns);
}

TEST_CASE("answers that a device does not take are dropped after a time", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), {{"mode", "respond"}, {"reply_timeout", "5s"}});
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  answer_until_it_waits(source);
  REQUIRE(source.poll() == KIFA_AGAIN);
  REQUIRE(source.out.wake_at_mono_ns.has_value());
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 5'000 * kMillisecondNs);
  source.out.set_capacity(0);  // also while the store stands still
  // As long as the kernel goes on moving its buffers, the device seems to take something.
  for (int i = 0; i < 100 && source.descriptors().size() == 2; ++i) {
    REQUIRE(source.poll_in_time() >= 0);
  }
  CHECK(source.descriptors().size() == 1);
  CHECK_FALSE(source.out.wake_at_mono_ns);
  CHECK(source.told(KIFA_LOG_WARN, "took no answer for reply_timeout") == 1);
}

TEST_CASE("answers to a device that never takes them have a limit", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), kResponds);
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  answer_until_it_waits(source);
  const std::string answer(16U << 10U, 'a');
  std::size_t kept = 0;
  while (source.reply(1, answer) == KIFA_OK) {
    kept += answer.size();
    REQUIRE(kept <= Output::kUnsentBytesMax);
  }
  CHECK(source.message() == "the device does not take its answers");
  CHECK(source.told(KIFA_LOG_WARN, "does not take its answers") == 1);
  device.send("goes on\n");
  source.poll_until([&] { return source.bytes_of(1) == "goes on\n"; });
}

TEST_CASE("a device that is gone while answers wait is noticed without room too",
          "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), {{"mode", "respond"}, {"flow_control", "rts_cts"}});
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  answer_until_it_waits(source);
  source.out.set_capacity(0);
  device.unplug();
  REQUIRE(source.is_ready(60'000, false));
  REQUIRE(source.poll() == KIFA_AGAIN);
  CHECK(source.descriptors().empty());  // or the host would be woken for ever
  CHECK(source.out.streams.at(1).ended);
}

// ---- start and stop ----

TEST_CASE("what has arrived by the time of a stop is taken in", "[plugins][serial][W20]") {
  SerialDevice device;
  SerialSource source(device.path(), kResponds);
  source.require_start();
  const std::size_t sent = device.send_until_full(std::string(30'000, 'x'));
  REQUIRE(sent > 4096);
  source.out.set_draining();
  kifa_status status = KIFA_OK;
  while (status == KIFA_OK) {
    source.out.set_capacity(7'000);
    status = source.poll();
  }
  CHECK(status == KIFA_END);
  CHECK(source.bytes_of(1).size() == sent);
  CHECK(source.out.streams.at(1).ended);
  CHECK(source.reply(1, "\x06") == KIFA_OK);  // to the last record, when it is durable
  CHECK(device.receive(1) == "\x06");
  source.stop();
  CHECK(source.descriptors().empty());
}

TEST_CASE("a stop does not wait for a device that is away or sends without end",
          "[plugins][serial][W31]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  source.out.set_draining();
  kifa_status status = KIFA_OK;
  std::size_t sent = 0;
  while (status == KIFA_OK) {
    sent += device.send_until_full(std::string(10'000, 'x'));
    source.out.set_capacity(SerialSource::kRoom);
    status = source.poll(0);  // one read each
  }
  CHECK(status == KIFA_END);
  CHECK(source.bytes_of(1).size() <= (256U << 10U) + 4096);
  CHECK(sent >= source.bytes_of(1).size());

  SerialDevice other;
  SerialSource away(other.path());
  away.require_start();
  REQUIRE(away.poll() == KIFA_AGAIN);
  other.unplug();
  REQUIRE(away.poll() == KIFA_AGAIN);
  away.out.set_draining();
  CHECK(away.poll() == KIFA_END);
  CHECK_FALSE(away.out.wake_at_mono_ns);
}

TEST_CASE("after a stop it can start again, with a new stream", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path());
  source.require_start();
  REQUIRE(source.poll() == KIFA_AGAIN);
  source.stop();
  CHECK(source.host.metric("connected") == 0);
  source.require_start();
  device.send("x");
  source.poll_until([&] { return source.bytes_of(2) == "x"; });
  CHECK(source.out.gaps.empty());
}

TEST_CASE("a port that is locked or no port at all stops the start", "[plugins][serial]") {
  SerialDevice device;
  SerialSource first(device.path());
  first.require_start();
  SerialSource second(device.path());
  CHECK(second.start() == KIFA_LOCKED);
  CHECK(second.message().find("another program has locked it") != std::string::npos);
  SerialSource wrong("/dev/null");
  CHECK(wrong.start() == KIFA_INVALID);
  CHECK(wrong.message() == "cannot use /dev/null: it is no serial port");
}

TEST_CASE("what the driver does otherwise is a warning", "[plugins][serial]") {
  SerialDevice device;
  SerialSource source(device.path(), {{"data_bits", "7"}, {"parity", "even"}});
  source.require_start();
  CHECK(source.told(KIFA_LOG_WARN,
                    "its driver gives 8 data bits instead of 7, no parity instead "
                    "of even parity; what comes may be misread") == 1);
}

TEST_CASE("options that contradict each other are refused", "[plugins][serial][W39]") {
  const struct {
    SerialSource::Texts texts;
    const char* words;
  } cases[] = {
      {{{"flow_control", "xon_xoff"}}, "flow_control: xon_xoff sends bytes to the device"},
      {{{"flow_control", "rts_cts"}, {"rts", "on"}}, "rts: with flow_control: rts_cts the driver"},
  };
  for (const auto& one : cases) {
    kifa::testing::FakeHost host;
    kifa::testing::TestInstance instance(*kifa_builtin_serial(), host);
    SerialSource::Texts texts = one.texts;
    texts["device"] = "/dev/ttyS0";
    CHECK(instance.configure(texts) == KIFA_INVALID);
    CHECK(instance.message().starts_with(one.words));
  }
}

}  // namespace
