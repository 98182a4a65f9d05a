#include "core/store/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/clock.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/status_file.hpp"

namespace kifa::store {

namespace {

constexpr int kOpenTriesMax = 5;  // a writer that starts or stops meanwhile changes the picture

class ReaderImpl final : public Reader {
 public:
  ReaderImpl(std::string directory, io::FileSystem& files)
      : directory_(std::move(directory)), files_(files) {}

  Status refresh() override;
  [[nodiscard]] Lsn durable_lsn() const override { return {log_.end.next_lsn.value - 1}; }
  Status scan(LsnRange range, const OnRecord& on_record, const OnEvent& on_event) override;
  Result<StoreStats> stats() override;

 private:
  class Walk;

  Status look(bool live);
  Status make_tail_durable();

  std::string directory_;
  io::FileSystem& files_;
  LogScan log_;
  bool live_ = false;
};

Result<bool> is_live(io::FileSystem& files, const std::string& directory,
                     const std::optional<StatusSlot>& status) {
  const auto locked = is_locked(files, directory);
  if (!locked) {
    return locked.error();
  }
  if (!*locked || !status || status->state != StatusState::serving) {
    return false;
  }
  const std::string boot_id = SystemClock().boot_id();
  return std::string_view(status->boot_id.data(), status->boot_id.size()) == boot_id;
}

Status ReaderImpl::refresh() {
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
  for (int attempt = 0; attempt < kOpenTriesMax; ++attempt) {
    const auto status = read_status(files_, directory_);
    if (!status) {
      return status.error().with_context(directory_);
    }
    const auto live = is_live(files_, directory_, *status);
    if (!live) {
      return live.error();
    }
    KIFA_TRY(look(*live));
    // Nobody may have begun or ended to write meanwhile: what was concluded without a writer must
    // not be shown beside one.
    const auto after = read_status(files_, directory_);
    const auto still = after ? is_live(files_, directory_, *after) : Result<bool>(after.error());
    if (still && *still == *live) {
      return {};
    }
  }
  return {Code::unavailable,
          fmt::format("the store in {} is being opened or closed again and again; try later",
                      directory_)};
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

// One pass over the records and events of a range.
class ReaderImpl::Walk final {
 public:
  Walk(ReaderImpl& reader, LsnRange range, const OnRecord& on_record, const OnEvent& on_event)
      : reader_(reader), range_(range), on_record_(on_record), on_event_(on_event) {}

  Status run() {
    const std::vector<LogSegment>& path = reader_.log_.path;
    std::size_t first = 0;
    // Events that follow the LSN before the range may stand at the end of an earlier segment.
    while (first + 1 < path.size() && path[first + 1].header.first_lsn < range_.first.value) {
      ++first;
    }
    for (std::size_t i = first; i < path.size() && !done_; ++i) {
      KIFA_TRY(read_segment(i));
    }
    return {};
  }

 private:
  using Found = SegmentScanner::Found;

  Status read_segment(std::size_t index) {
    const LogSegment& segment = reader_.log_.path[index];
    auto file =
        open_segment(reader_.files_, segment_path(reader_.directory_, segment.header.number));
    if (!file) {
      return file.error();
    }
    const std::uint64_t end = end_of(index);
    SegmentScanner scanner(**file, segment.header, end);
    if (next_lsn_.value == 0) {
      next_lsn_ = {segment.header.first_lsn};
    }
    for (std::uint64_t at = segment.begin; at < end && !done_;) {
      const SegmentScanner::Step step = scanner.look(at);
      const bool readable = step.found == Found::frame || step.found == Found::salvageable;
      if (readable && step.header.first_lsn >= next_lsn_.value) {
        show(step);
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
    return {};
  }

  [[nodiscard]] std::uint64_t end_of(std::size_t index) const {
    const std::vector<LogSegment>& path = reader_.log_.path;
    if (path[index].end != 0) {
      return path[index].end;
    }
    const SegmentHeader& header = path[index].header;
    return index + 1 < path.size() && path[index + 1].header.predecessor_number == header.number
               ? path[index + 1].header.predecessor_end
               : header.segment_bytes;
  }

  [[nodiscard]] Lsn lsn_behind(std::size_t index, SegmentScanner& scanner,
                               std::optional<std::uint64_t> next) {
    if (next) {
      return {scanner.look(*next).header.first_lsn};
    }
    const LogScan& log = reader_.log_;
    return index + 1 < log.path.size() ? Lsn{log.path[index + 1].header.first_lsn}
                                       : log.end.next_lsn;
  }

  // Reports LSNs that should be there and are not.
  void lose(Damage damage, Lsn behind) {
    if (behind > next_lsn_) {
      damage.first_lost = next_lsn_;
      damage.last_lost = {behind.value - 1};
      next_lsn_ = behind;
    }
    const bool wanted = damage.last_lost.value == 0 ||
                        (damage.last_lost >= range_.first &&
                         (range_.last.value == 0 || damage.first_lost <= range_.last));
    if (wanted) {
      shown_gaps_[damage.first_lost.value] = damage.last_lost.value;
      done_ = done_ || !on_event_(gap_event_of(damage, reader_.directory_));
    }
  }

  void show(const SegmentScanner::Step& step) {
    const FrameView& frame = step.frame.view;
    // A frame without records, or the events in front of the next record, still belong to the
    // range.
    if (range_.last.value != 0 && frame.header.first_lsn > range_.last.next().value) {
      done_ = true;
      return;
    }
    std::vector<Event> events = events_of(frame);
    std::size_t next_event = 0;
    const auto show_events_before = [&](std::uint64_t lsn) {
      for (; next_event < events.size() && events[next_event].after.value < lsn && !done_;
           ++next_event) {
        show_event(events[next_event]);
      }
    };
    const Lsn end{frame.header.first_lsn + frame.header.record_count};
    if (end > range_.first) {
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
    next_lsn_ = end;
    show_events_before(UINT64_MAX);
  }

  template <class BeforeRecord>
  void show_records(const SegmentScanner::Step& step, const BeforeRecord& before_record) {
    const FrameView& frame = step.frame.view;
    auto damaged = step.frame.damaged_records.begin();
    std::size_t payload_at = 0;
    for (std::uint32_t i = 0; i < frame.header.record_count && !done_; ++i) {
      const auto entry = load<TableEntry>(frame.table.data() + std::size_t{i} * sizeof(TableEntry));
      RecordView record;
      record.lsn = {frame.header.first_lsn + i};
      record.payload = frame.payloads.subspan(payload_at, entry.payload_bytes);
      payload_at += entry.payload_bytes;
      if (range_.last.value != 0 && record.lsn > range_.last) {
        before_record(record.lsn.value);
        done_ = true;
        return;
      }
      if (damaged != step.frame.damaged_records.end() && *damaged == i) {
        ++damaged;
        next_lsn_ = record.lsn;
        lose({.segment = step.header.segment,
              .offset = step.offset,
              .first_lost = {},
              .last_lost = {},
              .why = "the record is damaged"},
             record.lsn.next());
        continue;
      }
      if (record.lsn < range_.first) {
        continue;
      }
      before_record(record.lsn.value);
      record.observed_unix_ns = entry.observed_unix_ns;
      record.flags = entry.flags;
      record.boot_ordinal = frame.header.boot_ordinal;
      if (!groups_.apply(entry.group, record)) {
        continue;  // cannot be: the checksum held
      }
      done_ = done_ || !on_record_(record);
    }
  }

  void show_event(const Event& event) {
    if (event.kind == EventKind::gap && event.first_lost.value != 0) {
      const auto shown = shown_gaps_.find(event.first_lost.value);
      if (shown != shown_gaps_.end() && shown->second == event.last_lost.value) {
        return;  // this pass has met the damage itself
      }
    }
    const bool wanted = event.after.next() >= range_.first &&
                        (range_.last.value == 0 || event.after <= range_.last);
    if (wanted) {
      done_ = done_ || !on_event_(event);
    }
  }

  ReaderImpl& reader_;
  LsnRange range_;
  const OnRecord& on_record_;
  const OnEvent& on_event_;
  FrameGroups groups_;
  std::map<std::uint64_t, std::uint64_t> shown_gaps_;
  Lsn next_lsn_;
  bool done_ = false;
};

Status ReaderImpl::scan(LsnRange range, const OnRecord& on_record, const OnEvent& on_event) {
  if (range.last.value == 0 || range.last > durable_lsn()) {
    range.last = durable_lsn();
  }
  if (range.last.value == 0) {
    range.last = {UINT64_MAX - 1};  // an empty store may have events
  }
  return Walk(*this, range, on_record, on_event).run();
}

Result<StoreStats> ReaderImpl::stats() {
  StoreStats stats;
  const Totals& totals = log_.end.totals;
  stats.total_entries = totals.records;
  stats.first_lsn = totals.records == 0 ? Lsn{} : Lsn{log_.path.front().header.first_lsn};
  stats.last_lsn = totals.records == 0 ? Lsn{} : durable_lsn();
  stats.durable_lsn = durable_lsn();
  stats.first_unix_ns = totals.records == 0 ? 0 : totals.min_unix_ns;
  stats.last_unix_ns = totals.records == 0 ? 0 : totals.max_unix_ns;
  stats.gaps = totals.gaps + log_.damages.size();
  stats.lost_records = totals.lost_records + log_.lost_records;
  stats.events = totals.events;
  stats.payload_bytes = totals.payload_bytes;
  stats.segments = log_.path.size();
  stats.spare_segments = log_.spares.size();
  stats.disk_bytes = log_.file_bytes;
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
