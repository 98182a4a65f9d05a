#include "core/store/log_scan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/base/assert.hpp"
#include "core/store/checkpoints_file.hpp"
#include "core/store/job_thread.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/mutants.hpp"
#include "core/store/retention.hpp"
#include "core/store/small_file.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

namespace {

constexpr std::size_t kDamagesMax =
    10'000;  // remembered one by one; the rest is counted with the last
constexpr std::size_t kParallelSegments = 4;  // for less, a thread does not pay

// What was durable once and stood behind the last file that is there.
void lose_missing_end(LogScan& scan, const LogScanOptions& options) {
  const std::uint64_t durable_lsn = scan.status ? scan.status->durable_lsn : 0;
  const Lsn first = scan.end.next_lsn;
  // A living writer has gone on since it named its end.
  if (options.live_end || scan.evidence <= scan.end.at || durable_lsn < first.value) {
    return;
  }
  scan.damages.push_back({.segment = scan.evidence.segment,
                          .offset = scan.evidence.offset,
                          .first_lost = first,
                          .last_lost = {durable_lsn},
                          .why = "the end of the log before this place is missing"});
  scan.lost_records += durable_lsn - first.value + 1;
  scan.end.next_lsn = {durable_lsn + 1};
}

// Reads the log forward along its path, oldest segment first, and finds out where it ends and what
// it has lost.
class ForwardPass final {
 public:
  ForwardPass(io::FileSystem& files, const LogScanOptions& options, LogScan& scan)
      : files_(files), options_(options), scan_(scan) {
    const auto& manifest = scan.manifest.manifest;
    if (!options.only_tail && (!manifest || manifest->clock.boot_id.empty())) {
      first_clock_.emplace(manifest ? manifest->tables : std::vector<TableInfo>());
    }
  }

  Status run(std::size_t first) {
    const SegmentHeader& header = scan_.path[first].header;
    if (const FlushedLog flushed = scan_.flushed(); first == 0 && flushed.mark.at.segment != 0) {
      mark_ = flushed.mark;  // whatever stands before the oldest segment is in tables
    } else {
      mark_ = {.at = {header.number, scan_.path[first].begin},
               .chain = header.predecessor_chain,
               .next_lsn = {header.first_lsn},
               .next_event = header.first_event,
               .totals = header.before};
    }
    if (first == 0 && scan_.flushed().mark.at.segment == 0) {
      mark_.next_lsn = {1};
    }
    if (first == 0 && mark_.at.offset == std::uint64_t{2} * header.block_bytes &&
        header.first_lsn > mark_.next_lsn.value) {
      // No manifest says where these records are: they are gone with it.
      lose(mark_.at, {header.first_lsn}, "the manifest and what was before this segment are lost");
    }
    if (options_.in_parallel && scan_.path.size() - first >= kParallelSegments) {
      ahead_.emplace("kifa-read");
    }
    durable_lsn_ = scan_.status ? scan_.status->durable_lsn : 0;
    for (std::size_t i = first; i < scan_.path.size() && !ended_; ++i) {
      index_ = i;
      KIFA_TRY(read_segment());
    }
    if (!ended_) {
      scan_.path.back().end = mark_.at.offset;
    }
    for (std::size_t i = index_ + 1; i < scan_.path.size(); ++i) {
      scan_.dead.push_back(scan_.path[i].header.number);
    }
    std::ranges::sort(scan_.dead);
    scan_.path.resize(index_ + 1);
    finish();
    return {};
  }

 private:
  using Found = SegmentScanner::Found;

  [[nodiscard]] LogSegment& segment() { return scan_.path[index_]; }
  [[nodiscard]] bool is_last() const { return index_ + 1 == scan_.path.size(); }

  [[nodiscard]] std::uint64_t limit_of(std::size_t index) const {
    const SegmentHeader& header = scan_.path[index].header;
    if (index + 1 < scan_.path.size()) {
      const SegmentHeader& next = scan_.path[index + 1].header;
      // Otherwise the file between is missing, and this one is read as far as it goes.
      return next.predecessor_number == header.number ? next.predecessor_end : header.segment_bytes;
    }
    return options_.live_end ? options_.live_end->offset : header.segment_bytes;
  }

  Result<std::unique_ptr<io::File>> open_path(std::size_t index) {
    const std::uint64_t number = scan_.path[index].header.number;
    return open_segment(files_, segment_path(options_.directory, number));
  }

