#include "core/cli/event_text.hpp"

#include <fmt/format.h>

#include <string_view>

#include "core/cli/human.hpp"
#include "core/cli/json.hpp"

namespace kifa::cli {
namespace {

std::string_view kind_name(store::EventKind kind) {
  switch (kind) {
    case store::EventKind::gap:
      return "gap";
    case store::EventKind::clock_jump:
      return "clock_jump";
    case store::EventKind::recovery:
      return "recovery";
    case store::EventKind::mode_change:
      return "mode_change";
    case store::EventKind::write_error:
      return "write_error";
    case store::EventKind::purge:
      return "purge";
  }
  return "unknown";
}

// A text may quote what a device sent: control characters would forge lines.
std::string printable(std::string_view text) {
  std::string result;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += character;
    }
  }
  return result;
}

}  // namespace

std::string event_line(const store::Event& event) {
  std::string line = fmt::format("-- event {} after [{}]: {}, {}", event.number, event.after.value,
                                 kind_name(event.kind), utc_text(event.observed_unix_ns));
  if (event.records != 0) {
    line += fmt::format(", {} lost", counted(event.records, "record"));
  }
  if (event.bytes != 0) {
    line += fmt::format(", {} lost", counted(event.bytes, "byte"));
  }
  if (event.first_lost.value != 0) {
    line += fmt::format(", LSN {} to {} will never be records", event.first_lost.value,
                        event.last_lost.value);
  }
  return line + ": " + printable(event.text) + "\n";
}

std::string event_json(const store::Event& event) {
  JsonObject json;
  json.text("event", kind_name(event.kind))
      .number("number", event.number)
      .number("after_lsn", event.after.value)
      .text("timestamp", iso_text(event.observed_unix_ns))
      .signed_number("timestamp_ns", event.observed_unix_ns)
      .number("lost_records", event.records)
      .number("lost_bytes", event.bytes);
  if (event.first_lost.value != 0) {
    json.number("first_lost_lsn", event.first_lost.value)
        .number("last_lost_lsn", event.last_lost.value);
  }
  return json.text("text", event.text).finish() + "\n";
}

}  // namespace kifa::cli
