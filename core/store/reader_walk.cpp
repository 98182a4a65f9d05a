#include "core/store/reader_walk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/store/log_scan_path.hpp"
#include "core/store/manifest_files.hpp"

namespace kifa::store {

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

// ---- tables ----

Result<ReaderWalk::Pass> ReaderWalk::read_tables() {
  if (!log_->manifest.manifest) {
    return Pass::done;
  }
  const Manifest& manifest = *log_->manifest.manifest;
  if (manifest.purged.through >= next_show_ && !purge_told_ &&
      (selection_.last.value == 0 || selection_.first <= manifest.purged.through)) {
    purge_told_ = true;
    Event purged;
    purged.kind = EventKind::purge;
    purged.after = manifest.purged.through;
    purged.first_lost = next_show_;
    purged.last_lost = manifest.purged.through;
    purged.text = fmt::format("LSN {} to {} were removed by retention{}", next_show_.value,
                              manifest.purged.through.value,
                              log_->manifest.is_rebuilt ? ", or are lost with the manifest" : "");
    advance(manifest.purged.through.next());
    done_ = !on_event_(purged);
  }
  for (const TableInfo& table : manifest.tables) {
    // Events that follow the LSN before the range belong to it.
    if (done_ || table.first > selection_.last.next()) {
      done_ = true;
      break;
    }
    if (table.last.next() < next_show_) {
      continue;
    }
    if (is_outside_times(table)) {
      advance(table.last.next());
      continue;
    }
    const auto pass = read_table(table);
    if (!pass || *pass == Pass::stale) {
      return pass;
    }
  }
  return Pass::done;
}

// Such a table need not even be opened. Events have times of their own.
bool ReaderWalk::is_outside_times(const TableInfo& table) const {
  return table.events == 0 &&
         (table.max_unix_ns < selection_.min_unix_ns || table.min_unix_ns > selection_.max_unix_ns);
}

Result<ReaderWalk::Pass> ReaderWalk::read_table(const TableInfo& table) {
  const std::string path = fmt::format("{}/{}", directory_, table_file_name(table.number));
  const auto whole_is_lost = [&](const Status& why) {
    lose({.segment = 0,
          .offset = 0,
          .first_lost = std::max(table.first, next_show_),
          .last_lost = table.last,
          .why = fmt::format("{}: {}", path, why.message())},
         table.last.next());
  };
  auto reader = TableReader::open(
      files_, path,
      {.number = table.number, .store_id = log_->store_id, .footer_crc = table.footer_crc});
  if (!reader) {
    const auto outdated = is_outdated({});
    if (!outdated) {
      return outdated.error();
    }
    if (*outdated) {
      return Pass::stale;
    }
    if (reader.error().code() == Code::unsupported) {
      return reader.error();
    }
    whole_is_lost(reader.error());
    return Pass::done;
  }
  const auto on_record = [this](const RecordView& record) {
    if (record.lsn >= next_show_) {
      show_record(record);
    }
    return !done_;
  };
  const auto on_event = [this](const Event& event) {
    show_event(event);
    return !done_;
  };
  const auto on_damage = [&](const TableDamage& damage) {
    lose({.segment = 0,
          .offset = damage.offset,
          .first_lost = std::max(damage.first, next_show_),
          .last_lost = damage.last,
          .why = fmt::format("{} at offset {}: {}", path, damage.offset, damage.why)},
         damage.last.next());
  };
  KIFA_TRY((*reader)->scan({.first = next_show_,
                            .last = selection_.last,
                            .min_unix_ns = selection_.min_unix_ns,
                            .max_unix_ns = selection_.max_unix_ns,
                            .pipeline = selection_.pipeline,
                            .source = selection_.source},
                           on_record, on_event, on_damage));
  if (!done_) {
    advance(table.last.next());
  }
  return Pass::done;
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
  if (begin == path.end() || begin_.at.offset > end_of(index)) {
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
  const std::uint64_t end = end_of(index);
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

std::uint64_t ReaderWalk::end_of(std::size_t index) const {
  const std::vector<LogSegment>& path = log_->path;
  if (path[index].end != 0) {
    return path[index].end;
  }
  const SegmentHeader& header = path[index].header;
  return index + 1 < path.size() && path[index + 1].header.predecessor_number == header.number
             ? path[index + 1].header.predecessor_end
             : header.segment_bytes;
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
      ++damaged;
      expected_ = record.lsn;
      lose({.segment = step.header.segment,
            .offset = step.offset,
            .first_lost = {},
            .last_lost = {},
            .why = "the record is damaged"},
           record.lsn.next());
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

bool ReaderWalk::is_selected(const RecordView& record) const {
  return record.observed_unix_ns >= selection_.min_unix_ns &&
         record.observed_unix_ns <= selection_.max_unix_ns &&
         (selection_.pipeline.empty() || record.pipeline == selection_.pipeline) &&
         (selection_.source.empty() || record.source == selection_.source);
}

void ReaderWalk::show_record(const RecordView& record) {
  advance(record.lsn.next());
  if (is_selected(record)) {
    done_ = done_ || !on_record_(record);
  }
}

// Reports LSNs that should be there and are not.
void ReaderWalk::lose(Damage damage, Lsn behind) {
  if (damage.segment != 0) {  // in the log
    if (behind > expected_) {
      damage.first_lost = expected_;
      damage.last_lost = {behind.value - 1};
      expected_ = behind;
    }
    show_gap(gap_event_of(damage, directory_));
  } else {
    Event gap;
    gap.kind = EventKind::gap;
    gap.text = damage.why;
    if (damage.last_lost >= damage.first_lost && damage.last_lost.value != 0) {
      gap.first_lost = damage.first_lost;
      gap.last_lost = damage.last_lost;
      gap.records = damage.last_lost.value - damage.first_lost.value + 1;
      gap.text += fmt::format("; LSN {} to {} cannot all be read", damage.first_lost.value,
                              damage.last_lost.value);
    }
    show_gap(gap);
  }
  advance(behind);
}

void ReaderWalk::show_gap(const Event& gap) {
  const bool wanted = gap.last_lost.value == 0 ||
                      (gap.last_lost >= selection_.first && gap.first_lost <= selection_.last);
  if (wanted) {
    shown_gaps_[gap.first_lost.value] = gap.last_lost.value;
    done_ = done_ || !on_event_(gap);
  }
}

void ReaderWalk::show_event(const Event& event) {
  if (event.number != 0 && event.number <= last_event_) {
    return;  // an earlier pass has come by
  }
  last_event_ = event.number;
  event_after_ = std::max(event_after_, event.after);
  if (event.number != 0 && event.number < selection_.first_event) {
    return;
  }
  if (event.kind == EventKind::gap && event.first_lost.value != 0) {
    const auto shown = shown_gaps_.find(event.first_lost.value);
    if (shown != shown_gaps_.end() && shown->second == event.last_lost.value) {
      return;  // this walk has met the damage itself
    }
  }
  if (event.after.next() >= selection_.first && event.after <= selection_.last) {
    done_ = done_ || !on_event_(event);
  }
}

}  // namespace kifa::store
