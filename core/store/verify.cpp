#include "core/store/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/manifest_edit.hpp"
#include "core/store/open_tables.hpp"
#include "core/store/reader_walk.hpp"
#include "core/store/status_file.hpp"
#include "core/store/store_view.hpp"
#include "core/store/table_format.hpp"
#include "core/store/verify_tables.hpp"

namespace kifa::store {

namespace {

constexpr int kIdleTriesMax = 50;  // looks at a store in motion that verified nothing new

// Sorts and joins ranges that touch.
std::vector<LsnRange> joined(std::vector<LsnRange> ranges) {
  std::ranges::sort(ranges, {}, [](const LsnRange& range) { return range.first; });
  std::vector<LsnRange> result;
  for (const LsnRange& range : ranges) {
    if (!result.empty() && range.first <= result.back().last.next()) {
      result.back().last = std::max(result.back().last, range.last);
    } else {
      result.push_back(range);
    }
  }
  return result;
}

// What is in `ranges` and not in `without`; both joined.
std::vector<LsnRange> difference(const std::vector<LsnRange>& ranges,
                                 const std::vector<LsnRange>& without) {
  std::vector<LsnRange> result;
  for (LsnRange range : ranges) {
    for (const LsnRange& cut : without) {
      if (cut.last < range.first || cut.first > range.last) {
        continue;
      }
      if (cut.first > range.first) {
        result.push_back({range.first, {cut.first.value - 1}});
      }
      range.first = cut.last.next();
    }
    if (range.first <= range.last) {
      result.push_back(range);
    }
  }
  return result;
}

std::uint64_t size_of(const std::vector<LsnRange>& ranges) {
  std::uint64_t sum = 0;
  for (const LsnRange& range : ranges) {
    sum += range.last.value - range.first.value + 1;
  }
  return sum;
}

// What the log behind the tables holds.
struct LogContents {
  std::uint64_t records = 0;
  std::vector<LsnRange> missing;
  std::vector<LsnRange> gaps;
};

class Verification final {
 public:
  Verification(io::FileSystem& files, const VerifyOptions& options)
      : files_(files),
        options_(options),
        tables_(files, options.directory,
                options.anchor ? std::optional(options.anchor->last) : std::nullopt,
                [this](const VerifyFault& found) { fault(found); }) {}

  Result<VerifyReport> run() {
    for (int idle = 0; idle < kIdleTriesMax; ++idle) {
      const std::size_t before = tables_.count();
      auto view = view_store(files_, options_.directory);
      if (!view) {
        return view.error();
      }
      view_ = std::move(*view);
      manifest_ = view_.log.manifest.manifest.value_or(Manifest());
      const auto done = read_everything();
      if (!done) {
        return done.error();
      }
      if (*done) {
        judge();
        return report_;
      }
      idle = tables_.count() > before ? 0 : idle;
    }
    return Status(
        Code::unavailable,
        fmt::format("the files of {} change faster than they can be read", options_.directory));
  }

 private:
  void fault(const VerifyFault& found) {
    ++report_.faults;
    options_.on_fault(found);
  }
  void fault(FaultKind kind, std::string file, std::string text, LsnRange lsns = {}) {
    fault({.kind = kind,
           .file = std::move(file),
           .offset = 0,
           .first = lsns.first,
           .last = lsns.last,
           .text = std::move(text)});
  }
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return fmt::format("{}/{}", options_.directory, name);
  }

  // False: the store has gone on, and another look is needed.
  Result<bool> read_everything() {
    std::uint64_t log_bytes = 0;
    for (const LogSegment& segment : view_.log.path) {
      log_bytes += segment.end - std::min(segment.begin, segment.end);
    }
    bytes_all_ = log_bytes;
    for (const TableInfo& table : manifest_.tables) {
      bytes_all_ += table.bytes;
    }
    bytes_done_ = 0;
    for (const TableInfo& table : manifest_.tables) {
      const auto read = read_table(table);
      if (!read || !*read) {
        return read;
      }
      bytes_done_ += table.bytes;
      show(bytes_done_);
    }
    const auto read = read_log();
    if (!read || !*read) {
      return read;
    }
    bytes_done_ += log_bytes;
    show(bytes_all_);
    if (view_.live && is_suspicious()) {
      const auto outdated = is_outdated(files_, options_.directory, view_);
      return outdated ? Result<bool>(!*outdated) : outdated;
    }
    return true;
  }

