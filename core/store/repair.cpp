#include "core/store/repair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
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
#include "core/store/table_file.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_writer.hpp"
#include "core/store/verify_tables.hpp"

namespace kifa::store {

namespace {

// Compaction joins nothing of this level: the pieces of a repaired table lead to another anchor.
constexpr std::uint32_t kRepairedLevel = 2;

// LSNs that a table does not give any more.
struct Loss {
  LsnRange lsns;
  std::string why;  // names the file and the place
};

struct FilesReport {
  std::uint64_t tables = 0;  // rewritten
  std::vector<Loss> losses = {};
  StoreOptions options = {};  // for the opening that follows
};

// The store is opened with the sizes that it has, and with the disk budget of its last opening:
// files of another size would not be used again, and might leave no room for those that are. Only
// what has to be done is done: nothing is joined or removed, and the log stays in the log while it
// has room.
StoreOptions options_of(const LogScan& scan, StoreOptions options) {
  std::uint64_t segment_bytes = options.segment_bytes;
  if (!scan.path.empty()) {
    segment_bytes = scan.path.back().header.segment_bytes;
    options.block_bytes = scan.path.back().header.block_bytes;
  } else if (!scan.segment_file_bytes.empty()) {
    segment_bytes = scan.segment_file_bytes.rbegin()->second;
  }
  if (std::has_single_bit(segment_bytes)) {
    options.segment_bytes = std::clamp(segment_bytes, kSegmentBytesMin, kSegmentBytesMax);
  }
  if (scan.opening_note) {
    options.disk_budget_bytes = scan.opening_note->disk_budget_bytes;
  }
  options.record_bytes_max = record_bytes_limit(options);
  options.spare_segments = 1;
  options.log_backlog_bytes_max = 0;
  options.memtable_flush_bytes = UINT64_MAX;
  options.flush_segments = UINT32_MAX;
  options.compaction_enabled = false;
  options.retention_age = {};
  options.retention_bytes = 0;
  options.retention_records = 0;
  return options;
}

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

