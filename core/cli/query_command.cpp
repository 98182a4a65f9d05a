#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

#include "core/cli/commands.hpp"
#include "core/cli/event_text.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/record_printer.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {
namespace {

// What a scan met, to be told once at its end.
struct Seen {
  std::uint64_t records = 0;
  std::uint64_t gaps = 0;
  std::uint64_t lost_records = 0;
};

// One run over the range; stops at the limit, at an interrupt and when the output fails.
class Scan final {
 public:
  Scan(const QueryCommand& command, RecordPrinter& printer)
      : command_(command), printer_(printer) {}

  Status run(store::Reader& reader) {
    KIFA_TRY(printer_.begin());
    const Status scanned = reader.scan(
        {.first = {command_.from_lsn}, .last = {command_.to_lsn}},
        [this](const store::RecordView& record) { return take(record); },
        [this](const store::Event& event) { return take(event); });
    KIFA_TRY(output_);
    // What was read before a failure is good and is shown.
    const Status finished = printer_.finish();
    return scanned ? finished : scanned;
  }

  [[nodiscard]] const Seen& seen() const { return seen_; }
  [[nodiscard]] const Status& output() const { return output_; }

 private:
  bool go_on() {
    if (output_ && interrupting_signal() != 0) {
      output_ = Status(Code::closed, "interrupted");
    }
    return output_.is_ok();
  }

  bool take(const store::RecordView& record) {
    ++seen_.records;
    output_ = printer_.print(record);
    return go_on() && seen_.records != command_.limit;
  }

  bool take(const store::Event& event) {
    if (event.kind == store::EventKind::gap) {
      ++seen_.gaps;
      seen_.lost_records += event.records;
    }
    if (command_.events) {
      output_ =
          printer_.print_text(command_.format == "json" ? event_json(event) : event_line(event));
    }
    return go_on();
  }

  const QueryCommand& command_;
  RecordPrinter& printer_;
  Seen seen_;
  Status output_;
};

void tell_what_was_met(const QueryCommand& command, const Seen& seen, Lsn durable) {
  if (seen.gaps != 0 && !command.events) {
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

}  // namespace

int run(const QueryCommand& command) {
  watch_for_interrupts();
  const auto reader = store::Reader::open(command.data_dir, io::posix_file_system());
  if (!reader) {
    complain(reader.status().message());
    return exit_code(reader.status().code());
  }
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  const auto printer =
      RecordPrinter::open(**registry, command.format, command.format_options, STDOUT_FILENO);
  if (!printer) {
    complain(printer.status().message());
    return configuration_exit_code(printer.status().code());
  }
  Scan scan(command, **printer);
  const Status status = scan.run(**reader);
  if (interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  if (status.sys_errno() == EPIPE) {
    return kExitOk;  // whoever reads has seen enough
  }
  tell_what_was_met(command, scan.seen(), (*reader)->durable_lsn());
  if (!status) {
    complain(status.message());
    return exit_code(status.code());
  }
  return kExitOk;
}

}  // namespace kifa::cli