  Status read_segment() {
    auto file = open_path(index_);
    if (!file) {
      return file.error();
    }
    const SegmentHeader& header = segment().header;
    const std::uint64_t limit = limit_of(index_);
    SegmentScanner scanner(**file, header, limit, ahead_ ? &*ahead_ : nullptr);
    enter_segment();
    segment().end = limit;
    while (mark_.at.offset < limit && !ended_) {
      SegmentScanner::Step step = scanner.look(mark_.at.offset);
      if ((step.found == Found::frame || step.found == Found::salvageable) && follows(step)) {
        if (step.found == Found::salvageable && !is_covered(mark_.at)) {
          end_here(true);
          break;
        }
        accept(step);
      } else if (is_closed_here()) {
        end_here(false);
      } else if (is_covered(mark_.at)) {
        KIFA_TRY(pass_damage(scanner, step, limit));
      } else {
        end_here(step.found != Found::nothing || has_frame_behind(scanner));
      }
    }
    return {};
  }

  void enter_segment() {
    const LogSegment& entered = segment();
    const bool is_resumed = mark_.at == Position{entered.header.number, entered.begin};
    mark_.at = {entered.header.number, entered.begin};
    // A rebuilt header proves nothing about what it continues: its first frame has to follow the
    // last one read.
    if (!entered.rebuilt) {
      chain_known_ = true;
      mark_.chain = is_resumed ? mark_.chain : entered.header.predecessor_chain;
      scan_.boot_id.assign(entered.header.boot_id.begin(), entered.header.boot_id.end());
      scan_.flush_mode = entered.header.flush_mode;
    }
    scan_.boot_ordinal = std::max(scan_.boot_ordinal, entered.header.boot_ordinal);
    scan_.evidence = std::max(scan_.evidence, entered.header.durable);
    durable_lsn_ = std::max(durable_lsn_, entered.header.durable_lsn);
    if (!entered.rebuilt && !is_resumed && entered.header.first_lsn > mark_.next_lsn.value) {
      lose({entered.header.number, entered.begin}, {entered.header.first_lsn},
           "frames before this segment are missing");
    }
  }

  [[nodiscard]] bool follows(const SegmentScanner::Step& step) const {
    const bool chained = !chain_known_ || step.header.chain == mark_.chain;
    return chained && step.header.first_lsn >= mark_.next_lsn.value &&
           step.header.first_event >= mark_.next_event;
  }

  // Whether the last writer has closed the store here and none has opened it since: before that one
  // writes anything, it says durably that the store is open. Nothing can stand behind.
  [[nodiscard]] bool is_closed_here() const {
    const std::optional<StatusSlot>& status = scan_.status;
    return status && status->state == StatusState::stopped && status->store_id == scan_.store_id &&
           status->durable == mark_.at && is_last() && scan_.clean;
  }

  // Whether anything says that the frame at `at` was durable.
  [[nodiscard]] bool is_covered(Position at) {
    if (options_.live_end) {
      return true;  // a writer lives, and it has said so
    }
    if (scan_.evidence <= at && !looked_ahead_) {
      look_ahead();
    }
    return scan_.evidence > at;
  }

  // Evidence for a place can only stand after it: takes in what all later frames know.
  void look_ahead() {
    looked_ahead_ = true;
    for (std::size_t i = index_; i < scan_.path.size(); ++i) {
      const LogSegment& later = scan_.path[i];
      scan_.evidence = std::max(scan_.evidence, later.header.durable);
      if (mutant_is(Mutant::evidence_by_later_header) && i > index_) {
        scan_.evidence = std::max(scan_.evidence, Position{later.header.number, later.begin});
      }
      auto file = open_path(i);
      if (!file) {
        continue;
      }
      SegmentScanner scanner(**file, later.header, limit_of(i));
      std::uint64_t at = i == index_ ? mark_.at.offset : later.begin;
      while (const auto found = scanner.find_frame(at)) {
        const SegmentScanner::Step step = scanner.look(*found);
        scan_.evidence = std::max(scan_.evidence, step.header.durable);
        durable_lsn_ = std::max(durable_lsn_, step.header.durable_lsn);
        at = std::max(step.next_offset, *found + later.header.block_bytes);
      }
      if (i == index_) {
        empty_from_ = {later.header.number, at};
      }
    }
  }

  // Whether anything was written in this segment behind the place. What has been looked through is
  // not read again: it is most of the time that opening takes.
  [[nodiscard]] bool has_frame_behind(SegmentScanner& scanner) const {
    const bool is_known_empty =
        empty_from_.segment == mark_.at.segment && mark_.at.offset >= empty_from_.offset;
    return !is_known_empty && scanner.find_frame(mark_.at.offset).has_value();
  }

