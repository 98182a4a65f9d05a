#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/frame_view.hpp"
#include "core/store/gap_search.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/lsn_set.hpp"
#include "core/store/reader.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

// Where segment `index` of a log ends.
[[nodiscard]] std::uint64_t end_of_segment(const std::vector<LogSegment>& path, std::size_t index);

// Goes through the records and events of a selection once, in LSN order: first the tables, then the
// log behind them. A pass that finds a file gone or replaced ends as `stale`; with a fresh view of
// the store the next pass goes on behind the last record shown.
//
// What is lost is told where its LSNs are missing, and once: the event that tells of it is not
// shown again where it stands. In the log a gap is told by what is found at its place, in tables by
// the event itself, wherever that is (gap_search.hpp).
//
// Threads: confined.
class ReaderWalk final {
 public:
  // The callbacks must live as long. selection.last is the end of what may be shown.
  ReaderWalk(io::FileSystem& files, std::string directory, const Selection& selection,
             const Reader::OnRecord& on_record, const Reader::OnEvent& on_event)
      : files_(files),
        directory_(std::move(directory)),
        selection_(selection),
        on_record_(on_record),
        on_event_(on_event),
        search_(files_, directory_),
        next_show_(selection.first) {}

  enum class Pass : std::uint8_t { done, stale };
  Result<Pass> run(const LogScan& log);

  // A frame boundary in the log; everything before it was passed.
  struct Place {
    Position at;                   // segment 0: none
    Lsn next_lsn;                  // of the frame there
    Lsn event_after;               // the highest LSN that an event before it follows
    std::uint64_t next_event = 0;  // number of the first event behind it
  };
  // Begins the walk through the log at `place`, of an earlier walk of the same store, if nothing
  // before it is selected.
  void begin_at(const Place& place);
  [[nodiscard]] const Place& place() const { return place_; }

  // Whether anything was shown or passed since this was asked last.
  bool has_advanced() { return std::exchange(advanced_, false); }

 private:
  using Found = SegmentScanner::Found;

  Result<Pass> read_tables();
  void tell_purged(Lsn through);
  Result<Pass> read_table(const TableInfo& table);
  Result<Pass> scan_table(TableReader& reader, const TableInfo& table, const std::string& path);
  [[nodiscard]] static bool is_dense(const TableInfo& table);
  [[nodiscard]] bool is_outside_times(const TableInfo& table) const;
  [[nodiscard]] bool is_in_times(std::int64_t unix_ns) const;
  Result<Pass> tell_missing(Lsn first, Lsn last, const std::string& path);
  void lose_in_table(std::string text, Lsn first, Lsn last);
  Result<Pass> read_log();
  Result<Pass> read_segment(std::size_t index);
  Result<Pass> reach_end();
  [[nodiscard]] std::size_t first_segment() const;
  [[nodiscard]] Lsn lsn_behind(std::size_t index, SegmentScanner& scanner,
                               std::optional<std::uint64_t> next) const;
  // Whether the store has gone on meanwhile, so that a fault may be none.
  Result<bool> is_outdated(Position at) const;

  void show_frame(const SegmentScanner::Step& step);
  template <class BeforeRecord>
  void show_records(const SegmentScanner::Step& step, const BeforeRecord& before_record);
  void show_record(const RecordView& record);
  void show_event(const Event& event);
  void lose(Damage damage, Lsn behind);
  void show_gap(const Event& gap);
  [[nodiscard]] bool is_told(const Event& event) const;
  [[nodiscard]] bool is_selected(const RecordView& record) const;
  void advance(Lsn to);

  io::FileSystem& files_;
  const std::string directory_;
  const Selection selection_;
  const Reader::OnRecord& on_record_;
  const Reader::OnEvent& on_event_;
  const LogScan* log_ = nullptr;  // of this pass
  FrameGroups groups_;
  LsnSet told_;       // lost, and this walk has said so
  GapSearch search_;  // for the reasons of what is missing in tables
  Lsn looked_again_for_;
  Lsn expected_;  // of the next frame in this pass; 0: not known yet
  Place begin_;   // where the log is entered; segment 0: at its beginning
  Place place_;
  Lsn event_after_;               // the highest LSN that an event passed follows
  Lsn next_show_;                 // nothing before it is shown (again)
  std::uint64_t last_event_ = 0;  // number of the last event passed
  bool advanced_ = false;
  bool done_ = false;
};

}  // namespace kifa::store
