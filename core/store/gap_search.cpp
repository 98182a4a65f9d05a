#include "core/store/gap_search.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/store/frame_view.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/reader_walk.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

std::vector<const Event*> GapSearch::find(const LogScan& log, Lsn first, Lsn last) {
  if (first > known_through_) {
    search(log, first);
  }
  std::vector<const Event*> found;
  for (const Event& gap : gaps_) {
    if (gap.last_lost >= first && gap.first_lost <= last) {
      found.push_back(&gap);
    }
  }
  return found;
}

void GapSearch::search(const LogScan& log, Lsn from) {
  gaps_.clear();
  known_through_ = {UINT64_MAX};
  std::uint64_t looked_at = 0;
  if (log.manifest.manifest) {
    for (const TableInfo& table : log.manifest.manifest->tables) {
      // An event follows what it tells of.
      if (table.gaps != 0 && table.last.next() >= from && looked_at < kLookedAtMax) {
        looked_at += table.gaps;
        search_table(log, table, from);
      }
    }
  }
  for (std::size_t i = 0; i < log.path.size(); ++i) {
    search_segment(log, i, from);
  }
}

void GapSearch::search_table(const LogScan& log, const TableInfo& table, Lsn from) {
  const auto reader = TableReader::open(
      files_, fmt::format("{}/{}", directory_, table_file_name(table.number)),
      {.number = table.number, .store_id = log.store_id, .footer_crc = table.footer_crc});
  if (!reader) {
    return;
  }
  const Status scanned = (*reader)->scan(
      {.first = from, .only_events = true}, [](const RecordView&) { return true; },
      [&](const Event& event) {
        take(event, from);
        return true;
      },
      [](const TableDamage&) {});
  ignore(scanned, "whoever reads the records tells of what cannot be read");
}

void GapSearch::search_segment(const LogScan& log, std::size_t index, Lsn from) {
  const LogSegment& segment = log.path[index];
  const std::uint64_t end = end_of_segment(log.path, index);
  const auto file = open_segment(files_, segment_path(directory_, segment.header.number));
  if (!file || segment.begin >= end) {
    return;
  }
  SegmentScanner scanner(**file, segment.header, end);
  for (auto at = std::optional(segment.begin); at && *at < end;) {
    const SegmentScanner::Step step = scanner.look(*at);
    const bool holds = step.found == SegmentScanner::Found::frame ||
                       step.found == SegmentScanner::Found::salvageable;
    if (holds && step.header.event_count != 0) {
      for (const Event& event : events_of(step.frame.view)) {
        take(event, from);
      }
    }
    at = holds ? std::optional(step.next_offset)
               : scanner.find_frame(*at + segment.header.block_bytes);
  }
}

void GapSearch::take(const Event& event, Lsn from) {
  const bool tells_of_lsns = event.kind == EventKind::gap && event.first_lost.value != 0;
  if (!tells_of_lsns || event.last_lost < from || event.first_lost > known_through_) {
    return;
  }
  const auto at = std::ranges::upper_bound(gaps_, event.first_lost, {}, &Event::first_lost);
  gaps_.insert(at, event);
  if (gaps_.size() > kKeptMax) {
    gaps_.pop_back();
    known_through_ = gaps_.back().first_lost;
  }
}

}  // namespace kifa::store
