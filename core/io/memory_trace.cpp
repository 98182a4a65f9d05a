#include "core/io/memory_trace.hpp"

#include <fmt/format.h>

namespace kifa::io {

std::string_view to_string(TraceKind kind) {
  switch (kind) {
    case TraceKind::write_begin:
      return "write_begin";
    case TraceKind::write_end:
      return "write_end";
    case TraceKind::sync_begin:
      return "sync_begin";
    case TraceKind::sync_end:
      return "sync_end";
    case TraceKind::resize:
      return "resize";
    case TraceKind::create:
      return "create";
    case TraceKind::rename:
      return "rename";
    case TraceKind::link:
      return "link";
    case TraceKind::remove:
      return "remove";
    case TraceKind::sync_directory:
      return "sync_directory";
    case TraceKind::failure:
      return "failure";
    case TraceKind::note:
      return "note";
  }
  return "unknown";
}

std::string describe(const TraceEvent& event) {
  std::string text = fmt::format("{}", to_string(event.kind));
  switch (event.kind) {
    case TraceKind::write_begin:
      text += fmt::format(" node {} offset {} bytes {}{}", event.node, event.extent.offset(),
                          event.extent.size(), event.durable ? " durable" : "");
      break;
    case TraceKind::write_end:
      text += fmt::format(" node {} bytes {}", event.node, event.result);
      break;
    case TraceKind::resize:
      text += fmt::format(" node {} to {}", event.node, event.result);
      break;
    case TraceKind::create:
    case TraceKind::remove:
      text += fmt::format(" {} (node {})", event.name, event.node);
      break;
    case TraceKind::rename:
    case TraceKind::link:
      text += fmt::format(" {} to {} (node {})", event.name, event.to_name, event.node);
      break;
    case TraceKind::note:
      text += fmt::format(" {} {}", event.note_kind, event.note_value);
      break;
    case TraceKind::failure:
      text += fmt::format(" of {}", event.name);
      break;
    case TraceKind::sync_begin:
    case TraceKind::sync_end:
    case TraceKind::sync_directory:
      text += fmt::format(" node {}", event.node);
      break;
  }
  if (event.sys_errno != 0) {
    text += fmt::format(" errno {}", event.sys_errno);
  }
  return text;
}

}  // namespace kifa::io
