#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "plugins/sources/serial/mark_decoder.hpp"
#include "plugins/sources/serial/port.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/pseudo_terminal.hpp"

using namespace std::string_literals;

namespace kifa::plugins::serial_source {
namespace {

using test::SerialDevice;

// ---- marks ----

std::string decode(MarkDecoder& decoder, std::string bytes) {
  const std::size_t kept =
      decoder.decode({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  bytes.resize(kept);
  return bytes;
}

TEST_CASE("marks of the terminal are undone at any cut", "[plugins][serial]") {
  const std::string marked =
      "plain\xFF\xFF"s + "\xFF\0x"s + "\xFF\xFF\xFF\xFF"s + "\xFF\0\0"s + "\0y\xFF\0\xFF"s + "end"s;
  const std::string bytes = "plain\xFFx\xFF\xFF\0y\xFF"s + "end"s;
  for (std::size_t first = 0; first <= marked.size(); ++first) {
    for (std::size_t second = first; second <= marked.size(); ++second) {
      MarkDecoder decoder;
      std::string found = decode(decoder, marked.substr(0, first));
      found += decode(decoder, marked.substr(first, second - first));
      found += decode(decoder, marked.substr(second));
      REQUIRE(found == bytes);
      REQUIRE(decoder.breaks() == 1);
      REQUIRE(decoder.wrong_bytes() == 2);
      REQUIRE_FALSE(decoder.finish());
    }
  }
}

TEST_CASE("an input that ends in half a mark has one FF more", "[plugins][serial]") {
  MarkDecoder decoder;
  CHECK(decode(decoder, "a\xFF") == "a");
  CHECK(decoder.finish());
  CHECK(decode(decoder, "b") == "b");
  CHECK_FALSE(decoder.finish());
}

TEST_CASE("counters of a driver count on when they wrap or begin anew", "[plugins][serial]") {
  const LineCounts before{.breaks = 7, .parity_errors = 1, .framing_errors = 2, .overruns = 100};
  const LineCounts now{.breaks = 9, .parity_errors = 1, .framing_errors = 5, .overruns = 3};
  const LineCounts fresh = now.since(before);
  CHECK(fresh.breaks == 2);
  CHECK(fresh.parity_errors == 0);
  CHECK(fresh.framing_errors == 3);
  CHECK(fresh.overruns == 3);
}

// ---- the port ----

termios2 modes_of(const SerialDevice& device) {
  termios2 modes{};
  REQUIRE(::ioctl(device.master(), TCGETS2, &modes) == 0);  // those of the slave
  return modes;
}

TEST_CASE("a port is set to plain bytes at any rate", "[plugins][serial]") {
  for (const std::uint32_t baud : {50U, 9600U, 38400U, 115200U, 12345U, 250000U}) {
    SerialDevice device;
    Port port;
    const sdk::Status opened = port.open({.device = device.path(), .line = {.baud = baud}});
    INFO(opened.message());
    REQUIRE(opened.is_ok());
    CHECK(port.differences().empty());
    const termios2 modes = modes_of(device);
    CHECK(modes.c_ospeed == baud);
    CHECK(modes.c_iflag == (INPCK | PARMRK));
    CHECK(modes.c_lflag == 0);
    CHECK((modes.c_oflag & OPOST) == 0);
    CHECK((modes.c_cflag & (HUPCL | CLOCAL | CREAD | CSIZE)) == (CLOCAL | CREAD | CS8));
  }
}

TEST_CASE("XON and XOFF are asked for as sent, never as received", "[plugins][serial]") {
  SerialDevice device;
  Port port;
  const sdk::Status opened = port.open({.device = device.path(),
                                        .line = {.flow_control = FlowControl::xon_xoff},
                                        .transmits = true});
  REQUIRE(opened.is_ok());
  CHECK((modes_of(device).c_iflag & (IXOFF | IXON | IXANY)) == IXOFF);
  CHECK(device.receive(1) == "\x11");  // whoever ran before may have left it stopped
  port.pause_sender(true);
  CHECK(device.receive(1) == "\x13");
}

TEST_CASE("what a driver does otherwise than told is found by reading back", "[plugins][serial]") {
  // A pseudo-terminal says yes to 7E1 and stays at 8N1.
  SerialDevice device;
  PortOptions options{.device = device.path(), .line = {.data_bits = 7, .parity = Parity::even}};
  Port port;
  REQUIRE(port.open(options).is_ok());
  CHECK(port.differences() == "8 data bits instead of 7, no parity instead of even parity");
  CHECK(text_of(options.line) == "9600 7E1");
  options.require_line_settings = true;
  const sdk::Status refused = port.open(options);
  CHECK(refused.code() == KIFA_INVALID);
  CHECK(refused.message() == "cannot use " + device.path() +
                                 ": its driver gives 8 data bits instead of 7, no parity instead "
                                 "of even parity, and require_line_settings is true");
  CHECK_FALSE(port.is_open());
  options.line = {.stop_bits = 2, .flow_control = FlowControl::rts_cts};
  CHECK(port.open(options).is_ok());  // these it keeps
}

TEST_CASE("a driver without modem lines and counters is used all the same", "[plugins][serial]") {
  SerialDevice device;
  Port port;
  REQUIRE(port.open({.device = device.path()}).is_ok());
  CHECK(port.missing() == "no DTR and RTS, no error counters");
  REQUIRE(port.open({.device = device.path(), .dtr = Level::keep, .rts = Level::keep}).is_ok());
  CHECK(port.missing() == "no error counters");
}

TEST_CASE("a port that somebody has locked is told as locked", "[plugins][serial]") {
  SerialDevice device;
  const PortOptions options{.device = device.path()};
  Port first;
  Port second;
  REQUIRE(first.open(options).is_ok());
  const sdk::Status refused = second.open(options);
  CHECK(refused.code() == KIFA_LOCKED);
  CHECK(refused.message().find(device.path()) != std::string::npos);
  CHECK(refused.message().find("another program has locked it") != std::string::npos);
  CHECK(first.read({}).outcome != Port::Outcome::bytes);
  first.close();
  CHECK(second.open(options).is_ok());
}

TEST_CASE("a pseudo-terminal can be opened again after its owner was killed", "[plugins][serial]") {
  SerialDevice device;
  Port port;
  REQUIRE(port.open({.device = device.path()}).is_ok());
  int is_exclusive = 1;  // would outlive a process that is killed
  REQUIRE(::ioctl(port.fd(), TIOCGEXCL, &is_exclusive) == 0);
  CHECK(is_exclusive == 0);
}

TEST_CASE("without permission to send, the port is open for reading only", "[plugins][serial]") {
  SerialDevice device;
  Port port;
  REQUIRE(port.open({.device = device.path(), .transmits = false}).is_ok());
  CHECK((::fcntl(port.fd(), F_GETFL) & O_ACCMODE) == O_RDONLY);
  REQUIRE(port.open({.device = device.path(), .transmits = true}).is_ok());
  CHECK((::fcntl(port.fd(), F_GETFL) & O_ACCMODE) == O_RDWR);
}

TEST_CASE("what is no serial port is refused, and what is not there may come",
          "[plugins][serial]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("receipts.txt");
  Port port;
  const sdk::Status absent = port.open({.device = path});
  CHECK(absent.code() == KIFA_UNAVAILABLE);
  CHECK(absent.message() == "cannot open " + path +
                                ": No such file or directory; plug the device in, or correct "
                                "`device`");
  std::ofstream(path) << "a sale\n";
  const sdk::Status wrong = port.open({.device = path});
  CHECK(wrong.code() == KIFA_INVALID);
  CHECK(wrong.message() == "cannot use " + path + ": it is no serial port");
  CHECK_FALSE(port.is_open());
}

}  // namespace
}  // namespace kifa::plugins::serial_source
