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
  const bool is_purge = event.kind == store::EventKind::purge;
  const std::string_view fate = is_purge ? "removed by retention" : "lost";
  // What reading has found itself has no number and no time.
  std::string line = event.number == 0
                         ? fmt::format("-- found after [{}]", event.after.value)
                         : fmt::format("-- event {} after [{}]", event.number, event.after.value);
  line += fmt::format(": {}", kind_name(event.kind));
  if (event.observed_unix_ns != 0) {
    line += ", " + utc_text(event.observed_unix_ns);
  }
  if (event.records != 0) {
    line += fmt::format(", {} {}", counted(event.records, "record"), fate);
  }
  if (event.bytes != 0) {
    line += fmt::format(", {} {}", counted(event.bytes, "byte"), fate);
  }
  if (event.first_lost.value != 0 && !is_purge) {
    line += fmt::format(", LSN {} to {} will never be records", event.first_lost.value,
                        event.last_lost.value);
  }
  return line + ": " + printable(event.text) + "\n";
}

std::string event_json(const store::Event& event) {
  const bool is_purge = event.kind == store::EventKind::purge;
  JsonObject json;
  json.text("event", kind_name(event.kind));
  if (event.number != 0) {
    json.number("number", event.number);
  }
  json.number("after_lsn", event.after.value);
  if (event.observed_unix_ns != 0) {
    json.text("timestamp", iso_text(event.observed_unix_ns))
        .signed_number("timestamp_ns", event.observed_unix_ns);
  }
  json.number(is_purge ? "removed_records" : "lost_records", event.records);
  if (!is_purge) {
    json.number("lost_bytes", event.bytes);
  }
  if (event.first_lost.value != 0) {
    json.number(is_purge ? "first_removed_lsn" : "first_lost_lsn", event.first_lost.value)
        .number(is_purge ? "last_removed_lsn" : "last_lost_lsn", event.last_lost.value);
  }
  return json.text("text", event.text).finish() + "\n";
}

}  // namespace kifa::cli
