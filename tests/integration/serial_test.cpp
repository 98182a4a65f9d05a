#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/integration/generated_lines.hpp"
#include "tests/integration/kifa_program.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/pseudo_terminal.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace std::string_literals;

// What devices send over serial lines, and what of it is in the store afterwards. The lines are
// pseudo-terminals.
namespace kifa::test {
namespace {

using Clock = std::chrono::steady_clock;

// A store, and daemons that listen at one serial line.
class SerialTill final {
 public:
  explicit SerialTill(const std::string& framing = "newline", const std::string& options = {}) {
    write_file(config_,
               "version: 1\nstore: { data_dir: data, segment_size_mib: 4 }\npipelines:\n"
               "  till:\n    sources:\n      port:\n        { type: serial, device: " +
                   device.path() + options + ", framing: " + framing +
                   " }\n    sinks: { journal: { type: kifa } }\n");
  }

  // Once the port is open: what is sent before would meet a terminal that echoes.
  [[nodiscard]] Launch launch() const { return kifa({"run", config_}); }
  static void wait_for_words(Process& daemon, const std::string& words) {
    const bool told =
        daemon.wait_until([&] { return daemon.err().find(words) != std::string::npos; });
    INFO(daemon.err());
    REQUIRE(told);
  }
  static void wait_for_port(Process& daemon) { wait_for_words(daemon, "is open with"); }
  void wait_for_durable(Process& daemon, std::uint64_t count) const {
    const bool is_durable = daemon.wait_until([&] { return durable() >= count; });
    INFO(daemon.err());
    REQUIRE(is_durable);
  }
  [[nodiscard]] std::uint64_t durable() const {
    const Ending stats = run_kifa({"stats", "-d", data_, "--json"});
    return stats.exit_code == 0 ? json_number(stats.out, "durable_lsn") : 0;
  }
  static Ending stop(Process& daemon) {
    daemon.kill(SIGTERM);
    Ending ended = daemon.wait();
    INFO(ended.err);
    REQUIRE(ended.exit_code == 143);
    return ended;
  }

  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const std::string& config() const { return config_; }

  SerialDevice device;

 private:
  TemporaryDirectory directory_;
  std::string config_ = directory_.file("till.yaml");
  std::string data_ = directory_.file("data");
};

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8U | (at + i < bytes.size() ? static_cast<std::uint8_t>(bytes[at + i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += at + i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63U] : '=';
    }
  }
  return text;
}

std::string frame(const std::string& payload) {
  char sum = '\x03';
  for (const char byte : payload) {
    sum = static_cast<char>(sum ^ byte);
  }
  return "\x02" + payload + "\x03" + sum;
}

TEST_CASE("all byte values come through, and each record knows its port", "[serial][W10][W26]") {
  SerialTill till("{ type: fixed, size: 256B }", ", baud: 38400");
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  std::string bytes(256, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  till.device.send(bytes + std::string(256, '\xFF'));
  till.wait_for_durable(daemon, 2);
  const Ending ended = SerialTill::stop(daemon);
  CHECK(ended.err.find("is open with 38400 8N1") != std::string::npos);
  CHECK(till.device.receive_now().empty());  // a tap: no echo, no answer
  const std::string json = query(till.data(), "json");
  CHECK(json.find("\"data_base64\":\"" + base64(bytes) + "\"") != std::string::npos);
  CHECK(json.find("\"data_base64\":\"" + base64(std::string(256, '\xFF')) + "\"") !=
        std::string::npos);
  CHECK(json.find("\"device\":\"" + till.device.path() + "\"") != std::string::npos);
}

TEST_CASE("receipts of a till are cut where the paper is", "[serial]") {
  SerialTill till("{ type: delimiter, delimiter: \"hex:1D 56 00\", keep: true }");
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  std::uint64_t expected_bytes = 0;
  for (const char* name : {"receipt.bin", "formatting.bin", "receipt.bin"}) {
    const std::string receipt = read_file(kSourceDirectory + "/tests/data/receipts/" + name);
    expected_bytes += receipt.size();
    till.device.send(receipt);
  }
  till.wait_for_durable(daemon, 3);
  SerialTill::stop(daemon);
  const std::vector<std::string> stored = payloads(till.data());
  REQUIRE(stored.size() == 3);
  CHECK(stored[0] == stored[2]);
  for (const std::string& receipt : stored) {
    CHECK(receipt.starts_with("\\x1b@"));
    CHECK(receipt.ends_with("\\x1dV\\x00"));
  }
  CHECK(json_number(stats_json(till.data()), "payload_bytes") == expected_bytes);
}

TEST_CASE("a device hears ACK for what is stored and NAK for what is damaged", "[serial]") {
  SerialTill till("{ type: stx_etx, replies: true }", ", mode: respond");
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  till.device.send(frame("SALE 1"));
  CHECK(till.device.receive(1) == "\x06");
  CHECK(till.durable() == 1);  // before the answer, not after it
  till.device.send("\x02SALE 2\x03?");
  CHECK(till.device.receive(1) == "\x15");
  till.device.send(frame("SALE 2").substr(0, 4));
  till.device.send(frame("SALE 2").substr(4));
  CHECK(till.device.receive(1) == "\x06");
  till.device.send("noise" + frame("SALE 3"));
  CHECK(till.device.receive(1) == "\x06");
  SerialTill::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"SALE 1"s, "SALE 2"s, "SALE 3"s});
  const std::string events = query(till.data(), "text", {"--events"});
  CHECK(events.find("9 bytes lost") != std::string::npos);
  CHECK(events.find("5 bytes lost") != std::string::npos);
}

