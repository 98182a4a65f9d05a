#include <string>
#include <vector>

#include "plugins/sources/shared/output.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/client.hpp"
#include "tests/unit/plugins/tcp_source.hpp"

using kifa::plugins::Output;
using kifa::plugins::testing::TcpSource;
using kifa::test::Client;

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
const std::string kAnswer(16U << 10U, 'a');

// A client that takes little, and its stream 1.
Client slow_client(TcpSource& source) {
  Client client(AF_INET);
  client.shrink_receive_buffer();
  client.connect(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  return client;
}

// Answers until something waits for the peer.
std::size_t fill(TcpSource& source) {
  std::size_t answered = 0;
  while (source.descriptors().size() == 1) {
    REQUIRE(source.reply(1, kAnswer) == KIFA_OK);
    answered += kAnswer.size();
    REQUIRE(answered < 64U << 20U);
  }
  return answered;
}

TEST_CASE("answers reach the peer, in order", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client client(source.address());
  source.poll_until([&] { return source.out.streams.size() == 1; });
  CHECK(source.reply(1, "OK 1\n") == KIFA_OK);
  CHECK(source.reply(1, "OK 2\n") == KIFA_OK);
  std::string got;
  while (got.size() < 10) {
    got += client.receive();
  }
  CHECK(got == "OK 1\nOK 2\n");
  CHECK(source.reply(7, "nobody") == KIFA_UNAVAILABLE);
}

TEST_CASE("who never reads answers is cut off at a limit, and costs others nothing",
          "[plugins][tcp][W34]") {
  TcpSource source;
  source.require_start();
  Client deaf = slow_client(source);
  Client other(source.address());
  source.poll_until([&] { return source.out.streams.size() == 2; });
  fill(source);
  std::size_t kept = 0;
  while (source.reply(1, kAnswer) == KIFA_OK) {
    kept += kAnswer.size();
    REQUIRE(kept <= Output::kUnsentBytesMax);
  }
  CHECK(source.warnings("does not read its answers") == 1);
  CHECK(source.host.wakes() >= 1);
  CHECK(source.reply(1, "x") == KIFA_UNAVAILABLE);
  REQUIRE(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.at(1).ended);
  source.release(1);
  CHECK(source.host.metric("connections_accepted") == 2);
  CHECK(source.reply(2, "OK\n") == KIFA_OK);
  CHECK(other.receive() == "OK\n");
}

TEST_CASE("who does not read its answers is not read either, until it does", "[plugins][tcp]") {
  TcpSource source(TcpSource::Texts{{"idle_timeout", "1s"}});
  source.require_start();
  Client client = slow_client(source);
  std::size_t answered = fill(source);
  for (std::size_t more = 0; more < Output::kUnsentBytesHigh; more += kAnswer.size()) {
    REQUIRE(source.reply(1, kAnswer) == KIFA_OK);
    answered += kAnswer.size();
  }
  REQUIRE(client.send("a question\n"));
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.bytes_of(1).empty());
  source.host.advance_ns(5 * kSecondNs);  // its silence is ours
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.ended() == 0);
  std::size_t got = 0;
  while (got < answered) {
    REQUIRE(source.wait_for_descriptors(client.fd()));
    REQUIRE(source.poll() == KIFA_AGAIN);
    if (client.has_news()) {
      const std::string piece = client.receive();
      REQUIRE_FALSE(piece.empty());
      got += piece.size();
    }
  }
  source.poll_until([&] { return source.bytes_of(1) == "a question\n"; });
  CHECK(source.descriptors().size() == 1);
}

TEST_CASE("answers that nobody takes for reply_timeout end the connection", "[plugins][tcp]") {
  TcpSource source(TcpSource::Texts{{"reply_timeout", "5s"}});
  source.require_start();
  Client deaf = slow_client(source);
  fill(source);
  CHECK(source.poll() == KIFA_AGAIN);
  REQUIRE(source.out.wake_at_mono_ns.has_value());
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 5 * kSecondNs);
  source.host.advance_ns(5 * kSecondNs);
  source.out.set_capacity(0);  // also while the store stands still
  CHECK(source.poll() == KIFA_AGAIN);
  CHECK(source.out.streams.at(1).ended);
  CHECK(source.warnings("does not read its answers") == 1);
}

TEST_CASE("a peer that has said everything still gets all its answers", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client client = slow_client(source);
  REQUIRE(client.send("a\nb\n"));
  client.end();
  source.poll_until([&] { return source.ended() == 1; });
  CHECK(source.bytes_of(1) == "a\nb\n");
  const std::size_t answered = fill(source);
  source.release(1);  // settled: to be closed when the answers are out
  std::size_t got = 0;
  while (got < answered) {
    REQUIRE(source.wait_for_descriptors(client.fd()));
    REQUIRE(source.poll() == KIFA_AGAIN);
    if (client.has_news()) {
      const std::string piece = client.receive();
      REQUIRE_FALSE(piece.empty());
      got += piece.size();
    }
  }
  source.poll();
  CHECK(client.receive().empty());
  CHECK(source.host.metric("connections") == 0);
}

TEST_CASE("a peer that is gone while answers wait is let go", "[plugins][tcp]") {
  TcpSource source;
  source.require_start();
  Client client = slow_client(source);
  fill(source);
  client.reset();
  source.poll_until([&] { return source.ended() == 1; });
  source.release(1);
  source.poll_until([&] { return source.host.metric("connections") == 0; });
  CHECK(source.descriptors().size() == 1);
}

}  // namespace