  // Another look at a store in motion begins anew; what was shown does not go back.
  void show(std::uint64_t done) {
    bytes_shown_ = std::max(bytes_shown_, done);
    options_.on_progress(bytes_shown_, std::max(bytes_all_, bytes_shown_));
  }

  // What a writer's next manifest may explain.
  [[nodiscard]] bool is_suspicious() const {
    return !why_outdated(view_.log).empty() || !view_.log.lost_checkpoints.empty() ||
           !view_.log.manifest.damaged.empty();
  }

  Result<bool> read_table(const TableInfo& table) {
    Status why;
    const auto progress = [this](std::uint64_t bytes) {
      show(std::min(bytes_done_ + bytes, bytes_all_));
    };
    if (tables_.verify(view_.log.store_id, table, progress, why) != nullptr) {
      return true;
    }
    const auto outdated = is_outdated(files_, options_.directory, view_);
    if (!outdated || *outdated) {
      return outdated ? Result<bool>(false) : outdated;
    }
    if (why.code() != Code::corrupt && why.code() != Code::not_found) {
      return why;
    }
    tables_.give_up(table, why);
    return true;
  }

  Result<bool> read_log() {
    log_ = {};
    Lsn next = manifest_.flushed.mark.next_lsn;
    const Lsn end = view_.log.end.next_lsn;
    const Reader::OnRecord on_record = [&](const RecordView& record) {
      if (record.lsn > next) {
        log_.missing.push_back({next, {record.lsn.value - 1}});
      }
      next = record.lsn.next();
      ++log_.records;
      return true;
    };
    const Reader::OnEvent on_event = [&](const Event& event) {
      // Without a number: met by this reading, and judged by the scan.
      if (event.number != 0 && event.kind == EventKind::gap && event.first_lost.value != 0) {
        log_.gaps.push_back({event.first_lost, event.last_lost});
      }
      return true;
    };
    const Selection behind_tables{.first = next,
                                  .last = {std::max<std::uint64_t>(end.value - 1, 1)}};
    ReaderWalk walk(files_, options_.directory, behind_tables, on_record, on_event);
    const auto pass = walk.run(view_.log);
    if (!pass) {
      return pass.error();
    }
    if (end > next) {
      log_.missing.push_back({next, {end.value - 1}});
    }
    return *pass == ReaderWalk::Pass::done;
  }

  // ---- what the reading has shown ----

  void judge() {
    judge_manifests();
    judge_side_files();
    judge_log();
    judge_chain();
    judge_records();
    judge_totals();
    judge_anchor();
    report_.tables = manifest_.tables.size();
    report_.first = manifest_.purged.through.next();
    report_.last = {view_.log.end.next_lsn.value - 1};
    report_.bytes = bytes_all_;
    report_.manifest_version =
        manifest_.tables.empty() && !view_.log.manifest.manifest ? 0 : manifest_.version;
    report_.live = view_.live;
  }

  void judge_manifests() {
    const LoadedManifest& loaded = view_.log.manifest;
    for (const DamagedFile& damaged : loaded.damaged) {
      fault(FaultKind::manifest, path_of(damaged.name), damaged.why);
    }
    if (const std::string why = why_outdated(view_.log); !why.empty()) {
      fault(FaultKind::manifest, "",
            fmt::format("{}: {}; what follows was checked by an older state", options_.directory,
                        why));
    }
    const auto& previous = loaded.previous;
    if (loaded.manifest && previous && previous->version == manifest_.previous_version &&
        checksum_of(*previous) != manifest_.previous_checksum) {
      const std::string path = path_of(manifest_file_name(previous->version));
      fault(
          FaultKind::manifest, path,
          fmt::format("{} is not the one that manifest {} was made from", path, manifest_.version));
    }
    for (const std::string& name :
         view_.live ? std::vector<std::string>() : unknown_files(manifest_, loaded.names)) {
      report_.notes.push_back(
          fmt::format("{} is not part of the store; the next opening removes it or moves it aside",
                      path_of(name)));
    }
  }

  void judge_side_files() {
    if (!view_.log.lost_checkpoints.empty()) {
      fault(FaultKind::checkpoints, path_of(checkpoints_file_name(manifest_.checkpoints.number)),
            view_.log.lost_checkpoints);
    }
    if (const auto cursors = list_cursors(files_, options_.directory)) {
      for (const DamagedFile& damaged : cursors->damaged) {
        const std::string path =
            fmt::format("{}/{}/{}", options_.directory, kCursorsDirectory, damaged.name);
        fault(FaultKind::cursor, path,
              fmt::format("{}: {}; until whoever uses it sets it again, or you remove the file, "
                          "retention removes nothing",
                          path, damaged.why));
      }
    } else {
      fault(FaultKind::cursor, path_of(std::string(kCursorsDirectory)), cursors.error().message());
    }
    judge_status();
  }

