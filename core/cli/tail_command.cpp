#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
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
#include "core/cli/record_printer.hpp"
#include "core/cli/record_scan.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {
namespace {

// How often whoever follows looks whether anybody still reads what it prints.
constexpr std::chrono::milliseconds kLookInterval{250};

// A pipe whose reader has gone, a terminal that was closed.
bool is_output_gone() {
  pollfd output{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

// Prints what is there, and then what comes.
//
// Threads: confined.
class Tail final {
 public:
  Tail(const TailCommand& command, RecordScan& scan, RecordPrinter& printer, store::Reader& reader)
      : command_(command), scan_(scan), printer_(printer), reader_(reader) {}

  Status run() {
    KIFA_TRY(printer_.begin());
    KIFA_TRY(print_end());
    while (command_.follow && !scan_.is_at_limit()) {
      const auto more = wait();
      if (!more) {
        return more.error();
      }
      if (!*more) {
        break;
      }
      KIFA_TRY(print_more());
    }
    return printer_.finish();
  }

 private:
  // The last records, or nothing but what comes.
  Status print_end() {
    if (!command_.is_only_new) {
      const auto selection = scan_.in_order(reader_);
      if (!selection) {
        return selection.error();
      }
      next_ = *selection;
      return print_more();
    }
    next_ = selection_of(command_.choice);
    next_.first = reader_.durable_lsn().next();
    // Events behind the last record are not new either.
    return reader_.scan(
        next_, [](const store::RecordView&) { return true; },
        [this](const store::Event& event) {
          next_.first_event = event.number + 1;
          return true;
        });
  }

  Status print_more() {
    const Status scanned = scan_.forward(reader_, next_);
    KIFA_TRY(scan_.stopped());
    const Status flushed = printer_.flush();
    KIFA_TRY(scanned);
    tell_news();
    next_.first = std::max(next_.first, reader_.durable_lsn().next());
    next_.first_event = std::max(next_.first_event, scan_.last_event() + 1);
    return flushed;
  }

  // What is missing in what was printed since this was called last.
  void tell_news() {
    Seen news = scan_.seen();
    news.gaps -= told_.gaps;
    news.lost_records -= told_.lost_records;
    if (news.removed_last == told_.removed_last) {
      news.removed_last = {};
    }
    tell_what_is_missing(news, command_.events, command_.choice);
    told_ = scan_.seen();
  }

  // False: nobody wants more.
  Result<bool> wait() {
    for (;;) {
      const auto more = reader_.wait_for_more(kLookInterval);
      if (interrupting_signal() != 0) {
        return Status(Code::closed, "interrupted");
      }
      // A store that is opened and closed again and again comes to rest.
      if (!more && more.error().code() != Code::unavailable) {
        return more.error();
      }
      if (more && *more) {
        return true;
      }
      if (is_output_gone()) {
        return false;
      }
    }
  }

  const TailCommand& command_;
  RecordScan& scan_;
  RecordPrinter& printer_;
  store::Reader& reader_;
  store::Selection next_;
  Seen told_;
};

}  // namespace

int run(const TailCommand& command) {
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
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  Output output(STDOUT_FILENO);
  const auto printer =
      RecordPrinter::open(**registry, command.format, command.format_options, output);
  if (!printer) {
    complain(printer.status().message());
    return configuration_exit_code(printer.status().code());
  }
  PrintingTaker taker(**printer, event_style(command.events, command.format, command.color));
  RecordScan scan(command.choice, *filter, taker);
  return asking_exit_code(Tail(command, scan, **printer, **reader).run());
}

}  // namespace kifa::cli