  void accept(const SegmentScanner::Step& step) {
    const FrameHeader& header = step.header;
    if (header.first_lsn > mark_.next_lsn.value && !chain_known_) {
      lose(mark_.at, {header.first_lsn}, "the frames between are damaged");
    }
    scan_.uncovered.push_back({.at = mark_.at,
                               .before = mark_,
                               .empty = header.record_count == 0 && header.entry_bytes == 0});
    scan_.evidence = std::max(scan_.evidence, header.durable);
    durable_lsn_ = std::max(durable_lsn_, header.durable_lsn);
    trim_covered();
    count_records(step);
    for (const Checkpoint& checkpoint : checkpoints_of(step.frame.view)) {
      scan_.checkpoints.apply(checkpoint);
    }
    for (const Event& event : events_of(step.frame.view)) {
      ++mark_.totals.events;
      if (event.kind == EventKind::gap) {
        ++mark_.totals.gaps;
        mark_.totals.lost_records += event.records;
        forget_damage(event);
      }
    }
    mark_.next_lsn = {header.first_lsn + header.record_count};
    mark_.next_event = header.first_event + header.event_count;
    mark_.chain = header.header_crc;
    mark_.at.offset = step.next_offset;
    chain_known_ = true;
    scan_.clean = (header.flags & kFrameClean) != 0;
    scan_.boot_ordinal = std::max(scan_.boot_ordinal, header.boot_ordinal);
    scan_.wall_minus_boot_ns = header.built_unix_ns - header.built_boot_ns;
    note_clock(header);
  }

  void note_clock(const FrameHeader& header) {
    if (!first_clock_) {
      return;
    }
    if (header.boot_ordinal != clock_ordinal_) {
      clock_ordinal_ = header.boot_ordinal;
      frame_clock_.boot_id = stand_in_boot_id(header.boot_ordinal);
    }
    frame_clock_.unix_ns = header.built_unix_ns;
    frame_clock_.boot_ns = header.built_boot_ns;
    first_clock_->take(frame_clock_);
  }

  // The believed time belongs to a boot; that of the last frame is known by its name.
  void keep_first_clock() {
    scan_.first_clock = first_clock_->get();
    if (scan_.first_clock.boot_id == frame_clock_.boot_id && clock_ordinal_ == scan_.boot_ordinal) {
      scan_.first_clock.boot_id = scan_.boot_id;
    }
  }

  void trim_covered() {
    while (!scan_.uncovered.empty() && scan_.uncovered.front().at < scan_.evidence) {
      scan_.uncovered.pop_front();
    }
  }

  void count_records(const SegmentScanner::Step& step) {
    const CheckedFrame& frame = step.frame;
    const FrameHeader& header = frame.view.header;
    auto damaged = frame.damaged_records.begin();
    for (std::uint32_t i = 0; i < header.record_count; ++i) {
      const auto entry =
          load<TableEntry>(frame.view.table.data() + std::size_t{i} * sizeof(TableEntry));
      const Lsn lsn{header.first_lsn + i};
      if (damaged != frame.damaged_records.end() && *damaged == i) {
        ++damaged;
        mark_.next_lsn = lsn;
        lose(mark_.at, lsn.next(), step.refused ? step.why : "the record is damaged");
        continue;
      }
      ++mark_.totals.records;
      mark_.totals.payload_bytes += entry.payload_bytes;
      mark_.totals.min_unix_ns = std::min(mark_.totals.min_unix_ns, entry.observed_unix_ns);
      mark_.totals.max_unix_ns = std::max(mark_.totals.max_unix_ns, entry.observed_unix_ns);
    }
  }

  // Remembers that the LSNs from the next one up to `to` (exclusive) are gone.
  void lose(Position at, Lsn to, std::string why) {
    const Lsn first = mark_.next_lsn;
    if (to.value > first.value) {
      mark_.next_lsn = to;
      scan_.lost_records += to.value - first.value;
      if (!scan_.damages.empty() && goes_on(scan_.damages.back(), first) &&
          (scan_.damages.back().segment == at.segment || scan_.damages.size() >= kDamagesMax)) {
        scan_.damages.back().last_lost = {to.value - 1};
        return;
      }
    }
    const bool any = to.value > first.value;
    scan_.damages.push_back({.segment = at.segment,
                             .offset = at.offset,
                             .first_lost = any ? first : Lsn{0},
                             .last_lost = any ? Lsn{to.value - 1} : Lsn{0},
                             .why = std::move(why)});
  }

