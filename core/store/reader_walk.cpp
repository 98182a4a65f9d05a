#include "core/store/reader_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/store/log_scan_path.hpp"
#include "core/store/manifest_files.hpp"

namespace kifa::store {

std::uint64_t end_of_segment(const std::vector<LogSegment>& path, std::size_t index) {
  if (path[index].end != 0) {
    return path[index].end;
  }
  const SegmentHeader& header = path[index].header;
  return index + 1 < path.size() && path[index + 1].header.predecessor_number == header.number
             ? path[index + 1].header.predecessor_end
             : header.segment_bytes;
}

Result<ReaderWalk::Pass> ReaderWalk::run(const LogScan& log) {
  log_ = &log;
  expected_ = {};
  auto pass = read_tables();
  if (pass && *pass == Pass::done && !done_) {
    pass = read_log();
  }
  if (pass && *pass == Pass::done && !done_) {
    pass = reach_end();
  }
  return pass;
}

// The last files of the log may be missing.
Result<ReaderWalk::Pass> ReaderWalk::reach_end() {
  const Lsn end = std::min(selection_.last.next(), log_->end.next_lsn);
  if (next_show_ >= end) {
    return Pass::done;
  }
  const auto outdated = is_outdated({});
  if (!outdated || *outdated) {
    return outdated ? Result<Pass>(Pass::stale) : Result<Pass>(outdated.error());
  }
  expected_ = std::max(expected_, next_show_);
  lose({.segment = log_->evidence.segment,
        .offset = log_->evidence.offset,
        .first_lost = {},
        .last_lost = {},
        .why = "the end of the log before this place is missing"},
       end);
  return Pass::done;
}

void ReaderWalk::advance(Lsn to) {
  if (to > next_show_) {
    next_show_ = to;
    advanced_ = true;
  }
}

Result<bool> ReaderWalk::is_outdated(Position at) const {
  auto newest = load_manifest(files_, directory_);
  if (!newest) {
    return newest.error();
  }
  if (!newest->manifest) {
    return false;
  }
  const std::uint64_t known = log_->manifest.manifest ? log_->manifest.manifest->version : 0;
  return newest->manifest->version > known &&
         (at.segment == 0 || newest->manifest->flushed.mark.at > at);
}

// ---- the log ----

void ReaderWalk::begin_at(const Place& place) {
  const bool is_behind_events =
      place.event_after.next() < selection_.first || place.next_event <= selection_.first_event;
  if (place.at.segment != 0 && place.next_lsn <= selection_.first && is_behind_events) {
    begin_ = place;
    event_after_ = place.event_after;
    last_event_ = place.next_event - 1;
  }
}

std::size_t ReaderWalk::first_segment() const {
  const std::vector<LogSegment>& path = log_->path;
  std::size_t first = 0;
  // Events that follow the LSN before the range may stand at the end of an earlier segment.
  while (first + 1 < path.size() && path[first + 1].header.first_lsn < next_show_.value) {
    ++first;
  }
  return first;
}

Result<ReaderWalk::Pass> ReaderWalk::read_log() {
  const std::vector<LogSegment>& path = log_->path;
  const auto begin = std::ranges::find(
      path, begin_.at.segment, [](const LogSegment& segment) { return segment.header.number; });
  const auto index = static_cast<std::size_t>(begin - path.begin());
  if (begin == path.end() || begin_.at.offset > end_of_segment(path, index)) {
    // It is in tables now; or a new writer has copied what was read without one, and the log goes
    // on from an earlier place.
    begin_ = {};
  }
  const std::size_t first = begin_.at.segment == 0 ? first_segment() : index;
  for (std::size_t i = first; i < path.size() && !done_; ++i) {
    const auto pass = read_segment(i);
    if (!pass || *pass == Pass::stale) {
      return pass;
    }
  }
  return Pass::done;
}

Result<ReaderWalk::Pass> ReaderWalk::read_segment(std::size_t index) {
  const LogSegment& segment = log_->path[index];
  const std::uint64_t end = end_of_segment(log_->path, index);
  if (segment.begin >= end) {
    return Pass::done;  // all of it is in tables
  }
  auto file = open_segment(files_, segment_path(directory_, segment.header.number));
  if (!file) {
    const auto outdated = is_outdated({segment.header.number, segment.begin});
    return outdated && *outdated ? Result<Pass>(Pass::stale) : Result<Pass>(file.error());
  }
  SegmentScanner scanner(**file, segment.header, end);
  std::uint64_t from = segment.begin;
  if (begin_.at.segment == segment.header.number && begin_.at.offset >= from) {
    from = begin_.at.offset;
    expected_ = begin_.next_lsn;
  } else if (expected_.value == 0) {
    const FlushedLog flushed = log_->flushed();
    expected_ = index == 0 && flushed.mark.at.segment != 0 ? flushed.mark.next_lsn
                                                           : Lsn{segment.header.first_lsn};
  }
  for (std::uint64_t at = from; at < end && !done_;) {
    const SegmentScanner::Step step = scanner.look(at);
    const bool readable = (step.found == Found::frame || step.found == Found::salvageable) &&
                          step.header.first_lsn >= expected_.value;
    if (readable && step.header.first_lsn == expected_.value) {
      if (step.found == Found::salvageable) {
        // A segment that is used again while it is read looks like that, too.
        const auto outdated = is_outdated({segment.header.number, at});
        if (!outdated || *outdated) {
          return outdated ? Result<Pass>(Pass::stale) : Result<Pass>(outdated.error());
        }
      }
      show_frame(step);
      at = step.next_offset;
      if (!done_) {
        place_ = {.at = {segment.header.number, at},
                  .next_lsn = expected_,
                  .event_after = event_after_,
                  .next_event = last_event_ + 1};
      }
      continue;
    }
    // What is missing before a frame stood anywhere, and may be in tables by now.
    const auto outdated = is_outdated(readable ? Position{} : Position{segment.header.number, at});
    if (!outdated || *outdated) {
      return outdated ? Result<Pass>(Pass::stale) : Result<Pass>(outdated.error());
    }
    if (readable) {
      lose({.segment = segment.header.number,
            .offset = at,
            .first_lost = {},
            .last_lost = {},
            .why = "the frames before it are missing"},
           {step.header.first_lsn});
      show_frame(step);
      at = step.next_offset;
      continue;
    }
    const auto next = scanner.find_frame(at + segment.header.block_bytes);
    lose({.segment = segment.header.number,
          .offset = at,
          .first_lost = {},
          .last_lost = {},
          .why = step.found == Found::unreadable ? step.why : "the frame is damaged"},
         lsn_behind(index, scanner, next));
    at = next.value_or(end);
  }
  return Pass::done;
}

Lsn ReaderWalk::lsn_behind(std::size_t index, SegmentScanner& scanner,
                           std::optional<std::uint64_t> next) const {
  if (next) {
    return {scanner.look(*next).header.first_lsn};
  }
  return index + 1 < log_->path.size() ? Lsn{log_->path[index + 1].header.first_lsn}
                                       : log_->end.next_lsn;
}

void ReaderWalk::show_frame(const SegmentScanner::Step& step) {
  const FrameView& frame = step.frame.view;
  // A frame without records, or the events in front of the next record, still belong to the range.
  if (frame.header.first_lsn > selection_.last.next().value) {
    done_ = true;
    return;
  }
  const std::vector<Event> events = events_of(frame);
  std::size_t next_event = 0;
  const auto show_events_before = [&](std::uint64_t lsn) {
    for (; next_event < events.size() && events[next_event].after.value < lsn && !done_;
         ++next_event) {
      show_event(events[next_event]);
    }
  };
  const Lsn end{frame.header.first_lsn + frame.header.record_count};
  if (end > next_show_) {
    if (!groups_.decode(frame)) {
      lose({.segment = step.header.segment,
            .offset = step.offset,
            .first_lost = {},
            .last_lost = {},
            .why = "the frame contradicts itself"},
           end);
      return;
    }
    show_records(step, show_events_before);
  }
  expected_ = end;
  if (!done_) {
    advance(end);
    show_events_before(UINT64_MAX);
  }
}

template <class BeforeRecord>
void ReaderWalk::show_records(const SegmentScanner::Step& step, const BeforeRecord& before_record) {
  const FrameView& frame = step.frame.view;
  auto damaged = step.frame.damaged_records.begin();
  std::size_t payload_at = 0;
  for (std::uint32_t i = 0; i < frame.header.record_count && !done_; ++i) {
    const auto entry = load<TableEntry>(frame.table.data() + std::size_t{i} * sizeof(TableEntry));
    RecordView record;
    record.lsn = {frame.header.first_lsn + i};
    record.payload = frame.payloads.subspan(payload_at, entry.payload_bytes);
    payload_at += entry.payload_bytes;
    if (record.lsn > selection_.last) {
      before_record(record.lsn.value);
      done_ = true;
      return;
    }
    if (damaged != step.frame.damaged_records.end() && *damaged == i) {
      // A run of them is one gap, as in the event that a writer leaves of it.
      std::uint64_t behind = record.lsn.value;
      for (; damaged != step.frame.damaged_records.end() &&
             frame.header.first_lsn + *damaged == behind;
           ++damaged) {
        ++behind;
      }
      expected_ = record.lsn;
      lose({.segment = step.header.segment,
            .offset = step.offset,
            .first_lost = {},
            .last_lost = {},
            .why = step.refused ? step.why : "the record is damaged"},
           {behind});
      continue;
    }
    if (record.lsn < next_show_) {
      continue;
    }
    before_record(record.lsn.value);
    record.observed_unix_ns = entry.observed_unix_ns;
    record.flags = entry.flags;
    record.boot_ordinal = frame.header.boot_ordinal;
    if (!groups_.apply(entry.group, record)) {
      continue;  // cannot be: the checksum held
    }
    show_record(record);
  }
}

// ---- showing ----

bool ReaderWalk::is_in_times(std::int64_t unix_ns) const {
  return unix_ns >= selection_.min_unix_ns && unix_ns <= selection_.max_unix_ns;
}

bool ReaderWalk::is_selected(const RecordView& record) const {
  return is_in_times(record.observed_unix_ns) &&
         (selection_.pipeline.empty() || record.pipeline == selection_.pipeline) &&
         (selection_.source.empty() || record.source == selection_.source);
}

void ReaderWalk::show_record(const RecordView& record) {
  advance(record.lsn.next());
  if (is_selected(record)) {
    done_ = done_ || !on_record_(record);
  }
}

// Reports what the log should hold and does not.
void ReaderWalk::lose(Damage damage, Lsn behind) {
  if (behind > expected_) {
    damage.first_lost = expected_;
    damage.last_lost = {behind.value - 1};
  }
  Event gap = gap_event_of(damage, directory_);
  gap.after = {expected_.value - 1};
  expected_ = std::max(expected_, behind);
  show_gap(gap);
  advance(behind);
}

void ReaderWalk::show_gap(const Event& gap) {
  const bool has_lsns = gap.first_lost.value != 0;
  const bool wanted =
      !has_lsns || (gap.last_lost >= selection_.first && gap.first_lost <= selection_.last);
  if (!wanted || done_) {
    return;
  }
  if (has_lsns) {
    told_.add(gap.first_lost, gap.last_lost);
  }
  done_ = !on_event_(gap);
}

// Whether this walk has told of all that the event says and the selection wants.
bool ReaderWalk::is_told(const Event& event) const {
  const Lsn first = std::max(event.first_lost, selection_.first);
  const Lsn last = std::min(event.last_lost, selection_.last);
  return first <= last ? told_.holds(first, last) : told_.holds(event.first_lost, event.last_lost);
}

void ReaderWalk::show_event(const Event& event) {
  if (event.number != 0 && event.number <= last_event_) {
    return;  // an earlier pass has come by
  }
  last_event_ = event.number;
  event_after_ = std::max(event_after_, event.after);
  const bool was_seen = event.number != 0 && event.number < selection_.first_event;
  if (was_seen || !is_in_times(event.observed_unix_ns)) {
    return;
  }
  const bool is_of_lsns = event.kind == EventKind::gap && event.first_lost.value != 0;
  if (is_of_lsns && is_told(event)) {
    return;
  }
  if (event.after.next() >= selection_.first && event.after <= selection_.last && !done_) {
    if (is_of_lsns) {
      told_.add(event.first_lost, event.last_lost);
    }
    done_ = !on_event_(event);
  }
}

}  // namespace kifa::store
