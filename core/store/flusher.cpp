#include "core/store/flusher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/assert.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/table_writer.hpp"

namespace kifa::store {

namespace {

// A piece is what an anchor can be given out for and what verification repeats: small enough to be
// done again, large enough for its 112 bytes not to count.
constexpr std::uint64_t kPieceBytesMax = 16_MiB;

class Flush final {
 public:
  Flush(io::FileSystem& files, const std::string& directory, const FlushPlan& plan,
        CheckpointMap& checkpoints)
      : files_(files),
        directory_(directory),
        plan_(plan),
        checkpoints_(checkpoints),
        mark_(plan.from.mark),
        piece_first_(plan.from.mark.next_lsn),
        epoch_(plan.from.epoch) {
    if (plan.in_parallel) {
      ahead_.emplace("kifa-read");
    }
  }

  Result<FlushOutcome> run(const std::vector<LogSegment>& segments) {
    for (std::size_t i = 0; i < segments.size() && !full_; ++i) {
      const Lsn behind =
          i + 1 < segments.size() ? Lsn{segments[i + 1].header.first_lsn} : plan_.to.next_lsn;
      KIFA_TRY(read_segment(segments[i], behind));
    }
    if (!full_ && mark_.next_lsn != plan_.to.next_lsn) {
      return Status(Code::internal,
                    fmt::format("the log of {} ends at LSN {} for the flush and at {} for the "
                                "writer; nothing was changed",
                                directory_, mark_.next_lsn.value, plan_.to.next_lsn.value));
    }
    if (!full_) {
      const Totals counted = mark_.totals;
      mark_ = plan_.to;
      mark_.totals = outcome_.damages.empty() ? mark_.totals : counted;
    }
    if (mark_.next_lsn > plan_.from.mark.next_lsn) {
      KIFA_TRY(open_table());  // also when nothing could be read: a table covers its gaps
    }
    if (table_) {
      if (mark_.next_lsn != piece_first_ ||
          piece_has_events_) {  // the last frame may have ended it
        KIFA_TRY(end_piece());
      }
      auto info = table_->finish();
      if (!info) {
        return info.error();
      }
      outcome_.edit.tables.push_back(*info);
    }
    outcome_.edit.flushed = {.mark = mark_, .epoch = epoch_};
    outcome_.edit.may_miss_events = !outcome_.damages.empty();
    return std::move(outcome_);
  }

 private:
  using Found = SegmentScanner::Found;

  Status read_segment(const LogSegment& segment, Lsn behind) {
    auto file = open_segment(files_, segment_path(directory_, segment.header.number));
    if (!file) {
      return file.error();
    }
    SegmentScanner scanner(**file, segment.header, segment.end, ahead_ ? &*ahead_ : nullptr);
    if (mark_.at.segment != segment.header.number) {
      mark_.at = {segment.header.number, segment.begin};
    }
    epoch_ = segment.header.epoch;
    while (mark_.at.offset < segment.end && !full_) {
      SegmentScanner::Step step = scanner.look(mark_.at.offset);
      if (step.refused && step.found != Found::frame && !plan_.gives_up_refused) {
        return refused(segment, step.why);
      }
      const bool readable = step.found == Found::frame || step.found == Found::salvageable;
      if (readable && step.header.first_lsn >= mark_.next_lsn.value) {
        KIFA_TRY(take(step));
        mark_.at.offset = step.next_offset;
        mark_.chain = step.header.header_crc;
        full_ = taken_bytes_ >= plan_.payload_bytes_max;
        continue;
      }
      const auto next = scanner.find_frame(mark_.at.offset + segment.header.block_bytes);
      const Lsn to = next ? Lsn{scanner.look(*next).header.first_lsn} : behind;
      lose(to, step.found == Found::unreadable ? step.why : "the frame is damaged");
      mark_.at.offset = next.value_or(segment.end);
    }
    return {};
  }

  [[nodiscard]] Status refused(const LogSegment& segment, const std::string& why) const {
    return {
        Code::unavailable,
        fmt::format("the disk does not give back {} at {}: {}; it is asked again before records "
                    "are given up for lost",
                    segment_path(directory_, segment.header.number), mark_.at.offset, why)};
  }

  // LSNs that should be there and are not. Without any, a place of the log is damaged all the same.
  void lose(Lsn to, std::string why) {
    const bool any = to > mark_.next_lsn;
    if (any && !outcome_.damages.empty()) {
      Damage& before = outcome_.damages.back();
      if (before.segment == mark_.at.segment && goes_on(before, mark_.next_lsn)) {
        before.last_lost = {to.value - 1};
        mark_.next_lsn = to;
        return;
      }
    }
    outcome_.damages.push_back({.segment = mark_.at.segment,
                                .offset = mark_.at.offset,
                                .first_lost = any ? mark_.next_lsn : Lsn{},
                                .last_lost = any ? Lsn{to.value - 1} : Lsn{},
                                .why = std::move(why)});
    mark_.next_lsn = std::max(mark_.next_lsn, to);
  }

