#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/tcp_till.hpp"

using namespace std::string_literals;

// What devices send over TCP, and what of it is in the store afterwards.
namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

TEST_CASE("a record that arrives in two halves is one record", "[tcp][W9]") {
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client device(address);
  REQUIRE(device.send("first\n{\"txn\":\"TXN-001\",\"amount\":"));
  // The first half was read with the first record; another device's record is stored in between.
  till.wait_for_durable(daemon, 1);
  Client other(address);
  REQUIRE(other.send("between\n"));
  till.wait_for_durable(daemon, 2);
  REQUIRE(device.send("5000}\n"));
  till.wait_for_durable(daemon, 3);
  Till::stop(daemon);
  CHECK(payloads(till.data()) ==
        std::vector{"first"s, "between"s, "{\"txn\":\"TXN-001\",\"amount\":5000}"s});
}

TEST_CASE("every byte value comes through, and each record knows its peer", "[tcp][W10][W26]") {
  const Till till;
  Process daemon(till.launch());
  Client device(till.address_of(daemon));
  REQUIRE(device.send("caf\xE9\n"s + "nul\0end\n"s + "\xFF\xFE\n" + "plain\n"));
  till.wait_for_durable(daemon, 4);
  Till::stop(daemon);
  const std::string json = query(till.data(), "json");
  CHECK(json.find("\"data_base64\":\"Y2Fm6Q==\"") != std::string::npos);
  CHECK(json.find("\"data\":\"nul\\u0000end\"") != std::string::npos);
  CHECK(json.find("\"data_base64\":\"//4=\"") != std::string::npos);
  CHECK(json.find("\"data\":\"plain\"") != std::string::npos);
  CHECK(json.find("\"peer\":\"127.0.0.1:") != std::string::npos);
  CHECK(json.find("\"source\":\"net\"") != std::string::npos);
}

TEST_CASE("a last line without its end is a record that says so", "[tcp]") {
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client polite(address);
  REQUIRE(polite.send("whole\nhalf a"));
  polite.end();
  till.wait_for_durable(daemon, 2);
  CHECK(polite.receive().empty());  // closed once it is stored
  Client rude(address);
  REQUIRE(rude.send("another half"));
  rude.close();
  till.wait_for_durable(daemon, 3);
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"whole"s, "half a"s, "another half"s});
  for (const char* lsn : {"2", "3"}) {
    CHECK(query(till.data(), "json", {"--from-lsn", lsn, "--to-lsn", lsn})
              .find("\"flags\":[\"partial\"]") != std::string::npos);
  }
}

TEST_CASE("a record of 1 MiB is stored whole, and one byte more in two pieces", "[tcp][W19]") {
  const Till till;
  Process daemon(till.launch());
  Client device(till.address_of(daemon));
  const std::string most(1U << 20U, 'm');
  REQUIRE(device.send(most + "\n" + most + "x\nafter\n"));
  till.wait_for_durable(daemon, 4);
  Till::stop(daemon);
  const std::vector<std::string> stored = payloads(till.data());
  REQUIRE(stored.size() == 4);
  CHECK(stored[0] == most);
  CHECK(stored[1] + stored[2] == most + "x");
  CHECK(stored[3] == "after");
}

TEST_CASE("kill -9 while devices send loses nothing that stats called durable", "[tcp][W1]") {
  const Till till;
  std::uint64_t stored = 0;
  for (int round = 0; round < (kSmall ? 2 : 5); ++round) {
    std::filesystem::remove(till.directory().file("addresses"));  // of the one that was killed
    Process daemon(till.launch());
    const std::string address = till.address_of(daemon);
    std::jthread device([&, first = stored + 1] {
      Client client(address);
      for (std::uint64_t next = first; client.send(generated_lines(next, next + 49)); next += 50) {
      }
    });
    till.wait_for_durable(daemon, stored + 2'000);
    const std::uint64_t durable = till.durable();
    daemon.kill(SIGKILL);
    CHECK(daemon.wait().signal == SIGKILL);
    device.join();
    const std::uint64_t found = require_generated(query(till.data(), "text"), 1);
    REQUIRE(found >= durable);
    stored = found;
  }
}

TEST_CASE("SIGTERM ends soon with open connections, and keeps what they sent", "[tcp][W20][W31]") {
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(address);
    REQUIRE(clients.back().send("a sale\nhalf a"));
  }
  till.wait_for_durable(daemon, 20);
  for (Client& client : clients) {
    REQUIRE(client.send("nother\n"));  // in the kernel's hands
  }
  const auto begin = Clock::now();
  const Ending ended = Till::stop(daemon);
  CHECK(Clock::now() - begin < std::chrono::seconds(kSmall ? 10 : 5));
  CHECK(ended.err.find("ingested 40 records") != std::string::npos);
  const std::vector<std::string> stored = payloads(till.data());
  CHECK(std::ranges::count(stored, "half another") == 20);
  CHECK_FALSE(std::filesystem::exists(till.directory().file("addresses")));
}

