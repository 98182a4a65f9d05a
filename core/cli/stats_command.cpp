#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/io/file_system.hpp"
#include "core/store/cursors.hpp"
#include "core/store/reader.hpp"
#include "core/store/retention.hpp"

namespace kifa::cli {
namespace {

std::string writer_state(const store::StoreStats& stats) {
  if (stats.live) {
    return "running";
  }
  return stats.clean ? "none, the last one closed the store"
                     : "none, the last one was cut off; the next one recovers";
}

std::string lsn_range(const store::StoreStats& stats) {
  if (stats.total_entries == 0) {
    return "none";
  }
  return fmt::format("{} to {}", with_separators(stats.first_lsn.value),
                     with_separators(stats.last_lsn.value));
}

std::string time_range(const store::StoreStats& stats) {
  if (stats.total_entries == 0) {
    return "none";
  }
  return fmt::format("{} to {}", utc_text(stats.first_unix_ns), utc_text(stats.last_unix_ns));
}

std::string size_text(std::uint64_t bytes) {
  return fmt::format("{} ({} bytes)", bytes_for_people(bytes), with_separators(bytes));
}

std::string budget_text(const store::StoreStats& stats) {
  if (!stats.disk_budget_bytes) {
    return "not known";
  }
  if (*stats.disk_budget_bytes == 0) {
    return "none";
  }
  return fmt::format(
      "{}, {} of it used ({:.0f} %)", bytes_for_people(*stats.disk_budget_bytes),
      bytes_for_people(stats.disk_bytes),
      100 * static_cast<double>(stats.disk_bytes) / static_cast<double>(*stats.disk_budget_bytes));
}

std::string recovery_text(const store::LastRecovery& last) {
  if (!last.is_known) {
    return "not known";
  }
  if (last.unix_ns == 0) {
    return "none so far";
  }
  std::string text =
      fmt::format("{}: {} read, {} carried over", utc_text(last.unix_ns),
                  counted(last.segments, "segment"), counted(last.carried_records, "record"));
  if (last.dropped_tail) {
    text += ", an unfinished write dropped";
  }
  return text + (last.damages == 0
                     ? std::string(", no damage")
                     : fmt::format(", {} with {} lost", counted(last.damages, "damaged place"),
                                   counted(last.lost_records, "record")));
}

std::string tables_text(const store::StoreStats& stats) {
  const std::uint64_t tables = stats.tables[0] + stats.tables[1] + stats.tables[2];
  if (tables == 0) {
    return "none yet";
  }
  return fmt::format("{} ({} of level 0, {} of level 1, {} of level 2)", with_separators(tables),
                     with_separators(stats.tables[0]), with_separators(stats.tables[1]),
                     with_separators(stats.tables[2]));
}

// What records in tables take on the disk.
std::string stored_text(const store::StoreStats& stats) {
  const double share = static_cast<double>(stats.table_bytes) /
                       static_cast<double>(std::max<std::uint64_t>(stats.table_payload_bytes, 1));
  return fmt::format("{} for {} of payload ({:.0f} %)", bytes_for_people(stats.table_bytes),
                     bytes_for_people(stats.table_payload_bytes), 100 * share);
}

double write_amplification(const store::StoreStats& stats) {
  return static_cast<double>(stats.written_bytes) /
         static_cast<double>(std::max<std::uint64_t>(stats.written_payload_bytes, 1));
}

std::string purged_text(const store::StoreStats& stats) {
  return stats.purged_through.value == 0
             ? std::string("nothing")
             : fmt::format("{} up to LSN {}", counted(stats.purged_records, "record"),
                           with_separators(stats.purged_through.value));
}

// What this machine's clock says, and whether the store believes it.
struct ClockNow {
  store::ClockFacts facts;
  bool is_believed = false;

