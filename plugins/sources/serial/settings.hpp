#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>

#include "plugins/sources/serial/port.hpp"

namespace kifa::plugins::serial_source {

inline constexpr auto kOptions = sdk::options(
    sdk::option::path("device",
                      "The port: /dev/ttyS0 or, for an adapter that may be plugged in elsewhere, "
                      "/dev/serial/by-id/...")
        .required(),
    sdk::option::choice(
        "mode", "Whether kifa only listens, or also sends what the framing answers.", "tap|respond")
        .by_default("tap"),
    sdk::option::integer("baud", "Rate of the line; any that the port can do.")
        .by_default("9600")
        .unit("bps")
        .range(50, 12e6),
    sdk::option::integer("data_bits", "Data bits of a byte.").by_default("8").range(5, 8),
    sdk::option::choice("parity", "The bit that is sent for checking.", "none|even|odd|mark|space")
        .by_default("none"),
    sdk::option::integer("stop_bits", "Stop bits of a byte.").by_default("1").range(1, 2),
    sdk::option::choice("flow_control",
                        "How kifa slows the device down when the store does not keep up; with none "
                        "what does not fit is dropped and becomes a gap.",
                        "none|rts_cts|xon_xoff")
        .by_default("none"),
    sdk::option::choice("dtr", "What becomes of DTR when the port is opened.", "on|off|keep")
        .by_default("on"),
    sdk::option::choice("rts",
                        "What becomes of RTS when the port is opened; with rts_cts the driver "
                        "steers it.",
                        "on|off|keep")
        .by_default("on"),
    sdk::option::boolean("require_line_settings",
                         "Refuses a port whose driver does not do what is asked for, instead of "
                         "warning.")
        .by_default("false"),
    sdk::option::duration("reply_timeout",
                          "How long answers may wait for the device before they are dropped.")
        .by_default("30s")
        .range(1e6, 86'400e9));

struct SerialSettings {
  PortOptions port;
  std::int64_t reply_timeout_ns = 0;
};

// What the options say.
//
// Errors:  INVALID, one sentence that begins with the option.
sdk::Status read_settings(const sdk::Settings& settings, SerialSettings& read);

}  // namespace kifa::plugins::serial_source
