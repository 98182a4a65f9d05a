#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/cli/color.hpp"
#include "core/cli/record_choice.hpp"
#include "core/cli/record_printer.hpp"
#include "core/cli/record_scan.hpp"

namespace kifa::cli {

// How events are shown beside records.
enum class EventStyle : std::uint8_t { none, text, colored_text, json };

// How a command shows them on stdout in `format`, when they are wanted.
[[nodiscard]] EventStyle event_style(bool is_wanted, const std::string& format, Color color);

// Prints what a scan gives, and events at their places where they are wanted.
//
// Threads: confined.
// Errors:  of the printer.
class PrintingTaker final : public RecordTaker {
 public:
  // `printer` must live as long.
  PrintingTaker(RecordPrinter& printer, EventStyle events) : printer_(printer), events_(events) {}

  Status take(const store::RecordView& record) override { return printer_.print(record); }
  Status take(const store::Event& event) override;

 private:
  RecordPrinter& printer_;
  const EventStyle events_;
};

// What a person should know of a scan besides its records: gaps that were not shown, what retention
// has removed of LSNs that were asked for by number.
void tell_what_is_missing(const Seen& seen, bool shows_events, const RecordChoice& choice);
// The same, and why there are no records.
void tell_what_was_met(const Seen& seen, bool shows_events, const RecordChoice& choice,
                       Lsn durable);

// The exit code of a command that prints what it was asked for; `status` is what ended it. Tells
// what a person should know: a reader that has gone has seen enough.
[[nodiscard]] int asking_exit_code(const Status& status);

}  // namespace kifa::cli