  void judge_status() {
    const std::string status = path_of(std::string(kStatusFileName));
    if (!view_.log.status) {
      if (is_written(status, 0, kOpeningNoteOffset)) {
        fault(FaultKind::status, status, fmt::format("{} holds no valid slot", status));
      }
    } else if (view_.log.status->store_id != view_.log.store_id) {
      fault(FaultKind::status, status, fmt::format("{} is of another store", status));
    }
    // A writer that begins while this is read may be writing it.
    if (!view_.log.opening_note && !view_.live &&
        is_written(status, kOpeningNoteOffset, sizeof(OpeningNote))) {
      fault({.kind = FaultKind::status,
             .file = status,
             .offset = kOpeningNoteOffset,
             .text = fmt::format("{} at offset {}: the note of the last opening is damaged; no "
                                 "record is lost with it",
                                 status, kOpeningNoteOffset)});
    }
  }

  // Whether anything but zeros stands in a part of a small file.
  bool is_written(const std::string& path, std::uint64_t offset, std::size_t bytes_max) {
    const auto file = files_.open(path, {.access = io::Access::read});
    if (!file) {
      return false;
    }
    std::vector<std::byte> bytes(bytes_max);
    const auto read = (*file)->read_at(bytes, offset);
    return !read || std::ranges::any_of(bytes, [](std::byte b) { return b != std::byte{0}; });
  }

  void judge_log() {
    for (const Damage& damage : view_.log.damages) {
      fault({.kind = FaultKind::log,
             .file = segment_path(options_.directory, damage.segment),
             .offset = damage.offset,
             .first = damage.first_lost,
             .last = damage.last_lost,
             .text = gap_event_of(damage, options_.directory).text});
    }
    for (const std::uint64_t number :
         view_.live ? std::vector<std::uint64_t>() : view_.log.suspects) {
      const std::string path = segment_path(options_.directory, number);
      fault(FaultKind::log, path, fmt::format("{} is damaged beyond telling what it is", path));
    }
    if (view_.log.dropped_tail) {
      report_.notes.push_back(
          fmt::format("an unfinished write behind LSN {} was never acknowledged and is no record",
                      view_.log.end.next_lsn.value - 1));
    }
  }

  // Each table is chained to the one before, the first to what retention has removed.
  void judge_chain() {
    Digest anchor = manifest_.purged.anchor;
    for (const TableInfo& table : manifest_.tables) {
      const TableVerdict& verdict = tables_.verdict(table);
      const std::string path = path_of(table_file_name(table.number));
      // What was read of a damaged table is chained to nothing, and what is behind it to what was
      // lost: the manifest has kept that anchor.
      if (verdict.repaired) {
        report_.notes.push_back(fmt::format("{} was repaired: no anchor vouches for LSN {} to {}",
                                            path, table.first.value, table.last.value));
      } else if (verdict.readable && verdict.previous_anchor != anchor) {
        fault(FaultKind::chain, path,
              fmt::format("{} is not chained to the piece before LSN {}", path, table.first.value),
              {table.first, table.last});
      }
      anchor = table.last_anchor;
      if (verdict.last_piece && !verdict.repaired) {
        report_.anchor = Anchor{.first = verdict.last_piece->first,
                                .last = verdict.last_piece->last,
                                .digest = verdict.last_piece->anchor};
      }
    }
    if (!manifest_.tables.empty() && anchor != manifest_.last_anchor) {
      fault(FaultKind::chain, "",
            fmt::format("{}: the last anchor of manifest {} is not that of the last table",
                        options_.directory, manifest_.version));
    }
  }

