#include <netinet/in.h>
#include <sys/un.h>

#include <cstdint>
#include <random>
#include <string>

#include "plugins/sources/shared/address.hpp"
#include "plugins/sources/shared/network.hpp"
#include "tests/support/catch.hpp"

using kifa::plugins::Address;
using kifa::plugins::Network;
using kifa::plugins::parse_address;
using kifa::plugins::parse_network;

using namespace std::string_literals;

namespace {

Address address(const std::string& text) {
  Address parsed;
  const kifa::sdk::Status status = parse_address(text, parsed);
  INFO(text << ": " << status.message());
  REQUIRE(status.is_ok());
  return parsed;
}

Network network(const std::string& text) {
  Network parsed;
  const kifa::sdk::Status status = parse_network(text, parsed);
  INFO(text << ": " << status.message());
  REQUIRE(status.is_ok());
  return parsed;
}

}  // namespace

TEST_CASE("an address is written as it was read", "[plugins][sources]") {
  for (const char* text : {"127.0.0.1:5140", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:5140",
                           "[::]:0", "[2001:db8::7]:1", "unix:/run/kifa/till.sock"}) {
    CHECK(address(text).text() == text);
  }
  CHECK(address("127.0.0.1:5140").family() == AF_INET);
  CHECK(address("[::1]:5140").family() == AF_INET6);
  CHECK(address("unix:/a").is_unix());
  CHECK(address("unix:/a").path() == "/a");
  const std::string longest = "/" + std::string(sizeof sockaddr_un{}.sun_path - 2, 'x');
  CHECK(address("unix:" + longest).path() == longest);
}

TEST_CASE("an address that is none is told with a remedy", "[plugins][sources][W39]") {
  const struct {
    std::string text;
    const char* words;
  } cases[] = {
      {"", "127.0.0.1:5140"},
      {"5140", "no address with a port"},
      {"127.0.0.1", "no address with a port"},
      {":5140", "0.0.0.0"},
      {"*:5140", "0.0.0.0"},
      {"127.0.0.1:", "port from 0 to 65535"},
      {"127.0.0.1:65536", "port from 0 to 65535"},
      {"127.0.0.1:-1", "port from 0 to 65535"},
      {"127.0.0.1:http", "port from 0 to 65535"},
      {"127.0.0.1: 80", "port from 0 to 65535"},
      {"256.0.0.1:80", "names are not looked up"},
      {"localhost:80", "names are not looked up"},
      {"::1:80", "brackets"},
      {"[127.0.0.1]:80", "no IPv6 address"},
      {"[]:80", "no IPv6 address"},
      {"[::1:80", "names are not looked up"},
      {"unix:", "from the root"},
      {"unix:till.sock", "from the root"},
      {"unix:@till", "from the root"},
      {"unix:/" + std::string(200, 'x'), "at most 107 bytes"},
      {std::string("unix:/a\0b", 9), "NUL"},
      {std::string("127.0.0.1\0:80", 13), "no address"},
  };
  for (const auto& one : cases) {
    Address parsed;
    const kifa::sdk::Status status = parse_address(one.text, parsed);
    INFO(one.text << ": " << status.message());
    CHECK(status.code() == KIFA_INVALID);
    CHECK(status.message().starts_with("address: `"));
    CHECK(status.message().find(one.words) != std::string::npos);
  }
}

TEST_CASE("random text is an address that can be written again, or refused", "[plugins][sources]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const std::string alphabet = "0123456789abcdef:.[]/unix*%@- \0\xff"s;
  for (int round = 0; round < 100'000; ++round) {
    std::string text = random() % 4 == 0 ? "127.0.0.1:" : random() % 4 == 0 ? "[::" : "";
    for (std::size_t left = random() % 24; left > 0; --left) {
      text += alphabet[random() % alphabet.size()];
    }
    Address parsed;
    if (parse_address(text, parsed).is_ok()) {
      REQUIRE(address(parsed.text()).text() == parsed.text());
      REQUIRE(parsed.size > 0);
    }
    Network block;
    if (parse_network(text, block).is_ok()) {
      REQUIRE_FALSE(block.contains(address("unix:/a")));
    }
  }
}

