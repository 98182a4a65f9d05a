#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <string>

namespace kifa::plugins::serial_source {

enum class Parity : std::uint8_t { none, even, odd, mark, space };
enum class FlowControl : std::uint8_t { none, rts_cts, xon_xoff };

// How bytes stand on the line.
struct LineSettings {
  std::uint32_t baud = 9600;
  std::uint8_t data_bits = 8;
  Parity parity = Parity::none;
  std::uint8_t stop_bits = 1;
  FlowControl flow_control = FlowControl::none;
};

// "38400 7E1"
[[nodiscard]] std::string text_of(const LineSettings& line);

// What a driver made of the settings.
struct LineResult {
  // What it did otherwise, as "8 data bits instead of 7, no parity instead of even"; empty:
  // nothing.
  std::string differences;
  // Input is marked as MarkDecoder undoes it.
  bool is_marked = false;
};

// Makes the terminal behind `fd` a plain line: every byte as it comes, no echo, no flow control
// that eats bytes of the input, and DTR and RTS stay as they are when it is closed. Any rate, as a
// number (termios2). Then reads back what has become of it: drivers say yes and do something else.
//
// Errors:  UNSUPPORTED when `fd` is no terminal; otherwise as from_errno().
sdk::Status set_line(int fd, const LineSettings& line, LineResult& result);

}  // namespace kifa::plugins::serial_source
