#include "core/store/reader.hpp"

#include <time.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/store/log_scan.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/reader_walk.hpp"
#include "core/store/status_file.hpp"
#include "core/store/store_health.hpp"

namespace kifa::store {

namespace {

constexpr int kScanTriesMax = 50;  // without getting anywhere
constexpr int kLookTriesMax = 50;  // a writer that starts, stops or flushes changes the picture
// How often STATUS is looked at where it cannot be watched.
constexpr std::chrono::milliseconds kLookInterval{100};

class ReaderImpl final : public Reader {
 public:
  ReaderImpl(std::string directory, io::FileSystem& files)
      : directory_(std::move(directory)), files_(files) {}

  Status refresh() override;
  [[nodiscard]] Lsn durable_lsn() const override { return durable_lsn_; }
  Status scan(const Selection& selection, const OnRecord& on_record,
              const OnEvent& on_event) override;
  Result<bool> wait_for_more(std::chrono::milliseconds timeout) override;
  Result<StoreStats> stats() override;

 private:
  Status reload();
  Status look(bool live);
  Status make_tail_durable();
  Result<bool> has_more();
  bool go_on_to(const StatusSlot& status);
  Result<bool> wait_for_change(std::chrono::milliseconds timeout);

  std::string directory_;
  io::FileSystem& files_;
  LogScan log_;
  Lsn durable_lsn_;  // the end of what this reader shows
  bool live_ = false;
  bool has_old_totals_ = false;  // log_.end tells where the log ends, but not what is in it
  ReaderWalk::Place place_;      // the farthest that a scan has come
  std::unique_ptr<io::FileWatch> watch_;
  bool cannot_watch_ = false;
};

// The highest version of any manifest in the directory.
Result<std::uint64_t> newest_manifest(io::FileSystem& files, const std::string& directory) {
  const auto entries = files.list(directory);
  if (!entries) {
    return entries.error();
  }
  std::uint64_t newest = 0;
  for (const io::DirectoryEntry& entry : *entries) {
    newest = std::max(newest, manifest_version_of(entry.name).value_or(0));
  }
  return newest;
}

Status ReaderImpl::refresh() {
  KIFA_TRY(reload());
  durable_lsn_ = {log_.end.next_lsn.value - 1};
  return {};
}

Result<bool> ReaderImpl::wait_for_more(std::chrono::milliseconds timeout) {
  const SystemClock clock;
  const std::int64_t deadline = clock.now_mono_ns() + std::chrono::nanoseconds(timeout).count();
  if (!watch_ && !cannot_watch_) {
    // Watched first and looked at then: nothing falls in between.
    auto watch = files_.watch(fmt::format("{}/{}", directory_, kStatusFileName));
    if (watch) {
      watch_ = std::move(*watch);
    } else if (watch.error().code() == Code::unsupported) {
      cannot_watch_ = true;
    } else if (watch.error().code() != Code::not_found) {  // a copy may be without it
      return watch.error();
    }
  }
  for (;;) {
    const auto more = has_more();
    if (!more || *more) {
      return more;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::nanoseconds(deadline - clock.now_mono_ns()));
    if (left.count() <= 0) {
      return false;
    }
    const auto changed = wait_for_change(left);
    if (!changed || !*changed) {
      return changed;
    }
  }
}

// False: a signal came or the time is over.
Result<bool> ReaderImpl::wait_for_change(std::chrono::milliseconds timeout) {
  if (watch_) {
    return watch_->wait(timeout);
  }
  const auto pause = std::min(timeout, kLookInterval);
  const timespec time{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(pause).count()};
  return ::nanosleep(&time, nullptr) == 0;
}

Result<bool> ReaderImpl::has_more() {
  const auto status = read_status(files_, directory_);
  if (!status) {
    return status.error().with_context(directory_);
  }
  if (!*status || (*status)->durable_lsn <= durable_lsn_.value) {
    return false;
  }
  const auto live = is_live(files_, directory_, *status);
  if (!live) {
    return live.error();
  }
  if (*live && go_on_to(**status)) {
    return true;
  }
  const Lsn before = durable_lsn_;
  KIFA_TRY(refresh());
  return durable_lsn_ > before;
}

// While one writer goes on in one segment, where the log ends is all that changes. Tables that were
// made meanwhile are found when the log is not where it was.
bool ReaderImpl::go_on_to(const StatusSlot& status) {
  if (!live_ || !log_.status || log_.status->open_epoch != status.open_epoch || log_.path.empty()) {
    return false;
  }
  LogSegment& last = log_.path.back();
  if (last.header.number != status.durable.segment || last.end > status.durable.offset) {
    return false;
  }
  last.end = status.durable.offset;
  log_.end.at = status.durable;
  log_.end.next_lsn = {status.durable_lsn + 1};
  durable_lsn_ = {status.durable_lsn};
  has_old_totals_ = true;
  return true;
}

Status ReaderImpl::reload() {
  const auto info = files_.info(directory_);
  if (!info) {
    return info.error().code() == Code::not_found
               ? Status(Code::not_found,
                        fmt::format("there is no directory {}; nothing was created", directory_))
               : info.error();
  }
  if (info->type != io::FileType::directory) {
    return {Code::io, fmt::format("{} is not a directory, so it is no store", directory_)};
  }
  for (int attempt = 0; attempt < kLookTriesMax; ++attempt) {
    const auto status = read_status(files_, directory_);
    if (!status) {
      return status.error().with_context(directory_);
    }
    const auto live = is_live(files_, directory_, *status);
    if (!live) {
      return live.error();
    }
    // Manifest and log must be of one moment: what the one names may be gone from the other when a
    // writer has gone on between them.
    const auto before = newest_manifest(files_, directory_);
    const Status looked = look(*live);
    const auto newest = newest_manifest(files_, directory_);
    if (!before || !newest) {
      return before ? newest.error() : before.error();
    }
    if (*newest != *before || looked.sys_errno() == ENOENT) {
      continue;
    }
    KIFA_TRY(looked);
    // Nobody may have begun or ended to write meanwhile: what was concluded without a writer must
    // not be shown beside one.
    const auto after = read_status(files_, directory_);
    const auto still = after ? is_live(files_, directory_, *after) : Result<bool>(after.error());
    if (still && *still == *live) {
      return {};
    }
  }
  return {Code::unavailable,
          fmt::format("the store in {} changes faster than it can be read; try later", directory_)};
}

Status ReaderImpl::look(bool live) {
  LogScanOptions options{.directory = directory_, .only_tail = true};
  if (live) {
    const auto status = read_status(files_, directory_);
    if (!status) {
      return status.error();
    }
    if (*status) {
      options.live_end = (*status)->durable;
    }
  }
  auto scan = scan_log(files_, options);
  if (!scan) {
    return scan.error();
  }
  if (!scan->exists) {
    return {Code::not_found,
            fmt::format("there is no store in {}; nothing was created", directory_)};
  }
  log_ = std::move(*scan);
  live_ = live;
  has_old_totals_ = false;
  return live ? Status() : make_tail_durable();
}

// Frames that no evidence covers may be in the disk's cache only: they are made durable before
// anybody is told of them.
Status ReaderImpl::make_tail_durable() {
  std::uint64_t last = 0;
  for (const UncoveredFrame& uncovered : log_.uncovered) {
    if (uncovered.at.segment == last) {
      continue;
    }
    last = uncovered.at.segment;
    auto file = files_.open(segment_path(directory_, last), {.access = io::Access::read});
    if (!file) {
      return file.error();
    }
    if (const Status status = (*file)->sync_data(); !status) {
      const auto facts = files_.facts(directory_);
      if (!facts || !facts->is_read_only) {
        return status;
      }
    }
  }
  return {};
}

Status ReaderImpl::scan(const Selection& selection, const OnRecord& on_record,
                        const OnEvent& on_event) {
  Selection wanted = selection;
  if (wanted.last.value == 0 || wanted.last > durable_lsn()) {
    wanted.last = durable_lsn();
  }
  if (wanted.last.value == 0) {
    wanted.last = {UINT64_MAX - 1};  // an empty store may have events
  }
  ReaderWalk walk(files_, directory_, wanted, on_record, on_event);
  walk.begin_at(place_);
  for (int attempt = 0;; ++attempt) {
    const auto pass = walk.run(log_);
    if (!pass) {
      return pass.error();
    }
    if (*pass == ReaderWalk::Pass::done) {
      if (walk.place().at > place_.at) {
        place_ = walk.place();
      }
      return {};
    }
    // A writer has moved what was to be read next: from the log into a table, or from tables into
    // one. What an LSN contains never changes.
    if (attempt >= kScanTriesMax && !walk.has_advanced()) {
      return {Code::unavailable,
              fmt::format("the files of {} change faster than they can be read", directory_)};
    }
    KIFA_TRY(reload());
  }
}

LastRecovery last_recovery_of(const OpeningNote& note) {
  LastRecovery last{.is_known = note.recovery != RecoveryNote::unknown};
  if (note.recovery == RecoveryNote::noted) {
    last.unix_ns = note.recovery_unix_ns;
    last.segments = note.recovery_segments;
    last.carried_records = note.recovery_carried_records;
    last.damages = note.recovery_damages;
    last.lost_records = note.recovery_lost_records;
    last.dropped_tail = (note.recovery_flags & kRecoveryDroppedTail) != 0;
  }
  return last;
}

Result<StoreStats> ReaderImpl::stats() {
  if (has_old_totals_) {
    KIFA_TRY(refresh());
  }
  StoreStats stats;
  const Totals& totals = log_.end.totals;
  const Manifest manifest = log_.manifest.manifest.value_or(Manifest());
  const std::uint64_t records = totals.records - manifest.purged.totals.records;
  stats.total_entries = records;
  stats.first_lsn = records == 0 ? Lsn{} : manifest.purged.through.next();
  stats.last_lsn = records == 0 ? Lsn{} : durable_lsn();
  stats.durable_lsn = durable_lsn();
  stats.first_unix_ns = records == 0 ? 0 : totals.min_unix_ns;
  stats.last_unix_ns = records == 0 ? 0 : totals.max_unix_ns;
  if (records != 0 && manifest.purged.through.value != 0) {
    // The totals count what was purged too. What the log alone holds may be older still when the
    // clock went back; it is in tables soon.
    stats.first_unix_ns = totals.max_unix_ns;
    for (const TableInfo& table : manifest.tables) {
      stats.first_unix_ns = std::min(stats.first_unix_ns, table.min_unix_ns);
    }
  }
  for (const TableInfo& table : manifest.tables) {
    ++stats.tables[std::min<std::uint32_t>(table.level, 2)];
    stats.table_bytes += table.bytes;
    stats.table_payload_bytes += table.payload_bytes;
  }
  for (const LogSegment& segment : log_.path) {
    const std::uint64_t end = segment.end != 0 ? segment.end : segment.header.segment_bytes;
    stats.log_bytes += end - std::min(end, segment.begin);
  }
  stats.written_bytes = manifest.written.log + manifest.written.tables + manifest.written.manifests;
  StoreHealth health = look_at_health(files_, directory_, log_);
  stats.faults = std::move(health.faults);
  stats.unreadable_records = health.unreadable_records;
  stats.manifest_is_lost = health.manifest_is_lost;
  stats.written_payload_bytes =
      log_.manifest.manifest && !stats.manifest_is_lost ? totals.payload_bytes : 0;
  if (const TrustedClock& clock = manifest.clock; !clock.boot_id.empty()) {
    stats.believed_unix_ns = clock.unix_ns;
    stats.believed_boot_ns = clock.boot_ns;
    stats.believed_boot_id = clock.boot_id;
  }
  stats.manifest_version = log_.manifest.manifest ? manifest.version : 0;
  stats.purged_through = manifest.purged.through;
  stats.purged_records = manifest.purged.totals.records;
  stats.gaps = totals.gaps + log_.damages.size();
  stats.lost_records = totals.lost_records + log_.lost_records;
  stats.events = totals.events;
  stats.payload_bytes = totals.payload_bytes - manifest.purged.totals.payload_bytes;
  stats.segments = log_.path.size();
  stats.spare_segments = log_.spares.size();
  stats.disk_bytes = log_.file_bytes;
  if (log_.opening_note) {
    stats.disk_budget_bytes = log_.opening_note->disk_budget_bytes;
    stats.last_recovery = last_recovery_of(*log_.opening_note);
  }
  stats.segment_bytes = log_.path.empty() ? 0 : log_.path.back().header.segment_bytes;
  const std::uint32_t mode = log_.status ? log_.status->flush_mode : log_.flush_mode;
  stats.flush_mode = to_string(static_cast<FlushMode>(mode));
  stats.live = live_;
  stats.clean = !live_ && log_.clean;
  stats.store_id = to_string(log_.store_id);
  stats.format_version = fmt::format("{}.{}", kFormatMajor, kFormatMinor);
  return stats;
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::string& directory, io::FileSystem& files) {
  auto reader = std::make_unique<ReaderImpl>(directory, files);
  KIFA_TRY(reader->refresh());
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace kifa::store
