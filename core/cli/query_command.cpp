#include <fmt/format.h>

#include <memory>
#include <string>

#include "core/cli/choice_filter.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/printing_taker.hpp"
#include "core/cli/query_output.hpp"
#include "core/cli/record_printer.hpp"
#include "core/cli/record_scan.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {
namespace {

// For --count: the scan counts what it gives.
class NoTaker final : public RecordTaker {
 public:
  Status take(const store::RecordView& /*record*/) override { return {}; }
  Status take(const store::Event& /*event*/) override { return {}; }
};

int count(const QueryCommand& command, const ChoiceFilter& filter, store::Reader& reader) {
  NoTaker taker;
  RecordScan scan(command.choice, filter, taker);
  const Status scanned = scan.run(reader);
  if (!scanned || !scan.stopped()) {
    return asking_exit_code(scanned ? scan.stopped() : scanned);
  }
  tell_what_is_missing(scan.seen(), false, command.choice);
  return print(fmt::format("{}\n", scan.seen().records));
}

Status print_records(const QueryCommand& command, RecordScan& scan, RecordPrinter& printer,
                     store::Reader& reader, QueryOutput& output) {
  KIFA_TRY(printer.begin());
  const Status scanned = scan.run(reader);
  KIFA_TRY(scan.stopped());
  // What was read before a failure is good and is shown.
  const Status finished = printer.finish();
  if (!finished) {
    return finished;
  }
  tell_what_was_met(scan.seen(), command.events, command.choice, reader.durable_lsn());
  return scanned ? output.publish() : scanned;
}

}  // namespace

int run(const QueryCommand& command) {
  watch_for_interrupts();
  const auto filter = ChoiceFilter::create(command.choice);
  if (!filter) {
    complain(filter.status().message());
    return kExitUsage;
  }
  const auto reader = store::Reader::open(command.data_dir, io::posix_file_system());
  if (!reader) {
    complain(reader.status().message());
    return exit_code(reader.status().code());
  }
  if (command.count) {
    return count(command, *filter, **reader);
  }
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  const auto output = QueryOutput::open(io::posix_file_system(), command.output);
  if (!output) {
    complain(output.status().message());
    return output.status().code() == Code::invalid ? kExitUsage : exit_code(output.status().code());
  }
  const auto printer =
      RecordPrinter::open(**registry, command.format, command.format_options, (*output)->sink());
  if (!printer) {
    complain(printer.status().message());
    return configuration_exit_code(printer.status().code());
  }
  const bool is_to_file = !command.output.empty() && command.color == Color::automatic;
  const Color color = is_to_file ? Color::never : command.color;
  PrintingTaker taker(**printer, event_style(command.events, command.format, color));
  RecordScan scan(command.choice, *filter, taker);
  return asking_exit_code(print_records(command, scan, **printer, **reader, **output));
}

}  // namespace kifa::cli
