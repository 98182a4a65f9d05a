#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/progress.hpp"
#include "core/io/file_system.hpp"
#include "core/store/backup.hpp"

namespace kifa::cli {
namespace {

std::string for_people(const BackupCommand& command, const store::BackupReport& report) {
  return fmt::format("{}: the store up to LSN {} in {} and the log; {} linked, {} copied\n",
                     command.target, with_separators(report.last.value),
                     counted(report.tables, "table"), bytes_for_people(report.linked_bytes),
                     bytes_for_people(report.copied_bytes));
}

std::string for_machines(const BackupCommand& command, const store::BackupReport& report) {
  JsonObject json;
  json.text("data_dir", command.data_dir)
      .text("target", command.target)
      .number("last_lsn", report.last.value)
      .number("tables", report.tables)
      .number("linked_bytes", report.linked_bytes)
      .number("copied_bytes", report.copied_bytes)
      .number("damages", report.damages);
  return json.finish() + "\n";
}

}  // namespace

int run(const BackupCommand& command) {
  watch_for_interrupts();
  ProgressLine progress("copying", true);
  const auto report = store::back_up_store(
      io::posix_file_system(), {.directory = command.data_dir,
                                .target = command.target,
                                .on_progress = [&progress](std::uint64_t done, std::uint64_t all) {
                                  progress.show(done, all);
                                  return interrupting_signal() == 0;
                                }});
  progress.clear();
  if (!report && interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  if (!report) {
    complain(report.status().message());
    return report.status().code() == Code::invalid ? kExitUsage : exit_code(report.status().code());
  }
  if (report->damages != 0) {
    complain(fmt::format("the log has {}, and so has the copy; see `kifa verify`",
                         counted(report->damages, "damaged place")));
  }
  return print(command.json ? for_machines(command, *report) : for_people(command, *report));
}

}  // namespace kifa::cli