  // A gap event tells that an earlier open has found this damage already.
  void forget_damage(const Event& event) {
    const auto same = [&event](const Damage& damage) {
      return damage.first_lost.value != 0 && damage.first_lost == event.first_lost &&
             damage.last_lost == event.last_lost;
    };
    for (const Damage& damage : scan_.damages) {
      if (same(damage)) {
        scan_.lost_records -= damage.last_lost.value - damage.first_lost.value + 1;
        scan_.known_damages.push_back(damage);
      }
    }
    std::erase_if(scan_.damages, same);
  }

  // Goes on behind a place that was durable once and does not hold any more.
  Status pass_damage(SegmentScanner& scanner, const SegmentScanner::Step& step,
                     std::uint64_t limit) {
    const std::uint64_t block = segment().header.block_bytes;
    if (step.found == Found::damaged_body && step.header.first_lsn >= mark_.next_lsn.value) {
      lose(mark_.at, {step.header.first_lsn + step.header.record_count}, "the frame is damaged");
      mark_.next_event = step.header.first_event + step.header.event_count;
      mark_.chain = step.header.header_crc;
      mark_.at.offset = step.next_offset;
      return {};
    }
    const std::string why =
        step.found == Found::unreadable ? step.why : std::string("the frame is damaged");
    const auto next = scanner.find_frame(mark_.at.offset + block);
    chain_known_ = false;
    if (next) {
      const SegmentScanner::Step found = scanner.look(*next);
      lose(mark_.at, {found.header.first_lsn}, why);
      mark_.at.offset = *next;
      return {};
    }
    if (!is_last()) {
      lose(mark_.at, {scan_.path[index_ + 1].header.first_lsn}, why);
      mark_.at.offset = limit;
      return {};
    }
    // The damage reaches the end of the log: nobody can tell how many records there were, so as
    // many LSNs are left out as could have been there.
    const std::uint64_t content_end =
        std::max(scanner.end_of_content(mark_.at.offset),
                 scan_.evidence.segment == mark_.at.segment ? scan_.evidence.offset : 0);
    const std::uint64_t possible = (content_end - mark_.at.offset) / sizeof(TableEntry);
    lose(mark_.at, {std::max(mark_.next_lsn.value + possible, durable_lsn_ + 1)},
         why + ", up to the end of the log");
    mark_.at.offset = std::min(round_up(content_end, block), limit);
    end_here(false);
    return {};
  }

  void end_here(bool dropped_something) {
    ended_ = true;
    scan_.dropped_tail = dropped_something || !is_last();
    scan_.path[index_].end = mark_.at.offset;
  }

  void finish() {
    if (options_.live_end) {
      scan_.evidence = std::max(scan_.evidence, *options_.live_end);
    }
    trim_covered();
    scan_.end = mark_;
    if (first_clock_) {
      keep_first_clock();
    }
    lose_missing_end(scan_, options_);
  }

  io::FileSystem& files_;
  const LogScanOptions& options_;
  LogScan& scan_;
  LogMark mark_;
  std::size_t index_ = 0;
  bool chain_known_ = true;
  bool looked_ahead_ = false;
  Position empty_from_;  // no frame stands there or behind it in that segment; segment 0: not known
  bool ended_ = false;
  std::uint64_t durable_lsn_ = 0;
  std::optional<JobThread> ahead_;
  std::optional<FirstClock> first_clock_;  // where the manifest has none
  ClockFacts frame_clock_;
  std::uint32_t clock_ordinal_ = 0;
};

// The checkpoints of what is in tables: the log goes on from them.
Status load_checkpoints(io::FileSystem& files, const std::string& directory, LogScan& scan) {
  if (!scan.manifest.manifest) {
    return {};
  }
  auto found =
      read_checkpoints(files, directory, scan.store_id, scan.manifest.manifest->checkpoints);
  if (!found && found.error().code() != Code::corrupt && found.error().code() != Code::not_found) {
    return found.error();
  }
  if (!found) {
    // Without them sources read again what they have sent before: doubled records, none lost.
    scan.lost_checkpoints = found.error().message();
    return {};
  }
  scan.flushed_checkpoints = *found;
  scan.checkpoints = std::move(*found);
  return {};
}

// Reading starts here: at the first segment, or near the end when only that is asked for.
std::size_t first_segment_of(const LogScan& scan, const LogScanOptions& options) {
  if (!options.only_tail) {
    return 0;
  }
  // In the window of two frames the last one may stand alone in its segment; both must be judged.
  std::size_t first = scan.path.size() - std::min<std::size_t>(scan.path.size(), 2);
  while (first > 0 && scan.path[first].rebuilt) {
    --first;
  }
  return first;
}

// Without a manifest nobody knows the tables; then the log must begin with the first record.
Status check_whole(const LogScan& scan, const std::string& directory) {
  const auto is_of_tables = [](const std::string& name) {
    return manifest_version_of(name) || table_number_of(name);
  };
  const std::vector<std::string>& names = scan.manifest.names;
  const auto named = std::ranges::find_if(names, is_of_tables);
  const bool begins_with_first = !scan.path.empty() && scan.path.front().header.first_lsn <= 1;
  if (scan.manifest.manifest || named == names.end() || begins_with_first) {
    return {};
  }
  return {
      Code::corrupt,
      fmt::format("no manifest in {} can be read{}{}, and records are in tables ({}); nothing "
                  "was changed: restore MANIFEST-* from a copy",
                  directory, scan.manifest.damaged.empty() ? "" : ": ",
                  scan.manifest.damaged.empty() ? "" : scan.manifest.damaged.front().why, *named)};
}

}  // namespace

