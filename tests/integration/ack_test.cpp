#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/network_till.hpp"

using namespace std::string_literals;

// What devices hear over TCP of the records that they send.
namespace kifa::test {
namespace {

TEST_CASE("a device hears the numbers of its records, also after it has said all", "[ack][W37]") {
  const Till till(", ack: line");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client first(address);
  REQUIRE(first.send("a sale\n"));
  CHECK(first.receive() == "OK 1\n");
  CHECK(till.durable() == 1);
  Client second(address);
  REQUIRE(second.send("b\nc\nhalf"));
  second.end();
  CHECK(second.receive_all() == "OK 2\nOK 3\nOK 4\n");
  Till::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"a sale"s, "b"s, "c"s, "half"s});
}

TEST_CASE("a device hears bytes or texts of its own protocol", "[ack]") {
  const struct {
    const char* options;
    std::string heard;
  } cases[] = {
      {", ack: byte", "\x06\x06\x15"},
      {", ack: byte, ack_byte: 0, nak_byte: 255", "\0\0\xFF"s},
      {", ack: template, ack_ok: \"+{lsn};\", ack_error: \"-{reason};\"",
       "+1;+2;-longer than record_bytes_max;"},
      {", ack: template, ack_ok: \"+{lsn};\"", "+1;+2;"},
  };
  for (const auto& one : cases) {
    const Till till(one.options, ", record_bytes_max: 64, oversize: reject");
    Process daemon(till.launch());
    Client device(till.address_of(daemon));
    REQUIRE(device.send("a\nb\n" + std::string(65, 'x') + "\n"));
    device.end();
    CHECK(device.receive_all() == one.heard);
    Till::stop(daemon);
  }
}

// The number in the last whole "OK <lsn>" line; 0: there is none.
std::uint64_t last_acknowledged(std::string_view answers) {
  const std::size_t end = answers.rfind('\n');
  if (end == std::string_view::npos) {
    return 0;
  }
  const std::size_t begin = answers.rfind("OK ", end);
  return std::stoull(std::string(answers.substr(begin + 3, end - begin - 3)));
}

TEST_CASE("every line that was acknowledged is in the store after kill -9", "[ack][W1][W37]") {
  const Till till(", ack: line");
  std::uint64_t stored = 0;
  for (int round = 0; round < (kSmall ? 2 : 6); ++round) {
    std::filesystem::remove(till.directory().file("addresses"));  // of the one that was killed
    Process daemon(till.launch());
    Client device(till.address_of(daemon));
    std::jthread sender([&, first = stored + 1] {
      for (std::uint64_t next = first; device.send(generated_lines(next, next + 19)); next += 20) {
      }
    });
    std::string answers;
    while (last_acknowledged(answers) < stored + 500) {
      const std::string more = device.receive();
      REQUIRE_FALSE(more.empty());
      answers += more;
    }
    daemon.kill(SIGKILL);  // in full flight
    CHECK(daemon.wait().signal == SIGKILL);
    answers += device.receive_all();
    sender.join();
    const std::uint64_t found = require_generated(query(till.data(), "text"), 1);
    REQUIRE(found >= last_acknowledged(answers));
    stored = found;
  }
}

TEST_CASE("a device that never reads what it hears is cut off, and costs others nothing",
          "[ack][W34]") {
  const Till till(", ack: line, reply_timeout: 500ms");
  Process daemon(till.launch());
  const std::string address = till.address_of(daemon);
  Client deaf(AF_INET);
  deaf.shrink_receive_buffer();
  deaf.connect(address);
  Client other(address);
  const std::string lines = [] {
    std::string many;
    for (int i = 0; i < 20'000; ++i) {
      many += "x\n";
    }
    return many;
  }();
  std::jthread flood([&] {
    while (deaf.send(lines)) {
    }
  });
  REQUIRE(daemon.wait_until([&] {
    REQUIRE(other.send("a sale\n"));
    REQUIRE(other.receive().starts_with("OK "));
    return daemon.err().find("does not read its answers; it is cut off") != std::string::npos;
  }));
  flood.join();
  REQUIRE(other.send("after\n"));
  CHECK(other.receive().starts_with("OK "));
  if (!kSmall) {  // sanitizers keep shadow memory
    const std::string status = read_file("/proc/" + std::to_string(daemon.pid()) + "/status");
    CHECK(std::stoull(status.substr(status.find("VmHWM:") + 6)) < 96U << 10U);
  }
  Till::stop(daemon);
}

TEST_CASE("what SIGTERM takes in is acknowledged before the connection closes", "[ack][W20]") {
  const Till till(", ack: line");
  Process daemon(till.launch());
  Client device(till.address_of(daemon));
  REQUIRE(device.send("first\n"));
  CHECK(device.receive() == "OK 1\n");
  REQUIRE(device.send("second\nthird\n"));
  daemon.kill(SIGTERM);
  CHECK(device.receive_all() == "OK 2\nOK 3\n");
  CHECK(daemon.wait().exit_code == 143);
}

TEST_CASE("an acknowledgement that nobody could hear is refused", "[ack][W39]") {
  const TemporaryDirectory directory;
  const std::string config = directory.file("till.yaml");
  for (const auto& [source, words] :
       {std::pair{"{ type: stdin, ack: line }", "source stdin cannot answer whoever sends"},
        std::pair{"{ type: tcp, address: \"127.0.0.1:0\", ack: line, framing: stx_etx }",
                  "framing stx_etx answers devices itself"}}) {
    write_file(config,
               "version: 1\nstore: { data_dir: data }\npipelines:\n  till:\n    sources: { "
               "in: "s +
                   source + " }\n    sinks: { journal: { type: kifa } }\n");
    require_refusal(run_kifa({"check", config}), 78, words);
  }
}

}  // namespace
}  // namespace kifa::test
