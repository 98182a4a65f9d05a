#include "core/store/repair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "core/store/checkpoints_file.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/open_tables.hpp"
#include "core/store/small_file.hpp"
#include "core/store/store_directory.hpp"
#include "core/store/store_view.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/table_writer.hpp"
#include "core/store/verify_tables.hpp"

namespace kifa::store {

namespace {

// Compaction joins nothing of this level: the pieces of a repaired table lead to another anchor.
constexpr std::uint32_t kRepairedLevel = 2;

// What opening a store does not repair: tables and checkpoints. With the lock.
class FileRepair final {
 public:
  FileRepair(const StoreOptions& options, const StoreEnvironment& environment, LogScan& scan)
      : options_(options),
        environment_(environment),
        files_(environment.files),
        manifest_(*scan.manifest.manifest),
        scan_(scan),
        next_number_(std::max(manifest_.next_file_number, scan.manifest.highest_file_number + 1)) {}

  // Returns how many tables were rewritten.
  Result<std::uint64_t> run() {
    const Manifest before = manifest_;
    TableVerifier verifier(files_, options_.directory, std::nullopt, [](const VerifyFault&) {});
    std::uint64_t rewritten = 0;
    for (TableInfo& table : manifest_.tables) {
      Status why;
      const TableVerdict* verdict = verifier.verify(manifest_.store_id, table, {}, why);
      if (verdict != nullptr && verdict->whole) {
        continue;
      }
      if (verdict == nullptr && why.code() != Code::corrupt && why.code() != Code::not_found) {
        return why;
      }
      KIFA_TRY(rewrite(table));
      ++rewritten;
    }
    std::erase_if(manifest_.tables, [](const TableInfo& table) {
      return table.last < table.first && table.events == 0;
    });
    if (!scan_.lost_checkpoints.empty()) {
      KIFA_TRY(keep_aside(checkpoints_file_name(manifest_.checkpoints.number)));
      manifest_.checkpoints = {};
    }
    // A new version also says that the state is this one, when the newest manifest was lost.
    const bool is_settled = manifest_ == before && why_outdated(scan_).empty();
    return is_settled ? Result<std::uint64_t>(rewritten) : commit(before, rewritten);
  }

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return fmt::format("{}/{}", options_.directory, name);
  }

  // A second name: the first goes when no manifest needs it any more.
  Status keep_aside(const std::string& name) {
    const std::string aside = path_of(name) + std::string(kDamagedSuffix);
    const Status linked = files_.link(path_of(name), aside);
    if (!linked && linked.code() != Code::not_found && !files_.info(aside)) {
      return linked;
    }
    return {};
  }

  // Puts a new table with what can be read of `table` into its place.
  Status rewrite(TableInfo& table) {
    const std::uint64_t number = next_number_++;
    const std::string old_name = table_file_name(table.number);
    auto writer = TableWriter::create(files_, {.path = path_of(table_file_name(number)),
                                               .store_id = manifest_.store_id,
                                               .number = number,
                                               .level = kRepairedLevel,
                                               .codec = TableCodec::zstd,
                                               .first = table.first,
                                               .next_event = table.first_event,
                                               .is_repaired = true});
    KIFA_TRY(writer.status());
    KIFA_TRY(copy_readable(table, **writer));
    KIFA_TRY((*writer)->end_piece(table.last).status());
    auto info = (*writer)->finish();
    KIFA_TRY(info.status());
    KIFA_TRY(keep_aside(old_name));
    take_out_of_totals(table, *info);
    environment_.report(
        Severity::warning,
        fmt::format("{}: {} of {} records could be read and stand in {} now", path_of(old_name),
                    info->records, table.records, table_file_name(number)));
    // The pieces behind are chained to those that are gone.
    const Digest last_anchor = table.last_anchor;
    table = *info;
    table.last_anchor = last_anchor;
    return {};
  }

  Status copy_readable(const TableInfo& table, TableWriter& to) {
    const auto reader = TableReader::open(
        files_, path_of(table_file_name(table.number)),
        {.number = table.number, .store_id = manifest_.store_id, .footer_crc = table.footer_crc});
    if (!reader) {
      return {};  // nothing can be found in it
    }
    Status failure;
    KIFA_TRY((*reader)->scan(
        {},
        [&](const RecordView& record) {
          failure = to.add(record);
          return failure.is_ok();
        },
        [&](const Event& event) {
          failure = to.add(event);
          return failure.is_ok();
        },
        [](const TableDamage&) {}));
    return failure;
  }