  // Every LSN is a record or in a recorded gap.
  void judge_records() {
    std::vector<LsnRange> missing = log_.missing;
    std::vector<LsnRange> recorded = log_.gaps;
    std::vector<LsnRange> told;  // by a fault
    for (const TableInfo& table : manifest_.tables) {
      const TableVerdict& verdict = tables_.verdict(table);
      missing.insert(missing.end(), verdict.missing.begin(), verdict.missing.end());
      told.insert(told.end(), verdict.damaged.begin(), verdict.damaged.end());
      for (const Event& gap : verdict.gaps) {
        recorded.push_back({gap.first_lost, gap.last_lost});
      }
      report_.records += table.last.value + 1 - table.first.value - size_of(verdict.missing);
    }
    report_.records += log_.records;
    for (const Damage& damage : view_.log.damages) {
      if (damage.first_lost.value != 0) {
        told.push_back({damage.first_lost, damage.last_lost});
      }
    }
    for (const Damage& damage : view_.log.known_damages) {
      recorded.push_back({damage.first_lost, damage.last_lost});
    }
    missing = joined(std::move(missing));
    recorded = joined(std::move(recorded));
    const std::vector<LsnRange> unrecorded = difference(missing, recorded);
    report_.lost_records = size_of(missing) - size_of(unrecorded);
    for (const LsnRange& range : difference(unrecorded, joined(std::move(told)))) {
      fault(FaultKind::records, "",
            fmt::format("{}: LSN {} to {} are neither records nor in a recorded gap",
                        options_.directory, range.first.value, range.last.value),
            range);
    }
    for (const LsnRange& range : difference(recorded, missing)) {
      if (range.last > manifest_.purged.through) {
        report_.notes.push_back(fmt::format("LSN {} to {} can be read though a gap is recorded",
                                            range.first.value, range.last.value));
      }
    }
  }

  void judge_totals() {
    Totals sum = manifest_.purged.totals;
    for (const TableInfo& table : manifest_.tables) {
      sum.records += table.records;
      sum.payload_bytes += table.payload_bytes;
      sum.gaps += table.gaps;
      sum.lost_records += table.lost_records;
      sum.events += table.events;
    }
    const Totals& said = manifest_.flushed.mark.totals;
    const std::uint64_t lost = report_.lost_records + manifest_.purged.totals.lost_records;
    struct Same {
      std::string_view what;
      std::uint64_t said;
      std::uint64_t counted;
    };
    for (const Same& same : {Same{"records", said.records, sum.records},
                             Same{"payload bytes", said.payload_bytes, sum.payload_bytes},
                             Same{"gaps", said.gaps, sum.gaps},
                             Same{"lost records", said.lost_records, sum.lost_records},
                             Same{"events", said.events, sum.events}}) {
      // What was lost from the log before it was flushed is in the writer's totals.
      const bool is_explained =
          same.said > same.counted && lost != 0 && said.records - sum.records <= lost;
      if (same.said != same.counted && !is_explained) {
        fault(
            FaultKind::records, "",
            fmt::format("{}: manifest {} says that {} {} were flushed, but the tables and what "
                        "was purged make {}",
                        options_.directory, manifest_.version, same.said, same.what, same.counted));
      }
    }
  }

  void judge_anchor() {
    if (!options_.anchor) {
      return;
    }
    const Anchor& anchor = *options_.anchor;
    const LsnRange lsns{anchor.first, anchor.last};
    if (anchor.last == manifest_.purged.through && anchor.digest == manifest_.purged.anchor) {
      return;
    }
    if (anchor.last <= manifest_.purged.through) {
      fault(FaultKind::anchor, "",
            fmt::format("the anchor of LSN {} cannot be checked any more: retention has removed "
                        "the records up to LSN {}",
                        anchor.last.value, manifest_.purged.through.value),
            lsns);
      return;
    }
    for (const TableInfo& table : manifest_.tables) {
      const auto& asked = tables_.verdict(table).asked;
      if (asked && asked->anchor == anchor.digest && asked->first == anchor.first) {
        return;
      }
      if (asked) {
        fault(FaultKind::anchor, path_of(table_file_name(table.number)),
              fmt::format("the records up to LSN {} are not those of the anchor that was given",
                          anchor.last.value),
              lsns);
        return;
      }
    }
    fault(FaultKind::anchor, "",
          fmt::format("no piece of the store ends with LSN {}, as the anchor that was given does",
                      anchor.last.value),
          lsns);
  }

  io::FileSystem& files_;
  const VerifyOptions& options_;
  VerifyReport report_;
  TableVerifier tables_;
  StoreView view_;
  Manifest manifest_;
  LogContents log_;
  std::uint64_t bytes_done_ = 0;
  std::uint64_t bytes_all_ = 0;
  std::uint64_t bytes_shown_ = 0;
};

}  // namespace

Result<VerifyReport> verify_store(io::FileSystem& files, const VerifyOptions& options) {
  return Verification(files, options).run();
}

}  // namespace kifa::store