TEST_CASE("a network contains its addresses and no others", "[plugins][sources][W35]") {
  const struct {
    const char* network;
    const char* address;
    bool is_in;
  } cases[] = {
      {"10.1.0.0/16", "10.1.0.0:1", true},
      {"10.1.0.0/16", "10.1.255.255:65535", true},
      {"10.1.0.0/16", "10.2.0.0:1", false},
      {"10.1.0.0/16", "10.0.255.255:1", false},
      {"10.1.2.3", "10.1.2.3:1", true},
      {"10.1.2.3", "10.1.2.2:1", false},
      {"10.1.2.2/31", "10.1.2.3:1", true},
      {"10.1.2.2/31", "10.1.2.4:1", false},
      {"0.0.0.0/0", "255.1.2.3:1", true},
      {"0.0.0.0/0", "[::1]:1", false},
      {"128.0.0.0/1", "127.255.255.255:1", false},
      {"128.0.0.0/1", "128.0.0.0:1", true},
      {"::/0", "[2001:db8::1]:1", true},
      {"::/0", "10.1.2.3:1", false},
      {"::1", "[::1]:1", true},
      {"::1", "[::2]:1", false},
      {"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
      {"2001:db8::/33", "[2001:db8:8000::1]:1", false},
      {"0.0.0.0/0", "unix:/a", false},
  };
  for (const auto& one : cases) {
    INFO(one.address << " in " << one.network);
    CHECK(network(one.network).contains(address(one.address)) == one.is_in);
  }
}

TEST_CASE("a network that is none is told with a remedy", "[plugins][sources][W35]") {
  const struct {
    std::string text;
    const char* words;
  } cases[] = {
      {"", "10.1.0.0/16"},
      {"10.1", "no network"},
      {"10.1.0.0/", "number from 0 to 32"},
      {"10.1.0.0/33", "number from 0 to 32"},
      {"10.1.0.0/+8", "number from 0 to 32"},
      {"10.1.0.0/16/8", "number from 0 to 32"},
      {"::/129", "number from 0 to 128"},
      {"10.1.2.3/16", "write 10.1.0.0/16 for the network or 10.1.2.3 for the one address"},
      {"2001:db8::1/32", "write 2001:db8::/32"},
      {"::ffff:10.1.0.0/112", "write it as IPv4"},
      {"till.example", "no network"},
      {"10.1.0.0:80", "no network"},
      {std::string("10.1.0.0\0/8", 11), "no network"},
  };
  for (const auto& one : cases) {
    Network parsed;
    const kifa::sdk::Status status = parse_network(one.text, parsed);
    INFO(one.text << ": " << status.message());
    CHECK(status.code() == KIFA_INVALID);
    CHECK(status.message().starts_with("allow: `"));
    CHECK(status.message().find(one.words) != std::string::npos);
  }
}

TEST_CASE("prefixes of any length cut at the right bit", "[plugins][sources][W35]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto text_of = [](std::uint32_t bits) {
    return std::to_string(bits >> 24U) + "." + std::to_string(bits >> 16U & 255U) + "." +
           std::to_string(bits >> 8U & 255U) + "." + std::to_string(bits & 255U);
  };
  for (int round = 0; round < 10'000; ++round) {
    const auto prefix = static_cast<std::uint32_t>(random() % 33);
    const std::uint32_t mask = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
    const std::uint32_t base = static_cast<std::uint32_t>(random()) & mask;
    const Network block = network(text_of(base) + "/" + std::to_string(prefix));
    const auto other = static_cast<std::uint32_t>(random());
    REQUIRE(block.contains(address(text_of(base | (other & ~mask)) + ":1")));
    REQUIRE(block.contains(address(text_of(other) + ":1")) == ((other & mask) == base));
  }
}