  Result<FilesReport> run() {
    const Manifest before = manifest_;
    TableVerifier verifier(files_, options_.directory, std::nullopt, [](const VerifyFault&) {});
    for (TableInfo& table : manifest_.tables) {
      Status why;
      const TableVerdict* verdict = verifier.verify(manifest_.store_id, table, {}, why);
      if (verdict != nullptr && verdict->whole) {
        tell_of_earlier(*verdict, table);
        continue;
      }
      if (verdict == nullptr && why.code() != Code::corrupt && why.code() != Code::not_found) {
        return why;
      }
      KIFA_TRY(rewrite(table));
      ++report_.tables;
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
    if (!is_settled) {
      KIFA_TRY(commit(before));
    }
    return std::move(report_);
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

  // A repair that was cut short may have rewritten it and not recorded what is lost.
  void tell_of_earlier(const TableVerdict& verdict, const TableInfo& table) {
    if (verdict.repaired) {
      lose(table.first, table.last,
           fmt::format("{} took the place of a damaged or lost table",
                       path_of(table_file_name(table.number))));
    }
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

  // Every record of every block that holds, whether an index names it or not.
  Status copy_readable(const TableInfo& table, TableWriter& to) {
    const std::string path = path_of(table_file_name(table.number));
    const auto file = TableFile::open_for_salvage(
        files_, path,
        {.number = table.number, .store_id = manifest_.store_id, .footer_crc = table.footer_crc});
    if (!file) {
      const bool is_lost =
          file.error().code() == Code::not_found || file.error().code() == Code::corrupt;
      lose(table.first, table.last, file.error().message());
      return is_lost ? Status() : file.error();
    }
    Lsn next = table.first;
    std::uint64_t next_event = table.first_event;
    std::uint64_t at = sizeof(TableHeader);
    while (const auto block = (*file)->find_block(at)) {
      if (block->offset != at && block->record_count != 0) {
        lose(next, {block->first_lsn - 1}, loss_text(path, at, (*file)->footer().file_bytes));
      }
      KIFA_TRY(copy_block((*file)->content(), table, next, next_event, to));
      at = block->offset + block->block_bytes;
    }
    lose(next, table.last, loss_text(path, at, (*file)->footer().file_bytes));
    return {};
  }

  // `next` and `next_event`: of what may follow; a table holds nothing else than the manifest says.
  static Status copy_block(BlockContent& content, const TableInfo& table, Lsn& next,
                           std::uint64_t& next_event, TableWriter& to) {
    while (true) {
      const BlockContent::Step step = content.next();
      if (step == BlockContent::Step::record) {
        const RecordView& record = content.record();
        if (record.lsn >= next && record.lsn <= table.last) {
          KIFA_TRY(to.add(record));
          next = record.lsn.next();
        }
      } else if (step == BlockContent::Step::event) {
        if (content.event().number >= next_event) {
          KIFA_TRY(to.add(content.event()));
          next_event = content.event().number + 1;
        }
      } else {
        return {};
      }
    }
  }

  static std::string loss_text(const std::string& path, std::uint64_t offset,
                               std::uint64_t file_bytes) {
    return offset + sizeof(TableBlockHeader) > file_bytes
               ? fmt::format("{}{} is cut off at {} bytes", path, kDamagedSuffix, file_bytes)
               : fmt::format("{}{} at offset {}: a block is damaged", path, kDamagedSuffix, offset);
  }

  void lose(Lsn first, Lsn last, std::string why) {
    if (first <= last) {
      report_.losses.push_back({.lsns = {first, last}, .why = std::move(why)});
    }
  }

  void take_out_of_totals(const TableInfo& table, const TableInfo& now) {
    const auto take = [](std::uint64_t& total, std::uint64_t before, std::uint64_t left) {
      total -= std::min(total, before - std::min(before, left));
    };
    Totals& totals = manifest_.flushed.mark.totals;
    take(totals.records, table.records, now.records);
    take(totals.payload_bytes, table.payload_bytes, now.payload_bytes);
    take(totals.gaps, table.gaps, now.gaps);
    take(totals.lost_records, table.lost_records, now.lost_records);
    take(totals.events, table.events, now.events);
  }

  Status commit(const Manifest& before) {
    manifest_.version = std::max(before.version, scan_.manifest.highest_version) + 1;
    manifest_.previous_version = before.version;
    manifest_.previous_checksum = checksum_of(before);
    manifest_.next_file_number = next_number_;
    KIFA_TRY(files_.sync_directory(options_.directory));
    return write_manifest(files_, options_.directory, manifest_).status;
  }

  const StoreOptions& options_;
  const StoreEnvironment& environment_;
  io::FileSystem& files_;
  Manifest manifest_;
  LogScan& scan_;
  std::uint64_t next_number_;
  FilesReport report_;
};

Result<FilesReport> repair_files(const StoreOptions& options, const StoreEnvironment& environment) {
  const auto directory =
      StoreDirectory::open(options.directory, options.allow_network, environment);
  KIFA_TRY(directory.status());
  auto scan =
      scan_log(environment.files, {.directory = options.directory, .needs_manifest = false});
  KIFA_TRY(scan.status());
  // Lost files are told of below, once they are replaced.
  KIFA_TRY(settle_tables(options, environment, *scan));
  FilesReport none{.options = options_of(*scan, options)};
  if (!scan->manifest.manifest) {
    return none;
  }
  auto report = FileRepair(options, environment, *scan).run();
  if (report) {
    report->options = std::move(none.options);
  }
  return report;
}

// Why these LSNs are gone: the first place, and how many more there are.
std::string why_lost(const LsnRange& lsns, const std::vector<Loss>& losses) {
  std::string why;
  std::size_t others = 0;
  for (const Loss& loss : losses) {
    if (loss.lsns.last < lsns.first || loss.lsns.first > lsns.last) {
      continue;
    }
    others += why.empty() ? 0 : 1;
    why = why.empty() ? loss.why : why;
  }
  if (why.empty()) {
    return {};
  }
  return others == 0 ? fmt::format(": {}", why)
                     : fmt::format(": {}, and {} more such places", why, others);
}

Event gap_of(const LsnRange& lsns, const std::vector<Loss>& losses, const Clock& clock) {
  Event gap;
  gap.observed_unix_ns = clock.now_unix_ns();
  gap.records = lsns.last.value - lsns.first.value + 1;
  gap.first_lost = lsns.first;
  gap.last_lost = lsns.last;
  gap.text = fmt::format("repair: LSN {} to {} cannot be read any more{}", lsns.first.value,
                         lsns.last.value, why_lost(lsns, losses));
  return gap;
}

// Records as gaps what is neither a record nor in one. Returns how many LSNs.
Result<std::uint64_t> record_gaps(const StoreOptions& options, const StoreEnvironment& environment,
                                  const std::vector<Loss>& losses, Store& store) {
  std::vector<Event> gaps;
  std::uint64_t lost = 0;
  const auto report = verify_store(
      environment.files,
      {.directory = options.directory, .on_fault = [&](const VerifyFault& fault) {
         if (fault.kind == FaultKind::records && fault.first.value != 0) {
           gaps.push_back(gap_of({fault.first, fault.last}, losses, environment.clock));
           lost += gaps.back().records;
           environment.report(Severity::warning, gaps.back().text);
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

// What was kept for an expert takes of the disk budget, which nobody looks at a store for.
void tell_what_is_aside(const StoreOptions& options, const StoreEnvironment& environment) {
  const auto entries = environment.files.list(options.directory);
  std::uint64_t bytes = 0;
  for (const io::DirectoryEntry& entry : entries ? *entries : std::vector<io::DirectoryEntry>()) {
    if (entry.name.ends_with(kDamagedSuffix) || entry.name.ends_with(kOrphanSuffix)) {
      const auto info = environment.files.info(fmt::format("{}/{}", options.directory, entry.name));
      bytes += info ? info->bytes : 0;
    }
  }
  if (bytes != 0 && options.disk_budget_bytes != 0) {
    environment.report(
        Severity::warning,
        fmt::format("{}: the files that were kept aside (*{}, *{}) take {} bytes of the disk "
                    "budget of {}; remove them when nobody needs them any more",
                    options.directory, kDamagedSuffix, kOrphanSuffix, bytes,
                    options.disk_budget_bytes));
  }
}

}  // namespace

Result<RepairReport> repair_store(const StoreOptions& options, StoreEnvironment environment,
                                  const std::function<void(const VerifyFault&)>& on_fault) {
  // A directory without a store stays as it is.
  KIFA_TRY(view_store(environment.files, options.directory).status());
  RepairReport report;
  const auto files = repair_files(options, environment);
  KIFA_TRY(files.status());
  report.tables = files->tables;
  // Without threads nothing is made ahead of need, and what finds no room says so.
  environment.background_threads = false;
  auto store = Store::open(files->options, environment);
  KIFA_TRY(store.status());
  const auto lost = record_gaps(options, environment, files->losses, **store);
  const Status closed = (*store)->close();
  tell_what_is_aside(files->options, environment);
  if (lost.status().code() == Code::unavailable) {
    return lost.error().with_context(
        "what is lost cannot be recorded; make room, or let a daemon open the store with a larger "
        "disk_budget, and repair again");
  }
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