const std::string kThread = "k<port";  // of the source, as the host calls it

TEST_CASE("a device at a line hears the numbers of its records, from a tap nothing",
          "[serial][ack][W37]") {
  SerialTill till("newline", ", mode: respond, ack: line");
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  till.device.send("a sale\nanother\n");
  CHECK(till.device.receive(10) == "OK 1\nOK 2\n");
  SerialTill::stop(daemon);

  SerialTill silent("newline", ", ack: line");
  Process tap(silent.launch());
  SerialTill::wait_for_port(tap);
  silent.device.send("a sale\n");
  silent.wait_for_durable(tap, 1);
  CHECK(SerialTill::stop(tap).err.find("senders hear nothing") != std::string::npos);
  CHECK(silent.device.receive_now().empty());
}

// How often the source's thread went to sleep, and the time that it used.
struct Idleness {
  std::uint64_t sleeps = 0;
  std::uint64_t ticks = 0;
};
Idleness idleness_of(pid_t pid, const std::string& thread) {
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const std::string path = task.path().string();
    if (read_file(path + "/comm") != thread + "\n") {
      continue;
    }
    const std::string status = read_file(path + "/status");
    const std::string stat = read_file(path + "/stat");
    const std::string word = "\nvoluntary_ctxt_switches:";
    Idleness idleness;
    idleness.sleeps = std::stoull(status.substr(status.find(word) + word.size()));
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::vector<std::string> words(std::istream_iterator<std::string>(fields), {});
    idleness.ticks = std::stoull(words.at(11)) + std::stoull(words.at(12));
    return idleness;
  }
  FAIL("no thread " << thread);
  return {};
}

TEST_CASE(
    "unplugged in the middle of a record: what was read is kept, and it goes on when it is "
    "back",
    "[serial][W9]") {
  SerialTill till;
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  till.device.send("whole\nhalf a rec");
  till.wait_for_durable(daemon, 1);  // and with it the half was read
  till.device.unplug();
  SerialTill::wait_for_words(daemon, "is gone; looking for it until it is back");
  till.wait_for_durable(daemon, 2);

  // It looks after 0.1, 0.2 and 0.4 seconds, and nothing turns in between.
  const Idleness before = idleness_of(daemon.pid(), kThread);
  const auto begin = Clock::now();
  REQUIRE(daemon.wait_until(
      [&] { return idleness_of(daemon.pid(), kThread).sleeps >= before.sleeps + 3; }));
  const Idleness after = idleness_of(daemon.pid(), kThread);
  CHECK(Clock::now() - begin > std::chrono::milliseconds(100));
  CHECK(after.ticks - before.ticks <= (kSmall ? 20U : 5U));

  till.device.plug();
  SerialTill::wait_for_words(daemon, "is back after");
  till.device.send("ord\nafter\n");
  till.wait_for_durable(daemon, 4);
  SerialTill::stop(daemon);
  CHECK(payloads(till.data()) == std::vector{"whole"s, "half a rec"s, "ord"s, "after"s});
  CHECK(query(till.data(), "json", {"--from-lsn", "2", "--to-lsn", "2"})
            .find("\"flags\":[\"partial\"]") != std::string::npos);
  CHECK(query(till.data(), "text", {"--events"}).find("unplugged for ") != std::string::npos);
}

TEST_CASE("every frame that was acknowledged is in the store after kill -9", "[serial][W1]") {
  SerialTill till("{ type: stx_etx, replies: true }", ", mode: respond");
  std::uint64_t stored = 0;
  for (int round = 0; round < (kSmall ? 2 : 4); ++round) {
    till.device.plug();  // nothing is left on the line
    Process daemon(till.launch());
    SerialTill::wait_for_port(daemon);
    std::uint64_t acknowledged = stored;
    while (acknowledged < stored + 100) {
      till.device.send(frame(generated_line(acknowledged + 1)));
      REQUIRE(till.device.receive(1) == "\x06");
      ++acknowledged;
    }
    till.device.send(frame(generated_line(acknowledged + 1)));  // may be stored or not
    daemon.kill(SIGKILL);
    CHECK(daemon.wait().signal == SIGKILL);
    const std::uint64_t found = require_generated(query(till.data(), "text"), 1);
    REQUIRE(found >= acknowledged);
    REQUIRE(found <= acknowledged + 1);
    stored = found;
  }
}

