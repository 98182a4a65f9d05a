#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/tcp_till.hpp"

using namespace std::string_literals;

// What devices send as datagrams, and what of it is in the store afterwards.
namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

// A till whose records come as datagrams; the lines of each are records.
Till udp_till(const std::string& options = {}, const std::string& address = "127.0.0.1:0") {
  return Till(options, "", address, "udp");
}

Client sender_to(const std::string& address) { return Client(address, SOCK_DGRAM); }

// Sends numbered datagrams of 130 bytes as fast as it can, or at most so many a millisecond.
void send_numbered(const std::string& address, std::uint64_t count, std::uint64_t per_ms = 0) {
  Client device = sender_to(address);
  const int ticks = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  const itimerspec every_ms{.it_interval = {0, 1'000'000}, .it_value = {0, 1'000'000}};
  ::timerfd_settime(ticks, 0, &every_ms, nullptr);
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (per_ms != 0 && i % per_ms == 0) {
      std::uint64_t passed = 0;  // however many: what was missed is not made up for
      REQUIRE(::read(ticks, &passed, sizeof passed) == sizeof passed);
    }
    text = std::to_string(i);
    text.resize(130, ' ');
    REQUIRE(device.send_datagram(text));
  }
  ::close(ticks);
}

// Packets that this machine has dropped before any socket saw them.
std::uint64_t dropped_before_sockets() {
  std::ifstream lines("/proc/net/softnet_stat");
  std::uint64_t dropped = 0;
  for (std::string line; std::getline(lines, line);) {
    dropped += std::stoull(line.substr(line.find(' ') + 1), nullptr, 16);
  }
  return dropped;
}

// Stored and lost together are what was sent; what a queue of the machine dropped before, nobody
// can count apart.
void require_accounted(const Till& till, std::uint64_t sent, std::uint64_t dropped_before) {
  const std::string stats = stats_json(till.data());
  const std::uint64_t stored = json_number(stats, "durable_lsn");
  const std::uint64_t lost = json_number(stats, "lost_records");
  INFO("stored " << stored << ", lost " << lost << ", sent " << sent);
  CHECK(stored + lost <= sent);
  CHECK(stored + lost + (dropped_before_sockets() - dropped_before) >= sent);
  // Of those that are there each once, in the order of sending.
  std::uint64_t next = 0;
  for (const std::string& payload : payloads(till.data())) {
    const std::uint64_t number = std::stoull(payload);
    REQUIRE(number >= next);
    REQUIRE(payload.size() == 130);
    next = number + 1;
  }
}

TEST_CASE("a hundred thousand datagrams a second are stored without a loss", "[udp][W16]") {
  const char* more = std::getenv("KIFA_UDP_DATAGRAMS");
  const std::uint64_t count = more != nullptr ? std::stoull(more) : kSmall ? 2'000 : 20'000;
  const Till till = udp_till();
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  const std::uint64_t dropped_before = dropped_before_sockets();
  send_numbered(address, count, 100);
  const Ending ended = Till::stop(daemon);
  require_accounted(till, count, dropped_before);
  if (ended.err.find("instead of the 8 MiB") == std::string::npos) {
    CHECK(stats_number(till.data(), "lost_records") == 0);
  } else {
    WARN("this machine does not allow the receive buffer: losses were only accounted for");
  }
}

TEST_CASE("what is lost of a flood is recorded to the datagram, up to the end", "[udp][W16]") {
  const std::uint64_t count = kSmall ? 5'000 : 50'000;
  const Till till = udp_till(", receive_buffer: 4KiB");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  const std::uint64_t dropped_before = dropped_before_sockets();
  send_numbered(address, count);
  const Ending ended = Till::stop(daemon);  // while the last ones are still in the kernel
  require_accounted(till, count, dropped_before);
  CHECK(stats_number(till.data(), "lost_records") > 0);
  CHECK(ended.err.find("till/net: datagrams are lost: the kernel dropped ") != std::string::npos);
  CHECK(query(till.data(), "json", {"--events"})
            .find("datagrams that the kernel dropped at " + address) != std::string::npos);
}

TEST_CASE("a loss is recorded while kifa runs, also when nothing comes behind it", "[udp][W16]") {
  const Till till = udp_till(", receive_buffer: 4KiB");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  daemon.kill(SIGSTOP);
  send_numbered(address, 1'000);
  daemon.kill(SIGCONT);
  const bool recorded = daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", till.data(), "--json"});
    return stats.exit_code == 0 &&
           json_number(stats.out, "durable_lsn") + json_number(stats.out, "lost_records") == 1'000;
  });
  CHECK(recorded);
  CHECK(stats_number(till.data(), "lost_records") > 900);
  daemon.kill(SIGKILL);
}

