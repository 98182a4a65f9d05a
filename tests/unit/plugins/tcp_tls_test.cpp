#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/client.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/plugins/tcp_source.hpp"
#include "tests/unit/plugins/tls_device.hpp"

using kifa::plugins::testing::TcpSource;
using kifa::plugins::testing::TlsDevice;
using kifa::plugins::testing::TlsTill;
using kifa::test::Authority;
using kifa::test::Client;
using kifa::test::Identity;
using kifa::test::TemporaryDirectory;

namespace {

using Texts = TcpSource::Texts;

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST_CASE("bytes pass through TLS in both directions, and the stream begins behind the handshake",
          "[plugins][tcp][tls][W35]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  CHECK(source.out.streams.empty());
  REQUIRE(device.handshake());
  REQUIRE(device.send("a sale\n"));
  source.poll_until([&] { return source.bytes_of(1) == "a sale\n"; });
  CHECK(source.out.streams.at(1).attrs.at("peer").starts_with("127.0.0.1:"));
  CHECK(source.out.streams.at(1).attrs.count("certificate") == 0);
  CHECK(source.reply(1, "OK 1\n") == KIFA_OK);
  CHECK(device.receive() == "OK 1\n");

  device.end();  // and still hears what was answered
  source.poll_until([&] { return source.ended() == 1; });
  CHECK(source.reply(1, "OK 2\n") == KIFA_OK);
  CHECK(device.receive() == "OK 2\n");
  source.release(1);
  CHECK(device.receive().empty());
  CHECK((SSL_get_shutdown(device.session()) & SSL_RECEIVED_SHUTDOWN) != 0);  // with a good-bye
  CHECK(source.out.faults.empty());
  CHECK(source.warnings("") == 0);
}

TEST_CASE("who is silent in the handshake keeps nobody waiting, and is cut off in time",
          "[plugins][tcp][tls][W34]") {
  const TlsTill till(Texts{{"handshake_timeout", "2s"}});
  TcpSource& source = *till.source;
  source.require_start();
  Client silent(source.address());
  Client slow(source.address());
  TlsDevice hello = till.device();
  SSL_do_handshake(hello.session());
  const std::string first_message = hello.take_output();
  REQUIRE(slow.send(first_message.substr(0, 100)));
  till.turn();
  REQUIRE(source.out.wake_at_mono_ns.has_value());
  CHECK(*source.out.wake_at_mono_ns == source.host.mono_ns() + 2 * kSecondNs);

  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  REQUIRE(device.send("a sale\n"));
  source.poll_until([&] { return source.bytes_of(1) == "a sale\n"; });

  source.host.advance_ns(2 * kSecondNs - 1);
  REQUIRE(slow.send(first_message.substr(100)));  // a byte now and then does not help
  till.turn();
  CHECK(source.host.metric("connections_refused") == 0);
  source.host.advance_ns(1);
  till.turn();
  CHECK(source.host.metric("connections_refused") == 3);  // `hello` too
  CHECK(silent.receive().empty());
  CHECK_FALSE(slow.receive_all().empty());  // it was answered, and then cut off
  CHECK(source.warnings("longer than handshake_timeout") == 1);
  CHECK(source.out.streams.size() == 1);
  CHECK(source.ended() == 0);
}

TEST_CASE("of too many handshakes the oldest makes way, not the next", "[plugins][tcp][tls][W34]") {
  const TlsTill till(Texts{{"max_handshakes", "3"}});
  TcpSource& source = *till.source;
  source.require_start();
  std::vector<Client> silent;
  for (int i = 0; i < 10; ++i) {
    silent.emplace_back(source.address());
    till.turn();
  }
  CHECK(source.host.metric("connections_refused") == 7);
  CHECK(silent[6].receive().empty());
  CHECK_FALSE(silent[7].has_news());
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  REQUIRE(device.send("x"));
  source.poll_until([&] { return source.bytes_of(1) == "x"; });
  CHECK(source.warnings("max_handshakes") == 1);
}

TEST_CASE("handshakes count as connections", "[plugins][tcp][tls][W34]") {
  const TlsTill till(Texts{{"max_connections", "2"}});
  TcpSource& source = *till.source;
  source.require_start();
  Client first(source.address());
  Client second(source.address());
  Client third(source.address());
  till.turn();
  CHECK(third.receive().empty());
  CHECK(source.warnings("raise max_connections") == 1);
  CHECK_FALSE(first.has_news());
}

TEST_CASE("with tls_client_ca who proves himself comes in, with his name",
          "[plugins][tcp][tls][W35]") {
  const TlsTill makes_files;
  const Authority& shop = makes_files.authority;
  const TlsTill till(Texts{{"tls_client_ca", shop.file()}});
  TcpSource& source = *till.source;
  source.require_start();
  const Identity device = shop.issue("till 7, Entebbe Road");
  TlsDevice known = till.device(&device);
  REQUIRE(known.handshake());
  REQUIRE(known.send("a sale\n"));
  source.poll_until([&] { return source.bytes_of(1) == "a sale\n"; });
  CHECK(source.out.streams.at(1).attrs.at("certificate") == "CN=till 7\\, Entebbe Road");
}

TEST_CASE("with tls_client_ca who cannot prove himself is turned away, with the reason",
          "[plugins][tcp][tls][W35]") {
  const TlsTill makes_files;
  const Authority& shop = makes_files.authority;
  const Authority others(makes_files.directory.path(), "others");
  const Identity expired = shop.issue("expired", -7200, -3600);
  const Identity later = shop.issue("later", 3600, 7200);
  const Identity stranger = others.issue("stranger");
  const struct {
    const Identity* identity;
    const char* words;
  } cases[] = {
      {nullptr, "it shows no certificate, which tls_client_ca asks for"},
      {&expired, "its certificate is not accepted: certificate has expired"},
      {&later, "its certificate is not accepted: certificate is not yet valid"},
      {&stranger, "its certificate is not accepted: unable to get local issuer certificate"},
  };
  for (const auto& one : cases) {
    INFO(one.words);
    const TlsTill till(Texts{{"tls_client_ca", shop.file()}});
    TcpSource& source = *till.source;
    source.require_start();
    TlsDevice device = till.device(one.identity);
    // With TLS 1.3 the device is done before kifa has looked at what it shows.
    static_cast<void>(device.handshake());
    source.poll_until([&] { return source.host.metric("connections_refused") == 1; });
    CHECK(device.receive().empty());
    CHECK(source.warnings(one.words) == 1);
    CHECK(source.out.streams.empty());
  }
}

TEST_CASE("who does not speak TLS, or goes away, is turned away with the reason",
          "[plugins][tcp][tls][W35]") {
  const struct {
    const char* bytes;
    const char* words;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "it does not speak TLS"},
      {"TXN-001 5000\n", "it does not speak TLS"},
      {"\x02receipt\x03", "it does not speak TLS"},
      {"", "it closed the connection in the handshake"},
  };
  for (const auto& one : cases) {
    INFO(one.bytes);
    const TlsTill till;
    TcpSource& source = *till.source;
    source.require_start();
    Client device(source.address());
    REQUIRE(device.send(one.bytes));
    device.end();
    source.poll_until([&] { return source.host.metric("connections_refused") == 1; });
    INFO(source.host.logs().back().message);
    CHECK(source.warnings(one.words) == 1);
    CHECK(source.out.streams.empty());
  }
  // And a device that does not trust kifa.
  const TlsTill till;
  const Authority others(till.directory.path(), "others");
  till.source->require_start();
  TlsDevice device(till.source->address(), others, nullptr, [&] { till.turn(); });
  CHECK_FALSE(device.handshake());
  till.source->poll_until([&] { return till.source->host.metric("connections_refused") == 1; });
  CHECK(till.source->warnings("it does not trust the certificate") == 1);
}

