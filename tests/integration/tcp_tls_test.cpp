#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/integration/network_till.hpp"
#include "tests/support/certificates.hpp"

using namespace std::string_literals;

// Devices that speak TLS, with a program that nobody here wrote: `openssl s_client`.
namespace kifa::test {
namespace {

constexpr const char* kOpenssl = "/usr/bin/openssl";

// A shop with an authority, and a certificate for its kifa.
struct Shop {
  TemporaryDirectory directory;
  Authority authority{directory.path(), "shop"};
  Identity kifa = authority.issue("kifa");

  [[nodiscard]] std::string options(const std::string& more = {}) const {
    return ", tls_certificate: " + kifa.certificate + ", tls_key: " + kifa.key + more;
  }
};

Launch s_client(const std::string& address, const Shop& shop,
                const std::vector<std::string>& more = {}) {
  Launch launch;
  launch.arguments = {kOpenssl,
                      "s_client",
                      "-connect",
                      address,
                      "-CAfile",
                      shop.authority.file(),
                      "-verify_return_error",
                      "-quiet",
                      "-no_ign_eof"};
  launch.arguments.insert(launch.arguments.end(), more.begin(), more.end());
  return launch;
}

TEST_CASE("lines that openssl sends with TLS are stored", "[tcp][tls]") {
  const Shop shop;
  const Till till(shop.options());
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::uint64_t stored = 0;
  for (const char* version : {"-tls1_2", "-tls1_3"}) {
    INFO(version);
    Process device(s_client(address, shop, {version}));
    REQUIRE(device.write_input("a sale\nhalf a"));
    till.wait_for_durable(daemon, ++stored);
    device.close_input();
    device.wait();
    till.wait_for_durable(daemon, ++stored);
  }
  const Ending old = run(s_client(address, shop, {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}));
  CHECK(old.exit_code != 0);
  const Ending ended = Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"a sale"s, "half a"s, "a sale"s, "half a"s});
  CHECK(ended.err.find("a version of TLS before 1.2") != std::string::npos);
}

TEST_CASE("a large record comes through TLS whole", "[tcp][tls][W19]") {
  const Shop shop;
  const Till till(shop.options());
  Process daemon(till.launch());
  Process device(s_client(till.address_of(daemon), shop));
  const std::string most(1U << 20U, 'm');
  REQUIRE(device.write_input(most + "\nafter\n"));
  till.wait_for_durable(daemon, 2);
  device.kill(SIGTERM);
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{most, "after"s});
}

TEST_CASE("with tls_client_ca only devices with a certificate are stored, by name",
          "[tcp][tls][W35]") {
  const Shop shop;
  const Identity known = shop.authority.issue("till-7");
  const Authority others(shop.directory.path(), "others");
  const Identity stranger = others.issue("stranger");
  const Till till(shop.options(", tls_client_ca: " + shop.authority.file()));
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  run(s_client(address, shop), "forged\n");
  run(s_client(address, shop, {"-cert", stranger.certificate, "-key", stranger.key}), "forged\n");
  Process device(s_client(address, shop, {"-cert", known.certificate, "-key", known.key}));
  REQUIRE(device.write_input("a sale\n"));
  till.wait_for_durable(daemon, 1);
  device.kill(SIGTERM);
  const Ending ended = Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"a sale"s});
  CHECK(query(till.data(), "json").find("\"certificate\":\"CN=till-7\"") != std::string::npos);
  CHECK(ended.err.find("is turned away: TLS: it shows no certificate") != std::string::npos);
}

TEST_CASE("devices that are silent in the handshake keep nobody waiting", "[tcp][tls][W34]") {
  const Shop shop;
  const Till till(shop.options(", handshake_timeout: 1m, max_handshakes: 10"));
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::vector<Client> silent;
  for (int i = 0; i < 30; ++i) {
    silent.emplace_back(address);
    REQUIRE(silent.back().send("\x16\x03\x01"));  // the beginning of a beginning
  }
  Process device(s_client(address, shop));
  REQUIRE(device.write_input("a sale\n"));
  till.wait_for_durable(daemon, 1);
  device.kill(SIGTERM);
  CHECK(silent.front().receive().empty());  // it had to make way
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"a sale"s});
}

TEST_CASE("what is wrong with the files of TLS ends with code 78 and their names", "[tcp][tls]") {
  const Shop shop;
  const Identity other = shop.authority.issue("other");
  const auto refused = [](const std::string& options, const std::string& words) {
    const Till till(options);
    require_refusal(run_kifa({"run", till.config()}), 78, words);
  };
  refused(", tls_certificate: /nowhere/kifa.pem, tls_key: " + shop.kifa.key,
          "tls_certificate: cannot read /nowhere/kifa.pem: No such file or directory");
  refused(", tls_certificate: " + shop.kifa.certificate + ", tls_key: " + other.key,
          other.key + " is not the key of the certificate in " + shop.kifa.certificate);
  refused(", tls_certificate: " + shop.kifa.certificate, "tls_key: tls_certificate needs it");
}

}  // namespace
}  // namespace kifa::test