  Status open_table() {
    if (table_) {
      return {};
    }
    auto table = TableWriter::create(files_, {.path = plan_.table_path,
                                              .store_id = plan_.store_id,
                                              .number = plan_.table_number,
                                              .level = plan_.level,
                                              .codec = plan_.codec,
                                              .first = plan_.from.mark.next_lsn,
                                              .previous_anchor = plan_.previous_anchor,
                                              .next_event = plan_.from.mark.next_event,
                                              .in_parallel = plan_.in_parallel});
    if (!table) {
      return table.error();
    }
    table_ = std::move(*table);
    return {};
  }

  Status end_piece() {
    piece_bytes_ = 0;
    piece_first_ = mark_.next_lsn;
    piece_has_events_ = false;
    return table_->end_piece(Lsn{mark_.next_lsn.value - 1}).status();
  }

  Status take(const SegmentScanner::Step& step) {
    const FrameView& frame = step.frame.view;
    if (step.header.first_lsn > mark_.next_lsn.value) {
      lose({step.header.first_lsn}, "the frames between are damaged");
    }
    for (const Checkpoint& checkpoint : checkpoints_of(frame)) {
      checkpoints_.apply(checkpoint);
      outcome_.checkpoints_changed = true;
    }
    if (frame.header.record_count == 0 && frame.header.event_count == 0) {
      return {};  // a watermark, or checkpoints alone
    }
    KIFA_TRY(open_table());
    KIFA_TRY(add_contents(step));
    if (piece_bytes_ >= kPieceBytesMax) {
      KIFA_TRY(end_piece());
    }
    return {};
  }

  Status add_contents(const SegmentScanner::Step& step) {
    const FrameView& frame = step.frame.view;
    if (!groups_.decode(frame)) {
      lose({frame.header.first_lsn + frame.header.record_count}, "the frame contradicts itself");
      return {};
    }
    const std::vector<Event> events = events_of(frame);
    auto event = events.begin();
    auto damaged = step.frame.damaged_records.begin();
    std::size_t payload_at = 0;
    for (std::uint32_t i = 0; i < frame.header.record_count; ++i) {
      const auto entry = load<TableEntry>(frame.table.data() + std::size_t{i} * sizeof(TableEntry));
      RecordView record;
      record.lsn = {frame.header.first_lsn + i};
      record.payload = frame.payloads.subspan(payload_at, entry.payload_bytes);
      payload_at += entry.payload_bytes;
      for (; event != events.end() && event->after < record.lsn; ++event) {
        KIFA_TRY(add_event(*event));
      }
      if (damaged != step.frame.damaged_records.end() && *damaged == i) {
        ++damaged;
        lose(record.lsn.next(), step.refused ? step.why : "the record is damaged");
        continue;
      }
      record.observed_unix_ns = entry.observed_unix_ns;
      record.flags = entry.flags;
      record.boot_ordinal = frame.header.boot_ordinal;
      const bool grouped = groups_.apply(entry.group, record);
      KIFA_ASSERT(grouped);  // the checksum held
      KIFA_TRY(table_->add(record));
      count(record);
    }
    for (; event != events.end(); ++event) {
      KIFA_TRY(add_event(*event));
    }
    mark_.next_event = frame.header.first_event + frame.header.event_count;
    return {};
  }

  void count(const RecordView& record) {
    Totals& totals = mark_.totals;
    ++totals.records;
    totals.payload_bytes += record.payload.size();
    totals.min_unix_ns = std::min(totals.min_unix_ns, record.observed_unix_ns);
    totals.max_unix_ns = std::max(totals.max_unix_ns, record.observed_unix_ns);
    taken_bytes_ += record.payload.size();
    piece_bytes_ += record.payload.size();
    mark_.next_lsn = record.lsn.next();
  }

  Status add_event(const Event& event) {
    ++mark_.totals.events;
    piece_has_events_ = true;
    if (event.kind == EventKind::gap) {
      ++mark_.totals.gaps;
      mark_.totals.lost_records += event.records;
    }
    return table_->add(event);
  }

  io::FileSystem& files_;
  const std::string& directory_;
  const FlushPlan& plan_;
  CheckpointMap& checkpoints_;
  std::optional<JobThread> ahead_;
  LogMark mark_;     // behind what was taken
  Lsn piece_first_;  // the piece that is being gathered begins here
  bool piece_has_events_ = false;
  std::uint64_t epoch_;
  std::unique_ptr<TableWriter> table_;
  FrameGroups groups_;
  FlushOutcome outcome_;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t piece_bytes_ = 0;
  bool full_ = false;
};

}  // namespace

Result<FlushOutcome> Flusher::run(const FlushPlan& plan, CheckpointMap& checkpoints) {
  return Flush(files_, directory_, plan, checkpoints)
      .run(index_.between(plan.from.mark.at, plan.to.at));
}

}  // namespace kifa::store
