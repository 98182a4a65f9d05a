#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/progress.hpp"
#include "core/cli/store_owner.hpp"
#include "core/cli/verify_export.hpp"
#include "core/io/file_system.hpp"
#include "core/store/repair.hpp"
#include "core/store/verify.hpp"

namespace kifa::cli {
namespace {

std::string fault_json(const store::VerifyFault& fault) {
  return JsonObject()
      .text("kind", store::to_string(fault.kind))
      .text("file", fault.file)
      .number("offset", fault.offset)
      .number("first_lsn", fault.first.value)
      .number("last_lsn", fault.last.value)
      .text("text", fault.text)
      .finish();
}

std::string lsn_range(const store::VerifyReport& report) {
  return report.last < report.first
             ? std::string("no LSN")
             : fmt::format("LSN {} to {}", with_separators(report.first.value),
                           with_separators(report.last.value));
}

// Whether `kifa verify --repair` does anything about faults of this kind.
bool is_repaired(store::FaultKind kind) {
  return kind != store::FaultKind::chain && kind != store::FaultKind::cursor &&
         kind != store::FaultKind::anchor;
}

std::string remedy(const std::string& directory, const store::VerifyReport& report) {
  return fmt::format(
      "{}`kifa verify -d {} --repair` keeps what can be read and records what is lost as gaps\n",
      report.live ? "stop the daemon first; then " : "", directory);
}

// The anchor, and what it does not vouch for. Pieces are cut when the log moves into a table.
std::string anchor_text(const store::VerifyReport& report) {
  const Lsn covered = report.anchor ? report.anchor->last : Lsn{report.first.value - 1};
  std::string text;
  if (report.anchor) {
    text = fmt::format("anchor: {}\n", store::to_string(*report.anchor));
  }
  if (covered >= report.last) {
    return text;
  }
  return text + fmt::format(
                    "{} LSN {} to {}: records get one when the log moves into a table, at "
                    "memtable_flush_threshold_mib, or when the store is closed, once in 12 hours\n",
                    report.anchor ? "it does not cover" : "there is no anchor for",
                    with_separators(covered.value + 1), with_separators(report.last.value));
}

std::string summary(const std::string& directory, const store::VerifyReport& report) {
  std::string text;
  for (const std::string& note : report.notes) {
    text += fmt::format("note: {}\n", note);
  }
  text += fmt::format(
      "{}: {} in {} and the log, {}, {} read: {}\n", directory, counted(report.records, "record"),
      counted(report.tables, "table"), lsn_range(report), bytes_for_people(report.bytes),
      report.faults == 0 ? std::string("no fault") : counted(report.faults, "fault"));
  if (report.lost_records != 0) {
    text += fmt::format("{} lost and recorded as gaps; see `kifa query --events`\n",
                        counted(report.lost_records, "record"));
  }
  return text + anchor_text(report);
}

std::string for_machines(const std::string& directory, const store::VerifyReport& report,
                         const JsonArray& faults) {
  JsonArray notes;
  for (const std::string& note : report.notes) {
    notes.add(json_string(note));
  }
  JsonObject json;
  json.text("data_dir", directory)
      .boolean("live", report.live)
      .number("manifest_version", report.manifest_version)
      .number("tables", report.tables)
      .number("records", report.records)
      .number("lost_records", report.lost_records)
      .number("first_lsn", report.first.value)
      .number("last_lsn", report.last.value)
      .number("bytes", report.bytes);
  if (report.anchor) {
    json.text("anchor", store::to_string(*report.anchor));
  } else {
    json.null("anchor");
  }
  json.number("fault_count", report.faults)
      .raw("faults", faults.finish())
      .raw("notes", notes.finish());
  return json.finish() + "\n";
}

// What is done goes to stderr, sentence by sentence; what verification says then is the answer.
Result<store::VerifyReport> repaired(const VerifyCommand& command,
                                     const store::VerifyOptions& options) {
  KIFA_TRY(act_as_owner_of(command.data_dir));
  const SystemClock clock;
  const auto report = store::repair_store(
      {.directory = command.data_dir},
      {.files = io::posix_file_system(),
       .clock = clock,
       .report = [](store::Severity, const std::string& text) { complain(text); }},
      options.on_fault);
  if (!report) {
    return report.status();
  }
  complain(fmt::format("repaired: {} rewritten, {} newly recorded as lost",
                       counted(report->tables, "table"), counted(report->lost_records, "record")));
  return report->after;
}

}  // namespace

int run(const VerifyCommand& command) {
  if (!command.export_file.empty()) {
    return verify_export(command);
  }
  store::VerifyOptions options{.directory = command.data_dir};
  if (!command.anchor.empty()) {
    const auto anchor = store::anchor_from(command.anchor);
    if (!anchor) {
      complain(anchor.status().message());
      return kExitUsage;
    }
    options.anchor = *anchor;
  }
  ProgressLine progress("verifying", !command.quiet);
  Output output(STDOUT_FILENO);
  Status written;
  JsonArray faults;
  bool has_remedy = false;
  options.on_progress = [&](std::uint64_t done, std::uint64_t all) { progress.show(done, all); };
  options.on_fault = [&](const store::VerifyFault& fault) {
    has_remedy = has_remedy || (!command.repair && is_repaired(fault.kind));
    if (command.json) {
      faults.add(fault_json(fault));
    } else if (written) {
      progress.clear();
      written = output.append(fault.text + "\n");
    }
  };
  const auto report = command.repair ? repaired(command, options)
                                     : store::verify_store(io::posix_file_system(), options);
  progress.clear();
  if (written) {
    written = output.flush();
  }
  if (!report) {
    complain(report.status().message());
    return exit_code(report.status().code());
  }
  if (written && command.json) {
    written = output.append(for_machines(command.data_dir, *report, faults));
  } else if (written && !command.quiet) {
    written = output.append(summary(command.data_dir, *report) +
                            (has_remedy ? remedy(command.data_dir, *report) : std::string()));
  }
  if (written) {
    written = output.flush();
  }
  const int code = output_exit_code(written);
  return code == kExitOk && report->faults != 0 ? kExitData : code;
}

}  // namespace kifa::cli
