#include "core/cli/printing_taker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "core/cli/event_text.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/messages.hpp"

namespace kifa::cli {

EventStyle event_style(bool is_wanted, const std::string& format, Color color) {
  if (!is_wanted) {
    return EventStyle::none;
  }
  if (format == "json") {
    return EventStyle::json;
  }
  return has_color(color, STDOUT_FILENO) ? EventStyle::colored_text : EventStyle::text;
}

Status PrintingTaker::take(const store::Event& event) {
  switch (events_) {
    case EventStyle::none:
      return {};
    case EventStyle::text:
      return printer_.print_text(event_line(event));
    case EventStyle::colored_text:
      return printer_.print_text(colored(event_line(event), event.kind));
    case EventStyle::json:
      return printer_.print_text(event_json(event));
  }
  return {};
}

namespace {

void tell_removed(const Seen& seen) {
  if (seen.removed_last.value != 0) {
    complain(fmt::format("LSN {} to {} were removed by retention",
                         with_separators(seen.removed_first.value),
                         with_separators(seen.removed_last.value)));
  }
}

bool asks_by_lsn(const RecordChoice& choice) {
  return choice.is_from_lsn_given || choice.to_lsn != 0;
}

}  // namespace

void tell_what_is_missing(const Seen& seen, bool shows_events, const RecordChoice& choice) {
  if (seen.gaps != 0 && !shows_events) {
    complain(fmt::format(
        "{} in this range{}: see --events", counted(seen.gaps, "gap"),
        seen.lost_records == 0 ? "" : ", " + counted(seen.lost_records, "record") + " lost"));
  }
  if (asks_by_lsn(choice)) {
    tell_removed(seen);
  }
}

void tell_what_was_met(const Seen& seen, bool shows_events, const RecordChoice& choice,
                       Lsn durable) {
  tell_what_is_missing(seen, shows_events, choice);
  if (seen.records != 0) {
    return;
  }
  if (!asks_by_lsn(choice)) {
    tell_removed(seen);  // they may be what was meant
  }
  complain(durable.value == 0
               ? std::string("the store has no records yet")
               : fmt::format("no records in this range; the last LSN of the store is {}",
                             with_separators(durable.value)));
}

int asking_exit_code(const Status& status) {
  if (interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  if (status || status.sys_errno() == EPIPE) {
    return kExitOk;
  }
  complain(status.message());
  return exit_code(status.code());
}

}  // namespace kifa::cli