TEST_CASE("a unix socket has no TLS", "[plugins][tcp][tls]") {
  const TemporaryDirectory directory;
  const TlsTill till(Texts{{"address", "unix:" + directory.file("till.sock")}});
  till.source->require_start();
  Client device(till.source->address());
  REQUIRE(device.send("plain"));
  till.source->poll_until([&] { return till.source->bytes_of(1) == "plain"; });
}

TEST_CASE("a stop takes in what came through TLS by then", "[plugins][tcp][tls][W20]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  till.turn();
  Client in_handshake(source.address());
  till.turn();
  const std::string sent(50'000, 'x');
  REQUIRE(device.send(sent));
  source.out.set_capacity(1000);
  REQUIRE(source.poll() >= 0);  // the rest of a record stays inside TLS
  source.out.set_draining();
  kifa_status status = KIFA_OK;
  while (status == KIFA_OK) {
    source.out.set_capacity(7000);
    status = source.poll();
  }
  CHECK(status == KIFA_END);
  CHECK(source.bytes_of(1) == sent);
  CHECK(in_handshake.receive().empty());
}

TEST_CASE("a peer of TLS that breaks off costs its own connection alone", "[plugins][tcp][tls]") {
  const TlsTill till;
  TcpSource& source = *till.source;
  source.require_start();
  TlsDevice device = till.device();
  REQUIRE(device.handshake());
  REQUIRE(device.send("x"));
  source.poll_until([&] { return source.bytes_of(1) == "x"; });
  device.reset();
  while (source.reply(1, "OK\n") == KIFA_OK) {
  }
  source.poll_until([&] { return source.ended() == 1; });
  source.release(1);
  TlsDevice next = till.device();
  CHECK(next.handshake());
}

// ---- files ----

// The sentence of a start that is refused.
std::string refusal(const Texts& texts) {
  TcpSource source(texts);
  CHECK(source.start() == KIFA_INVALID);
  return source.message();
}

TEST_CASE("files of TLS that cannot be used are named, with the reason", "[plugins][tcp][tls]") {
  const TlsTill till;
  const std::string& certificate = till.kifa.certificate;
  const std::string& key = till.kifa.key;
  const std::string missing = till.directory.file("missing.pem");
  const std::string text = till.directory.file("text.pem");
  std::ofstream(text) << "receipts\n";
  const std::string other_key = till.authority.issue("other").key;
  const std::string locked = till.authority.lock_key(till.kifa);
  CHECK(refusal({{"tls_certificate", missing}, {"tls_key", key}}) ==
        "tls_certificate: cannot read " + missing + ": No such file or directory");
  CHECK(refusal({{"tls_certificate", text}, {"tls_key", key}})
            .starts_with("tls_certificate: " + text + " holds no certificate in PEM form"));
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", missing}}) ==
        "tls_key: cannot read " + missing + ": No such file or directory");
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", text}})
            .starts_with("tls_key: " + text + " holds no private key in PEM form"));
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", certificate}})
            .starts_with("tls_key: " + certificate + " holds no private key in PEM form"));
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", other_key}}) ==
        "tls_key: " + other_key + " is not the key of the certificate in " + certificate);
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", locked}})
            .starts_with("tls_key: " + locked + " is locked with a passphrase"));
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", key}, {"tls_client_ca", text}})
            .starts_with("tls_client_ca: " + text + " holds no certificate in PEM form"));
  CHECK(refusal({{"tls_certificate", certificate}, {"tls_key", key}, {"tls_client_ca", missing}})
            .starts_with("tls_client_ca: cannot read " + missing));
}

