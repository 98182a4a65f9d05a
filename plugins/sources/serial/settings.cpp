#include "plugins/sources/serial/settings.hpp"

#include <string_view>

namespace kifa::plugins::serial_source {

namespace {

Parity parity_named(std::string_view name) {
  if (name == "even") {
    return Parity::even;
  }
  if (name == "odd") {
    return Parity::odd;
  }
  if (name == "mark") {
    return Parity::mark;
  }
  return name == "space" ? Parity::space : Parity::none;
}

FlowControl flow_control_named(std::string_view name) {
  if (name == "rts_cts") {
    return FlowControl::rts_cts;
  }
  return name == "xon_xoff" ? FlowControl::xon_xoff : FlowControl::none;
}

Level level_named(std::string_view name) {
  if (name == "off") {
    return Level::off;
  }
  return name == "keep" ? Level::keep : Level::on;
}

}  // namespace

sdk::Status read_settings(const sdk::Settings& settings, SerialSettings& read) {
  PortOptions& port = read.port;
  port.device = settings.text("device");
  port.transmits = settings.text("mode") == "respond";
  port.line = {.baud = static_cast<std::uint32_t>(settings.integer("baud")),
               .data_bits = static_cast<std::uint8_t>(settings.integer("data_bits")),
               .parity = parity_named(settings.text("parity")),
               .stop_bits = static_cast<std::uint8_t>(settings.integer("stop_bits")),
               .flow_control = flow_control_named(settings.text("flow_control"))};
  port.dtr = level_named(settings.text("dtr"));
  port.rts = level_named(settings.text("rts"));
  port.require_line_settings = settings.boolean("require_line_settings");
  read.reply_timeout_ns = settings.duration_ns("reply_timeout");
  if (port.line.flow_control == FlowControl::xon_xoff && !port.transmits) {
    return sdk::Status::invalid(
        "flow_control: xon_xoff sends bytes to the device, and mode: tap never sends; choose mode: "
        "respond, or another flow_control");
  }
  if (port.line.flow_control == FlowControl::rts_cts) {
    if (settings.is_explicit("rts") && port.rts != Level::keep) {
      return sdk::Status::invalid(
          "rts: with flow_control: rts_cts the driver steers RTS; leave the option out");
    }
    port.rts = Level::keep;
  }
  return {};
}

}  // namespace kifa::plugins::serial_source