  // By which deadlines pass.
  [[nodiscard]] std::optional<std::int64_t> believed_unix_ns() const {
    return is_believed ? std::optional(facts.unix_ns) : std::nullopt;
  }
};

ClockNow look_at_clock(const store::StoreStats& stats) {
  const SystemClock clock;
  ClockNow now;
  now.facts = {.unix_ns = clock.now_unix_ns(),
               .boot_ns = clock.now_boot_ns(),
               .boot_id = clock.boot_id(),
               .is_synchronised = clock.is_synchronised()};
  now.is_believed = store::is_plausible({.unix_ns = stats.believed_unix_ns,
                                         .boot_ns = stats.believed_boot_ns,
                                         .boot_id = stats.believed_boot_id},
                                        now.facts);
  return now;
}

// The configuration is not known here: `trust_clock` may make it believed all the same.
std::string clock_text(const store::StoreStats& stats, const ClockNow& now) {
  const std::string last =
      !stats.believed_boot_id.empty()
          ? fmt::format("last believed at {}", utc_text(stats.believed_unix_ns))
          : std::string(stats.manifest_is_lost ? "what was believed last is lost"
                                               : "no time was believed yet");
  if (now.is_believed) {
    return last + (now.facts.is_synchronised ? "; now it follows a time server"
                                             : "; now it is believed: not far ahead of that");
  }
  const std::string why =
      stats.believed_boot_id.empty()
          ? std::string()
          : fmt::format("is at {}, too far ahead of that, and ", utc_text(now.facts.unix_ns));
  return last + fmt::format(
                    "; now it {}follows no time server: without `trust_clock` retention by "
                    "age waits, and no hold expires",
                    why);
}

std::string cursor_text(const store::Cursor& cursor, const ClockNow& now) {
  std::string until =
      cursor.deadline_unix_ns == 0 ? "" : ", until " + utc_text(cursor.deadline_unix_ns);
  if (store::has_expired(cursor, now.believed_unix_ns())) {
    until += " (expired: it keeps nothing)";
  } else if (store::has_expired(cursor, now.facts.unix_ns)) {
    until += " (passed by a clock that is not believed: it keeps all the same)";
  }
  return cursor.kind == store::CursorKind::hold
             ? fmt::format("{} holds LSN {} and later{}", cursor.name,
                           with_separators(cursor.lsn.value), until)
             : fmt::format("{} has forwarded up to LSN {}{}", cursor.name,
                           with_separators(cursor.lsn.value), until);
}

std::string cursors_text(const store::CursorList& cursors, const ClockNow& now) {
  std::string text;
  for (const store::Cursor& cursor : cursors.cursors) {
    text += (text.empty() ? "" : "; ") + cursor_text(cursor, now);
  }
  for (const store::DamagedFile& damaged : cursors.damaged) {
    text +=
        fmt::format("{}{} is damaged and holds everything", text.empty() ? "" : "; ", damaged.name);
  }
  return text.empty() ? "none" : text;
}

void add_table_lines(const auto& line, const store::StoreStats& stats) {
  line("Tables", tables_text(stats));
  if (stats.table_bytes != 0) {
    line("Stored", stored_text(stats));
  }
  if (stats.written_payload_bytes != 0) {
    line("Written",
         fmt::format("{} for {} of payload ({:.1f} times)", bytes_for_people(stats.written_bytes),
                     bytes_for_people(stats.written_payload_bytes), write_amplification(stats)));
  }
  line("Purged", purged_text(stats));
}

// The count is that of the manifest and the log.
std::string entries_text(const store::StoreStats& stats) {
  return with_separators(stats.total_entries) +
         (stats.unreadable_records == 0 ? ""
                                        : fmt::format(", of which {} cannot be read",
                                                      with_separators(stats.unreadable_records)));
}

std::string manifest_text(const store::StoreStats& stats) {
  if (stats.manifest_is_lost) {
    return "missing: tables and log say themselves what they hold";
  }
  return stats.manifest_version == 0
             ? std::string("none yet")
             : fmt::format("version {}", with_separators(stats.manifest_version));
}

void add_fault_lines(const auto& line, const store::StoreStats& stats) {
  if (stats.faults.empty()) {
    line("Faults", "none seen; `kifa verify` reads everything");
    return;
  }
  for (const std::string& fault : stats.faults) {
    line("Fault", fault);
  }
}

std::string for_people(const std::string& directory, const store::StoreStats& stats,
                       const store::CursorList& cursors) {
  const ClockNow now = look_at_clock(stats);
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text += fmt::format("{:<16} {}\n", fmt::format("{}:", name), value);
  };
  line("Store", directory);
  line("Store id", stats.store_id);
  line("Format", stats.format_version);
  line("Writer", writer_state(stats));
  line("Flush mode", stats.flush_mode);
  line("Total entries", entries_text(stats));
  line("LSN range", lsn_range(stats));
  line("Durable LSN", with_separators(stats.durable_lsn.value));
  line("Time range", time_range(stats));
  line("Gaps", stats.gaps == 0 ? std::string("0")
                               : fmt::format("{} ({} known to be lost; see `kifa query --events`)",
                                             with_separators(stats.gaps),
                                             counted(stats.lost_records, "record")));
  line("Events", with_separators(stats.events));
  line("Segments",
       fmt::format("{}, {} spare, {} each", with_separators(stats.segments),
                   with_separators(stats.spare_segments), bytes_for_people(stats.segment_bytes)));
  line("Log", fmt::format("{} not in tables yet", bytes_for_people(stats.log_bytes)));
  add_table_lines(line, stats);
  line("Cursors", cursors_text(cursors, now));
  line("Clock", clock_text(stats, now));
  line("Manifest", manifest_text(stats));
  line("Payload", size_text(stats.payload_bytes));
  line("On disk", size_text(stats.disk_bytes));
  line("Disk budget", budget_text(stats));
  line("Last recovery", recovery_text(stats.last_recovery));
  add_fault_lines(line, stats);
  return text;
}

std::string cursors_json(const store::CursorList& cursors, const ClockNow& now) {
  JsonArray array;
  for (const store::Cursor& cursor : cursors.cursors) {
    array.add(JsonObject()
                  .text("name", cursor.name)
                  .text("kind", cursor.kind == store::CursorKind::hold ? "hold" : "cursor")
                  .number("lsn", cursor.lsn.value)
                  .signed_number("deadline_ns", cursor.deadline_unix_ns)
                  .boolean("expired", store::has_expired(cursor, now.believed_unix_ns()))
                  .finish());
  }
  return array.finish();
}

// Each keeps everything back.
std::string damaged_cursors_json(const store::CursorList& cursors) {
  JsonArray array;
  for (const store::DamagedFile& damaged : cursors.damaged) {
    array.add(JsonObject().text("name", damaged.name).text("why", damaged.why).finish());
  }
  return array.finish();
}

std::string faults_json(const store::StoreStats& stats) {
  JsonArray array;
  for (const std::string& fault : stats.faults) {
    array.add(json_string(fault));
  }
  return array.finish();
}

void add_opening_members(JsonObject& json, const store::StoreStats& stats) {
  if (stats.disk_budget_bytes) {
    json.number("disk_budget_bytes", *stats.disk_budget_bytes);
  } else {
    json.null("disk_budget_bytes");
  }
  const store::LastRecovery& last = stats.last_recovery;
  json.boolean("last_recovery_known", last.is_known);
  if (last.unix_ns == 0) {
    json.null("last_recovery");
    return;
  }
  json.raw("last_recovery", JsonObject()
                                .text("timestamp", iso_text(last.unix_ns))
                                .signed_number("timestamp_ns", last.unix_ns)
                                .number("segments", last.segments)
                                .number("carried_records", last.carried_records)
                                .boolean("dropped_tail", last.dropped_tail)
                                .number("damages", last.damages)
                                .number("lost_records", last.lost_records)
                                .finish());
}

void add_table_members(JsonObject& json, const store::StoreStats& stats) {
  JsonArray levels;
  for (const std::uint64_t count : stats.tables) {
    levels.add(fmt::format("{}", count));
  }
  json.raw("tables", levels.finish())
      .number("table_bytes", stats.table_bytes)
      .number("table_payload_bytes", stats.table_payload_bytes)
      .number("log_bytes", stats.log_bytes)
      .number("written_bytes", stats.written_bytes)
      .number("written_payload_bytes", stats.written_payload_bytes)
      .number("purged_through", stats.purged_through.value)
      .number("purged_records", stats.purged_records)
      .number("manifest_version", stats.manifest_version)
      .boolean("manifest_is_lost", stats.manifest_is_lost)
      .signed_number("believed_clock_ns", stats.believed_unix_ns);
}

std::string for_machines(const std::string& directory, const store::StoreStats& stats,
                         const store::CursorList& cursors) {
  const ClockNow now = look_at_clock(stats);
  JsonObject json;
  json.text("data_dir", directory)
      .text("store_id", stats.store_id)
      .text("format_version", stats.format_version)
      .boolean("live", stats.live)
      .boolean("clean", stats.clean)
      .text("flush_mode", stats.flush_mode)
      .number("total_entries", stats.total_entries)
      .number("first_lsn", stats.first_lsn.value)
      .number("last_lsn", stats.last_lsn.value)
      .number("durable_lsn", stats.durable_lsn.value);
  if (stats.total_entries == 0) {
    json.null("first_timestamp").null("last_timestamp");
    json.null("first_timestamp_ns").null("last_timestamp_ns");
  } else {
    json.text("first_timestamp", iso_text(stats.first_unix_ns))
        .text("last_timestamp", iso_text(stats.last_unix_ns))
        .signed_number("first_timestamp_ns", stats.first_unix_ns)
        .signed_number("last_timestamp_ns", stats.last_unix_ns);
  }
  json.number("gaps", stats.gaps)
      .number("lost_records", stats.lost_records)
      .number("events", stats.events)
      .number("segments", stats.segments)
      .number("spare_segments", stats.spare_segments)
      .number("segment_bytes", stats.segment_bytes)
      .number("payload_bytes", stats.payload_bytes)
      .number("disk_bytes", stats.disk_bytes);
  add_opening_members(json, stats);
  add_table_members(json, stats);
  json.boolean("clock_is_believed", now.is_believed)
      .raw("cursors", cursors_json(cursors, now))
      .raw("damaged_cursors", damaged_cursors_json(cursors))
      .raw("faults", faults_json(stats))
      .number("unreadable_records", stats.unreadable_records);
  return json.finish() + "\n";
}

}  // namespace

int run(const StatsCommand& command) {
  const auto reader = store::Reader::open(command.data_dir, io::posix_file_system());
  if (!reader) {
    complain(reader.status().message());
    return exit_code(reader.status().code());
  }
  const auto stats = (*reader)->stats();
  if (!stats) {
    complain(stats.status().message());
    return exit_code(stats.status().code());
  }
  const auto cursors = store::list_cursors(io::posix_file_system(), command.data_dir);
  if (!cursors) {
    complain(cursors.status().message());
    return exit_code(cursors.status().code());
  }
  return print(command.json ? for_machines(command.data_dir, *stats, *cursors)
                            : for_people(command.data_dir, *stats, *cursors));
}

}  // namespace kifa::cli
