#include "core/cli/printing_taker.hpp"

#include <fmt/format.h>

#include <string>

#include "core/cli/color.hpp"
#include "core/cli/event_text.hpp"
#include "core/cli/human.hpp"
#include "core/cli/messages.hpp"

namespace kifa::cli {

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

void tell_what_was_met(const Seen& seen, bool shows_events, Lsn durable) {
  if (seen.gaps != 0 && !shows_events) {
    complain(fmt::format(
        "{} in this range{}: see --events", counted(seen.gaps, "gap"),
        seen.lost_records == 0 ? "" : ", " + counted(seen.lost_records, "record") + " lost"));
  }
  if (seen.records == 0) {
    complain(durable.value == 0
                 ? std::string("the store has no records yet")
                 : fmt::format("no records in this range; the last LSN of the store is {}",
                               with_separators(durable.value)));
  }
}

}  // namespace kifa::cli