Event gap_event_of(const Damage& damage, std::string_view directory) {
  Event event;
  event.kind = EventKind::gap;
  event.first_lost = damage.first_lost;
  event.last_lost = damage.last_lost;
  const std::string place = fmt::format("{}/{} at offset {}", directory,
                                        segment_file_name(damage.segment), damage.offset);
  if (damage.first_lost.value == 0) {
    event.text = fmt::format("{}: {}; no record is known to be lost", place, damage.why);
    return event;
  }
  event.records = damage.last_lost.value - damage.first_lost.value + 1;
  event.text = fmt::format("{}: {}; LSN {} to {} cannot be read", place, damage.why,
                           damage.first_lost.value, damage.last_lost.value);
  return event;
}

std::string put_aside(io::FileSystem& files, std::string_view directory, std::uint64_t segment) {
  const std::string path = fmt::format("{}/{}", directory, segment_file_name(segment));
  const std::string aside = fmt::format("{}{}", path, kDamagedSuffix);
  const bool is_kept = files.link(path, aside).is_ok() || files.info(aside).has_value();
  return is_kept ? fmt::format("; it is kept as {}{}", segment_file_name(segment), kDamagedSuffix)
                 : std::string();
}

std::vector<Damage> parts_not_in(std::span<const Damage> known, const Damage& damage) {
  if (damage.first_lost.value == 0) {
    const auto is_same = [&damage](const Damage& one) {
      return one.segment == damage.segment && one.offset == damage.offset;
    };
    return std::ranges::any_of(known, is_same) ? std::vector<Damage>() : std::vector{damage};
  }
  std::vector<Damage> parts;
  for (Lsn from = damage.first_lost; from <= damage.last_lost;) {
    Lsn to = damage.last_lost;
    Lsn known_to;  // from `from` on
    for (const Damage& one : known) {
      if (one.first_lost <= from && from <= one.last_lost) {
        known_to = std::max(known_to, one.last_lost);
      } else if (one.first_lost > from && one.first_lost <= to) {
        to = {one.first_lost.value - 1};
      }
    }
    if (known_to.value == 0) {
      parts.push_back(damage);
      parts.back().first_lost = from;
      parts.back().last_lost = to;
      known_to = to;
    }
    from = known_to.next();
  }
  return parts;
}

std::vector<std::string> side_damages_of(const LogScan& scan, std::string_view directory) {
  std::vector<std::string> texts;
  for (const DamagedFile& file : scan.manifest.damaged) {
    texts.push_back(fmt::format(
        "{}: {}; the store goes on from {} and its log", directory, file.why,
        scan.manifest.is_rebuilt ? "what its tables say of themselves" : "an older manifest"));
  }
  if (!scan.lost_checkpoints.empty()) {
    texts.push_back(
        fmt::format("{}: {}; sources without a checkpoint begin again, and records may "
                    "be stored twice",
                    directory, scan.lost_checkpoints));
  }
  return texts;
}

Result<LogScan> scan_log(io::FileSystem& files, const LogScanOptions& options) {
  LogScan scan;
  KIFA_TRY(find_path(files, options, scan));
  if (options.needs_manifest) {
    KIFA_TRY(check_whole(scan, options.directory));
  }
  if (!options.only_tail) {
    KIFA_TRY(load_checkpoints(files, options.directory, scan));
  }
  if (scan.path.empty()) {
    scan.end = scan.flushed().mark;
    lose_missing_end(scan, options);
    return scan;
  }
  KIFA_TRY(ForwardPass(files, options, scan).run(first_segment_of(scan, options)));
  return scan;
}

}  // namespace kifa::store
