#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"

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

std::string for_people(const std::string& directory, const store::StoreStats& stats) {
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text += fmt::format("{:<16} {}\n", fmt::format("{}:", name), value);
  };
  line("Store", directory);
  line("Store id", stats.store_id);
  line("Format", stats.format_version);
  line("Writer", writer_state(stats));
  line("Flush mode", stats.flush_mode);
  line("Total entries", with_separators(stats.total_entries));
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
  line("Payload", size_text(stats.payload_bytes));
  line("On disk", size_text(stats.disk_bytes));
  return text;
}

std::string for_machines(const std::string& directory, const store::StoreStats& stats) {
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
  return print(command.json ? for_machines(command.data_dir, *stats)
                            : for_people(command.data_dir, *stats));
}

}  // namespace kifa::cli
