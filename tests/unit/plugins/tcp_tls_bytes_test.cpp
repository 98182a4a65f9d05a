#include <cstdint>
#include <random>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/unit/plugins/tcp_source.hpp"
#include "tests/unit/plugins/tls_device.hpp"

using kifa::plugins::testing::TcpSource;
using kifa::plugins::testing::TlsDevice;
using kifa::plugins::testing::TlsTill;

// TLS takes whole records of up to 16 KiB from a socket: what there is no room for stays inside it,
// and no descriptor tells of it.
namespace {

TEST_CASE("every byte arrives in order through TLS, whatever the pieces and the room",
          "[plugins][tcp][tls]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();  // a refusal is for bytes, not for the stream
  REQUIRE(source.out.streams.size() == 1);
  std::string sent;
  for (int round = 0; round < 200; ++round) {
    std::string piece(1 + random() % (round % 10 == 0 ? 100'000 : 2000), '\0');
    for (char& byte : piece) {
      byte = static_cast<char>(random());
    }
    REQUIRE(device.send(piece));
    sent += piece;
    source.out.set_capacity(random() % 3 == 0 ? 0 : random() % 20'000);
    if (random() % 5 == 0) {
      source.out.fail_next(KIFA_AGAIN);
    }
    REQUIRE(source.poll() >= 0);
  }
  source.out.fail_next(KIFA_OK);  // a refusal that no poll has met: a host that refuses comes again
  // With little room, what is left stays inside TLS, and no descriptor tells of it.
  till.turn();
  while (source.bytes_of(1).size() < sent.size()) {
    source.out.set_capacity(1000);
    const kifa_status status = source.poll();
    REQUIRE(status >= 0);
    if (status == KIFA_AGAIN && !source.out.wake_at_mono_ns) {
      REQUIRE(source.wait_for_descriptors());
    }
  }
  CHECK(source.bytes_of(1) == sent);
  CHECK(source.out.faults.empty());
}

TEST_CASE("a large answer reaches a slow reader of TLS whole", "[plugins][tcp][tls]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();
  std::string answers;
  for (int i = 0; i < 200'000 && answers.size() < 200'000; ++i) {
    const std::string answer = "OK " + std::to_string(i) + "\n";
    REQUIRE(source.reply(1, answer) == KIFA_OK);
    answers += answer;
  }
  std::string heard;
  while (heard.size() < answers.size()) {
    heard += device.receive(5000);
  }
  CHECK(heard == answers);
}

TEST_CASE("what there was no room for comes with the next room", "[plugins][tcp][tls]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();
  const std::string sent(10'000, 'x');
  REQUIRE(device.send(sent));
  REQUIRE(source.wait_for_descriptors());
  for (std::size_t got = 1000; got <= sent.size(); got += 1000) {
    source.out.set_capacity(0);
    REQUIRE(source.poll() >= 0);
    source.out.set_capacity(1000);
    REQUIRE(source.poll() >= 0);
    REQUIRE(source.bytes_of(1).size() == got);
    REQUIRE_FALSE(source.is_ready());
  }
}

TEST_CASE("what a late round leaves inside TLS is asked for at once", "[plugins][tcp][tls]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();
  // One turn is 64 KiB: it ends 100 bytes before the end of the last record.
  REQUIRE(device.send(std::string(100, 'x')));
  REQUIRE(device.send(std::string(64U << 10U, 'x')));
  REQUIRE(source.wait_for_descriptors());
  source.out.set_capacity(TcpSource::kRoom);
  CHECK(source.poll(0) == KIFA_AGAIN);
  CHECK(source.bytes_of(1).size() == 64U << 10U);
  CHECK_FALSE(source.is_ready());
  REQUIRE(source.out.wake_at_mono_ns.has_value());
  CHECK(*source.out.wake_at_mono_ns <= source.host.mono_ns());
  source.out.set_capacity(TcpSource::kRoom);
  CHECK(source.poll(0) == KIFA_AGAIN);
  CHECK(source.bytes_of(1).size() == (64U << 10U) + 100);
  CHECK_FALSE(source.out.wake_at_mono_ns);
}

TEST_CASE("what is inside TLS while a peer does not read comes when it has read",
          "[plugins][tcp][tls]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();
  const std::string sent(10'000, 'x');
  REQUIRE(device.send(sent));
  REQUIRE(source.wait_for_descriptors());
  source.out.set_capacity(1000);
  REQUIRE(source.poll() >= 0);
  const std::string answer(16U << 10U, 'a');
  std::size_t answered = 0;
  while (source.descriptors().size() == 1) {  // until the socket takes no more
    REQUIRE(source.reply(1, answer) == KIFA_OK);
    answered += answer.size();
  }
  for (int i = 0; i < 6; ++i) {  // so much that it is not read any more
    REQUIRE(source.reply(1, answer) == KIFA_OK);
    answered += answer.size();
  }
  till.turn();
  CHECK(source.bytes_of(1).size() == 1000);
  while (answered > 0) {
    const std::string heard = device.receive();
    REQUIRE_FALSE(heard.empty());
    answered -= heard.size();
  }
  source.poll_until([&] { return source.bytes_of(1) == sent; });
}

}  // namespace