  void take_out_of_totals(const TableInfo& table, const TableInfo& now) {
    Totals& totals = manifest_.flushed.mark.totals;
    totals.records -= std::min(totals.records, table.records - now.records);
    totals.payload_bytes -= std::min(totals.payload_bytes, table.payload_bytes - now.payload_bytes);
    totals.gaps -= std::min(totals.gaps, table.gaps - now.gaps);
    totals.lost_records -= std::min(totals.lost_records, table.lost_records - now.lost_records);
    totals.events -= std::min(totals.events, table.events - now.events);
  }

  Result<std::uint64_t> commit(const Manifest& before, std::uint64_t rewritten) {
    manifest_.version = std::max(before.version, scan_.manifest.highest_version) + 1;
    manifest_.previous_version = before.version;
    manifest_.previous_checksum = checksum_of(before);
    manifest_.next_file_number = next_number_;
    KIFA_TRY(files_.sync_directory(options_.directory));
    const ManifestWrite written = write_manifest(files_, options_.directory, manifest_);
    KIFA_TRY(written.status);
    return rewritten;
  }

  const StoreOptions& options_;
  const StoreEnvironment& environment_;
  io::FileSystem& files_;
  Manifest manifest_;
  LogScan& scan_;
  std::uint64_t next_number_;
};

Result<std::uint64_t> repair_files(const StoreOptions& options,
                                   const StoreEnvironment& environment) {
  const auto directory =
      StoreDirectory::open(options.directory, options.allow_network, environment);
  KIFA_TRY(directory.status());
  auto scan =
      scan_log(environment.files, {.directory = options.directory, .needs_manifest = false});
  KIFA_TRY(scan.status());
  // Lost files are told of below, once they are replaced.
  KIFA_TRY(settle_tables(options, environment, *scan));
  if (!scan->manifest.manifest) {
    return std::uint64_t{0};
  }
  return FileRepair(options, environment, *scan).run();
}

// Records as gaps what is neither a record nor in one. Returns how many LSNs.
Result<std::uint64_t> record_gaps(const StoreOptions& options, const StoreEnvironment& environment,
                                  Store& store) {
  std::vector<Event> gaps;
  std::uint64_t lost = 0;
  const auto report =
      verify_store(environment.files,
                   {.directory = options.directory, .on_fault = [&](const VerifyFault& fault) {
                      if (fault.kind == FaultKind::records && fault.first.value != 0) {
                        Event gap;
                        gap.observed_unix_ns = environment.clock.now_unix_ns();
                        gap.records = fault.last.value - fault.first.value + 1;
                        gap.first_lost = fault.first;
                        gap.last_lost = fault.last;
                        gap.text = fmt::format("repair: LSN {} to {} cannot be read any more",
                                               fault.first.value, fault.last.value);
                        lost += gap.records;
                        environment.report(Severity::warning, gap.text);
                        gaps.push_back(std::move(gap));
                      }
                    }});
  KIFA_TRY(report.status());
  constexpr std::size_t kEventsAtOnce = 100;
  for (std::size_t at = 0; at < gaps.size(); at += kEventsAtOnce) {
    const std::span<const Event> some(gaps.data() + at, std::min(kEventsAtOnce, gaps.size() - at));
    KIFA_TRY(
        store
            .append_durable(
                {.pipeline = {}, .source = {}, .records = {}, .checkpoints = {}, .events = some})
            .status());
  }
  return lost;
}

}  // namespace

Result<RepairReport> repair_store(const StoreOptions& options, StoreEnvironment environment,
                                  const std::function<void(const VerifyFault&)>& on_fault) {
  // A directory without a store stays as it is.
  KIFA_TRY(view_store(environment.files, options.directory).status());
  RepairReport report;
  const auto tables = repair_files(options, environment);
  KIFA_TRY(tables.status());
  report.tables = *tables;
  auto store = Store::open(options, environment);
  KIFA_TRY(store.status());
  const auto lost = record_gaps(options, environment, **store);
  const Status closed = (*store)->close();
  KIFA_TRY(lost.status());
  KIFA_TRY(closed);
  report.lost_records = *lost;
  auto after =
      verify_store(environment.files, {.directory = options.directory, .on_fault = on_fault});
  KIFA_TRY(after.status());
  report.after = std::move(*after);
  return report;
}

}  // namespace kifa::store