TEST_CASE("SIGTERM ends soon while a device floods", "[tcp][W20][W31]") {
  const Till till;
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::jthread device([&] {
    Client client(address);
    for (std::uint64_t next = 1; client.send(generated_lines(next, next + 499)); next += 500) {
    }
  });
  till.wait_for_durable(daemon, 1'000);
  const auto begin = Clock::now();
  Till::stop(daemon);
  CHECK(Clock::now() - begin < std::chrono::seconds(kSmall ? 10 : 5));
  device.join();
  CHECK(stats_json(till.data()).find("\"clean\":true") != std::string::npos);
}

TEST_CASE("addresses that are wrong end with code 78 and the remedy", "[tcp][W39]") {
  const struct {
    const char* address;
    const char* options;
    const char* words;
  } cases[] = {
      {"localhost:5140", "", "till/net (tcp): address: `localhost:5140` begins with no IP address"},
      {"127.0.0.1:99999", "", "needs a port from 0 to 65535"},
      {"unix:till.sock", "", "needs a path from the root"},
      {"unix:/nowhere/till.sock", "", "its folder is not there; make it first"},
      {"127.0.0.1:0", ", allow: [10.1.2.3/16]", "write 10.1.0.0/16 for the network"},
      {"127.0.0.1:0", ", allow: []", "allow"},
      {"127.0.0.1:0", ", max_connections: 0", "max_connections"},
  };
  for (const auto& one : cases) {
    INFO(one.address << one.options);
    const Till till(one.options, "", one.address);
    require_refusal(run_kifa({"run", till.config()}), 78, one.words);
  }
}

TEST_CASE("a port in use ends with code 69, one without permission with 74", "[tcp]") {
  const Till first;
  Process daemon(first.launch());
  const std::string address = first.address_of(daemon);
  const Till second("", "", address);
  require_refusal(run_kifa({"run", second.config()}), 69,
                  "cannot listen on " + address + ": another program listens there");
  Till::stop(daemon);

  const Till closed("", "", "unix:/proc/till.sock");
  const Ending refused = run_kifa({"run", closed.config()});
  INFO(refused.err);
  CHECK((refused.exit_code == 74 || refused.exit_code == 78));  // a kernel's choice of errno
  CHECK(refused.err.find("cannot listen on unix:/proc/till.sock") != std::string::npos);
}

TEST_CASE("a unix socket takes records, and the one of a killed kifa is replaced", "[tcp]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  const Till till("", "", "unix:" + path);
  for (int round = 1; round <= 2; ++round) {
    std::filesystem::remove(till.directory().file("addresses"));
    Process daemon(till.launch());
    Client device(till.address_of(daemon));
    REQUIRE(device.send("a sale\n"));
    till.wait_for_durable(daemon, static_cast<std::uint64_t>(round));
    daemon.kill(SIGKILL);
    CHECK(daemon.wait().signal == SIGKILL);
    CHECK(std::filesystem::exists(path));
  }
  CHECK(query(till.data(), "json").find("\"peer\":\"unix:uid=") != std::string::npos);
}

TEST_CASE("the daemon takes lines over TCP with a flag", "[tcp]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string path = directory.file("till.sock");
  Process daemon(kifa({"daemon", "--tcp", "127.0.0.1:0", "--tcp", "unix:" + path, "-d", data}));
  REQUIRE(daemon.wait_until(
      [&] { return daemon.err().find("listening on unix:") != std::string::npos; }));
  const std::string told = "listening on 127.0.0.1:";
  const std::size_t found = daemon.err().find(told);
  REQUIRE(found != std::string::npos);
  Client tcp("127.0.0.1:" + daemon.err().substr(found + told.size(), 5));
  Client local("unix:" + path);
  REQUIRE(tcp.send("over tcp\n"));
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") >= 1;
  }));
  REQUIRE(local.send("over a socket\n"));
  local.end();
  CHECK(local.receive().empty());
  Till::stop(daemon);
  CHECK(payloads(data) == std::vector{"over tcp"s, "over a socket"s});
  CHECK(query(data, "json").find("\"source\":\"tcp\"") != std::string::npos);
}

}  // namespace
}  // namespace kifa::test