// Of a line with 38400 bps; an hour of it takes less than a second here.
std::uint64_t minutes() {
  const char* text = std::getenv("KIFA_SERIAL_MINUTES");
  return text != nullptr ? std::stoull(text) : kSmall ? 5 : 60;
}

TEST_CASE("a long shift at 38400 bps is stored line by line", "[serial][shift]") {
  constexpr std::uint64_t kBytesAMinute = 60 * 38400 / 10;
  const std::uint64_t count = minutes() * kBytesAMinute / kLineBytes;
  SerialTill till("newline", ", baud: 38400, flow_control: rts_cts");
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  for (std::uint64_t next = 1; next <= count; next += 20) {
    till.device.send(generated_lines(next, std::min(next + 19, count)));
  }
  till.wait_for_durable(daemon, count);
  SerialTill::stop(daemon);
  CHECK(require_generated(query(till.data(), "text"), 1) == count);
  CHECK(json_number(stats_json(till.data()), "gaps") == 0);
}

TEST_CASE("SIGTERM ends soon with an open port, and keeps what was sent", "[serial][W20][W31]") {
  SerialTill till;
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  till.device.send("a sale\n");
  till.wait_for_durable(daemon, 1);
  till.device.send("another\nhalf a");  // in the kernel's hands
  const auto begin = Clock::now();
  SerialTill::stop(daemon);
  CHECK(Clock::now() - begin < std::chrono::seconds(kSmall ? 10 : 5));
  CHECK(payloads(till.data()) == std::vector{"a sale"s, "another"s, "half a"s});

  // Also while the port is away.
  Process second(till.launch());
  SerialTill::wait_for_port(second);
  till.device.unplug();
  SerialTill::wait_for_words(second, "is gone");
  const auto again = Clock::now();
  SerialTill::stop(second);
  CHECK(Clock::now() - again < std::chrono::seconds(kSmall ? 10 : 5));
}

TEST_CASE("the daemon takes lines from serial ports with a flag", "[serial]") {
  const TemporaryDirectory directory;
  const std::string data = directory.file("data");
  SerialDevice first;
  SerialDevice second;
  Process daemon(
      kifa({"daemon", "--serial", first.path(), "--serial", second.path() + ",19200", "-d", data}));
  SerialTill::wait_for_words(daemon, first.path() + " is open with 9600 8N1");
  SerialTill::wait_for_words(daemon, second.path() + " is open with 19200 8N1");
  first.send("one\n");
  second.send("two\n");
  REQUIRE(daemon.wait_until([&] {
    const Ending stats = run_kifa({"stats", "-d", data, "--json"});
    return stats.exit_code == 0 && json_number(stats.out, "durable_lsn") == 2;
  }));
  SerialTill::stop(daemon);
  const std::string json = query(data, "json");
  CHECK(json.find("\"source\":\"serial\"") != std::string::npos);
  CHECK(json.find("\"source\":\"serial-2\"") != std::string::npos);
}

TEST_CASE("ports that cannot be used end with a sentence and the remedy", "[serial][W39]") {
  const struct {
    const char* options;
    int exit_code;
    const char* words;
  } cases[] = {
      {", flow_control: xon_xoff", 78, "till/port (serial): flow_control: xon_xoff sends bytes"},
      {", flow_control: rts_cts, rts: on", 78, "the driver steers RTS; leave the option out"},
      {", baud: 0", 78, "baud"},
      {", data_bits: 9", 78, "data_bits"},
      {", data_bits: 7, require_line_settings: true", 78, "8 data bits instead of 7"},
  };
  for (const auto& one : cases) {
    INFO(one.options);
    const SerialTill till("newline", one.options);
    require_refusal(run_kifa({"run", till.config()}), one.exit_code, one.words);
  }
  const TemporaryDirectory directory;
  require_refusal(run_kifa({"daemon", "--serial", "/dev/null", "-d", directory.file("data")}), 78,
                  "cannot use /dev/null: it is no serial port");

  SerialTill till;
  Process daemon(till.launch());
  SerialTill::wait_for_port(daemon);
  require_refusal(
      run_kifa({"daemon", "--serial", till.device.path(), "-d", directory.file("data")}), 69,
      "another program has locked it; end that one");
  SerialTill::stop(daemon);
}

}  // namespace
}  // namespace kifa::test