TEST_CASE("options of TLS that need each other say so", "[plugins][tcp][tls][W39]") {
  const struct {
    Texts texts;
    const char* words;
  } cases[] = {
      {{{"tls_certificate", "/a"}}, "tls_key: tls_certificate needs it"},
      {{{"tls_key", "/a"}}, "tls_certificate: tls_key needs it"},
      {{{"tls_client_ca", "/a"}}, "tls_client_ca: without tls_certificate"},
  };
  for (auto one : cases) {
    one.texts.emplace("address", "127.0.0.1:0");
    kifa::testing::FakeHost host;
    kifa::testing::TestInstance instance(*kifa_builtin_tcp(), host);
    CHECK(instance.configure(one.texts) == KIFA_INVALID);
    CHECK(instance.message().find(one.words) != std::string::npos);
  }
}

TEST_CASE("a certificate that is out of date is told and used", "[plugins][tcp][tls]") {
  const TlsTill makes_files;
  const struct {
    long from_seconds;
    long to_seconds;
    std::int32_t level;
    const char* words;
  } cases[] = {
      {-7200, -3600, KIFA_LOG_ERROR, " expired on 2"},
      {3600, 7200, KIFA_LOG_ERROR, " is valid from 2"},
      {-3600, 86'400, KIFA_LOG_WARN, " expires on 2"},
      {-3600, 90L * 86'400, KIFA_LOG_INFO, "listening on"},
  };
  for (const auto& one : cases) {
    const Identity identity =
        makes_files.authority.issue("dated", one.from_seconds, one.to_seconds);
    const TlsTill till(Texts{{"tls_certificate", identity.certificate}, {"tls_key", identity.key}});
    till.source->require_start();
    const auto first = till.source->host.logs().front();
    INFO(first.message);
    CHECK(first.level == one.level);
    CHECK(first.message.find(one.words) != std::string::npos);
    CHECK((one.level == KIFA_LOG_INFO ||
           first.message.starts_with("tls_certificate: " + identity.certificate)));
  }
}

}  // namespace