TEST_CASE("lines of a datagram are records, and the longest datagram is stored whole",
          "[udp][W17][W26]") {
  const Till till = udp_till();
  Process daemon(till.launch());
  Client device = sender_to(till.address_of(daemon));
  REQUIRE(device.send_datagram("one\ntwo\r\nthree"));
  const std::string longest(65'507, 'x');
  REQUIRE(device.send_datagram(longest));
  REQUIRE(device.send_datagram(longest.substr(0, 9003)));
  till.wait_for_durable(daemon, 5);
  Till::stop(daemon);
  CHECK(payloads(till.data()) ==
        std::vector{"one"s, "two"s, "three"s, longest, longest.substr(0, 9003)});
  const std::string json = query(till.data(), "json", {"--to-lsn", "3"});
  CHECK(json.find("\"peer\":\"127.0.0.1:") != std::string::npos);
  CHECK(json.find("\"flags\"") == std::string::npos);  // none is partial
}

TEST_CASE("SIGTERM ends soon while a device floods", "[udp][W20][W31]") {
  const Till till = udp_till();
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  std::uint64_t sent = 0;
  std::jthread device([&] {
    Client client = sender_to(address);
    while (client.send_datagram("a sale")) {
      ++sent;
    }
  });
  till.wait_for_durable(daemon, 1'000);
  const auto begin = Clock::now();
  Till::stop(daemon);
  CHECK(Clock::now() - begin < std::chrono::seconds(kSmall ? 10 : 5));
  device.join();
  const std::string stats = stats_json(till.data());
  CHECK(stats.find("\"clean\":true") != std::string::npos);
  CHECK(json_number(stats, "durable_lsn") + json_number(stats, "lost_records") <= sent);
}

TEST_CASE("what is wrong ends with its code and the remedy", "[udp][W39]") {
  const struct {
    const char* address;
    const char* options;
    const char* words;
  } cases[] = {
      {"localhost:514", "", "till/net (udp): address: `localhost:514` begins with no IP address"},
      {"127.0.0.1:0", ", interface: [eth0]", "there is no multicast group in `address`"},
      {"[ff02::1]:0", "", "name its interface"},
      {"127.0.0.1:0", ", receive_buffer: 1GiB", "receive_buffer"},
      {"unix:/nowhere/till.sock", "", "its folder is not there; make it first"},
  };
  for (const auto& one : cases) {
    INFO(one.address << one.options);
    const Till till = udp_till(one.options, one.address);
    require_refusal(run_kifa({"run", till.config()}), 78, one.words);
  }
  const Till first = udp_till();
  Process daemon(first.launch());
  const std::string address = first.address_of(daemon);
  require_refusal(run_kifa({"run", udp_till("", address).config()}), 69,
                  "cannot listen on " + address + ": another program listens there");
  Till::stop(daemon);
}

TEST_CASE("the daemon takes datagrams with a flag, each a record", "[udp]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  const std::string path = directory.file("till.sock");
  Process daemon(kifa({"daemon", "--udp", "127.0.0.1:0", "--udp", "unix:" + path, "-d", data}));
  REQUIRE(daemon.wait_until(
      [&] { return daemon.err().find("listening on unix:") != std::string::npos; }));
  const std::string told = "listening on 127.0.0.1:";
  const std::size_t found = daemon.err().find(told);
  REQUIRE(found != std::string::npos);
  const std::string port = daemon.err().substr(found + told.size(), 5);
  REQUIRE(sender_to("127.0.0.1:" + port).send_datagram("of\ntwo lines\n"));
  REQUIRE(sender_to("unix:" + path).send_datagram("over a socket"));
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 2;
  }));
  Till::stop(daemon);
  CHECK_FALSE(std::filesystem::exists(path));
  const std::string json = query(data, "json");
  CHECK(json.find("\"data\":\"of\\ntwo lines\\n\"") != std::string::npos);
  CHECK(json.find("\"data\":\"over a socket\"") != std::string::npos);
  CHECK(json.find("\"source\":\"udp\"") != std::string::npos);
}

// ---- programs that nobody here wrote ----

void run_well(std::vector<std::string> arguments, std::string_view input = {}) {
  Launch launch;
  launch.arguments = std::move(arguments);
  const Ending ended = run(launch, input);
  INFO(ended.err);
  REQUIRE(ended.exit_code == 0);
}

TEST_CASE("logger's messages are stored", "[udp]") {
  const std::string logger = "/usr/bin/logger";
  const TemporaryDirectory directory;
  const std::string path = directory.file("log");
  const Till till = udp_till("", "127.0.0.1:0\", \"unix:" + path);
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  const std::string port = address.substr(address.rfind(':') + 1);
  run_well({logger, "--server", "127.0.0.1", "--udp", "--port", port, "--tag", "till", "sale 1"});
  run_well({logger, "--socket", path, "--tag", "till", "sale 2"});
  till.wait_for_durable(daemon, 2);
  Till::stop(daemon);
  const std::vector<std::string> stored = payloads(till.data());
  for (const char* message : {"sale 1", "sale 2"}) {
    CHECK(std::ranges::count_if(stored, [&](const std::string& payload) {
            return payload.starts_with("<13>") && payload.ends_with(message);
          }) == 1);
  }
}

TEST_CASE("socat reaches kifa over IPv4, a unix socket and a multicast group", "[udp]") {
  const std::string socat = "/usr/bin/socat";
  const TemporaryDirectory directory;
  const std::string path = directory.file("till.sock");
  const Till till =
      udp_till(", interface: [lo]", "127.0.0.1:0\", \"239.255.77.3:0\", \"unix:" + path);
  Process daemon(till.launch());
  const std::string first = till.address_of(daemon);
  std::ifstream lines(till.directory().file("addresses"));
  std::string group;
  std::getline(lines, group);
  std::getline(lines, group);
  run_well({socat, "-u", "STDIN", "UDP4-SENDTO:" + first}, "over UDP\n");
  till.wait_for_durable(daemon, 1);
  run_well({socat, "-u", "STDIN", "UNIX-SENDTO:" + path}, "over a socket\n");
  till.wait_for_durable(daemon, 2);
  run_well({socat, "-u", "STDIN", "UDP4-DATAGRAM:" + group + ",ip-multicast-if=127.0.0.1"},
           "to a group\n");
  till.wait_for_durable(daemon, 3);
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"over UDP"s, "over a socket"s, "to a group"s});
}

}  // namespace
}  // namespace kifa::test
