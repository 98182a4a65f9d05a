#include "core/store/manifest_rebuild.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "core/store/checkpoints_file.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

namespace {

struct FoundTable {
  TableInfo info;
  Digest previous_anchor{};  // that its first piece chains to
  [[nodiscard]] std::uint64_t next_event() const { return info.first_event + info.events; }
  // Of tables that follow each other the later one has the higher value.
  [[nodiscard]] std::pair<Lsn, std::uint64_t> begins_at() const {
    return {info.first, info.first_event};
  }
};

class Rebuild final {
 public:
  Rebuild(io::FileSystem& files, const std::string& directory, const LogScan& scan)
      : files_(files), directory_(directory), scan_(scan) {}

  Result<std::optional<Manifest>> run() {
    std::optional<Manifest> none;
    const LogSegment* oldest = scan_.path.empty() ? nullptr : &scan_.path.front();
    // Tables hold nothing that a log from the first record on does not hold as well.
    if (oldest == nullptr || oldest->rebuilt || oldest->header.first_lsn <= 1) {
      return none;
    }
    manifest_.version = 0;
    manifest_.store_id = oldest->header.store_id;
    manifest_.next_file_number = scan_.manifest.highest_file_number + 1;
    KIFA_TRY(find_tables());
    if (found_.empty()) {
      return none;
    }
    choose_tables();
    KIFA_TRY(find_mark());
    count_purged();
    find_checkpoints();
    // What the footers say may contradict itself; then nothing is built on it.
    return check_manifest(manifest_) ? std::optional(std::move(manifest_)) : none;
  }

 private:
  // Every table of this store whose footer holds.
  Status find_tables() {
    for (const std::string& name : scan_.manifest.names) {
      const auto number = table_number_of(name);
      if (!number) {
        continue;
      }
      auto file = files_.open(fmt::format("{}/{}", directory_, name), {.access = io::Access::read});
      if (file.status().code() == Code::not_found) {
        continue;
      }
      KIFA_TRY(file.status());
      const auto info = (*file)->info();
      KIFA_TRY(info.status());
      std::array<std::byte, sizeof(TableFooter)> bytes{};
      if (info->bytes < sizeof(TableHeader) + bytes.size() ||
          !(*file)->read_at(bytes, info->bytes - bytes.size())) {
        continue;  // unfinished, or on a bad place of the disk
      }
      const auto footer = decode_table_footer(bytes, *number);
      if (footer && footer->store_id == manifest_.store_id && footer->file_bytes == info->bytes) {
        found_.push_back({.info = info_of(*footer), .previous_anchor = footer->previous_anchor});
      }
    }
    return {};
  }

  // From the newest table backwards along the hash chain. Of tables that end with the same piece,
  // inputs and output of a compaction, the one that reaches back furthest is taken.
  void choose_tables() {
    for (const FoundTable& each : found_) {
      by_last_anchor_.emplace(each.info.last_anchor, &each);
    }
    const auto is_earlier_end = [](const FoundTable& a, const FoundTable& b) {
      return std::tuple(a.info.last, a.next_event(), b.info.first, a.info.number) <
             std::tuple(b.info.last, b.next_event(), a.info.first, b.info.number);
    };
    const FoundTable* table = &*std::ranges::max_element(found_, is_earlier_end);
    next_event_ = table->next_event();
    manifest_.last_anchor = table->info.last_anchor;
    for (const FoundTable* before = nullptr; table != nullptr; table = before) {
      manifest_.tables.push_back(table->info);
      manifest_.purged.anchor = table->previous_anchor;
      before = predecessor_of(*table);
    }
    std::ranges::reverse(manifest_.tables);
  }

  [[nodiscard]] const FoundTable* predecessor_of(const FoundTable& table) const {
    const FoundTable* best = nullptr;
    const auto [begin, end] = by_last_anchor_.equal_range(table.previous_anchor);
    for (auto at = begin; at != end; ++at) {
      const FoundTable& each = *at->second;
      const bool fits = each.info.last.next() == table.info.first &&
                        each.next_event() <= table.info.first_event &&
                        each.begins_at() < table.begins_at();
      if (fits && (best == nullptr || each.begins_at() < best->begins_at())) {
        best = &each;
      }
    }
    return best;
  }

  // Where the log goes on behind the tables: a flush takes whole frames.
  Status find_mark() {
    const Lsn next = manifest_.tables.back().last.next();
    std::size_t index = 0;
    while (index + 1 < scan_.path.size() && !scan_.path[index + 1].rebuilt &&
           scan_.path[index + 1].header.first_lsn <= next.value &&
           scan_.path[index + 1].header.first_event <= next_event_) {
      ++index;
    }
    const LogSegment& segment = scan_.path[index];
    const SegmentHeader& header = segment.header;
    const std::uint64_t end =
        index + 1 < scan_.path.size() ? scan_.path[index + 1].header.predecessor_end : 0;
    LogMark& mark = manifest_.flushed.mark;
    mark = {.at = {header.number, segment.begin},
            .chain = header.predecessor_chain,
            .next_lsn = next,
            .next_event = std::max(next_event_, header.first_event),
            .totals = header.before};
    manifest_.flushed.epoch = header.epoch;
    auto file = open_segment(files_, segment_path(directory_, header.number));
    KIFA_TRY(file.status());
    SegmentScanner scanner(**file, header, end == 0 ? header.segment_bytes : end);
    while (const auto at = scanner.find_frame(mark.at.offset)) {
      const SegmentScanner::Step step = scanner.look(*at);
      const FrameHeader& frame = step.header;
      const bool is_behind = frame.first_lsn >= next.value && frame.first_event >= next_event_;
      if (is_behind) {
        mark.at.offset = *at;
        break;
      }
      count(step, mark.totals);
      mark.chain = frame.header_crc;
      mark.next_event = std::max(next_event_, frame.first_event + frame.event_count);
      mark.at.offset = std::max(step.next_offset, *at + header.block_bytes);
    }
    manifest_.highest_event = mark.next_event - 1;
    return {};
  }

  static void count(const SegmentScanner::Step& step, Totals& totals) {
    const FrameHeader& frame = step.header;
    totals.records += frame.record_count;
    totals.payload_bytes += frame.payload_bytes;
    totals.events += frame.event_count;
    if (step.found != SegmentScanner::Found::frame) {
      return;
    }
    for (const Event& event : events_of(step.frame.view)) {
      totals.gaps += event.kind == EventKind::gap ? 1 : 0;
      totals.lost_records += event.kind == EventKind::gap ? event.records : 0;
    }
  }

  // What is before the oldest table: all that the log has counted and no table holds.
  void count_purged() {
    Totals rest = manifest_.flushed.mark.totals;
    const auto take = [](std::uint64_t& from, std::uint64_t what) { from -= std::min(from, what); };
    for (const TableInfo& table : manifest_.tables) {
      take(rest.records, table.records);
      take(rest.payload_bytes, table.payload_bytes);
      take(rest.events, table.events);
      take(rest.gaps, table.gaps);
      take(rest.lost_records, table.lost_records);
    }
    const TableInfo& first = manifest_.tables.front();
    manifest_.purged.through = {first.first.value - 1};
    manifest_.purged.next_event = first.first_event;
    if (first.first.value > 1) {
      manifest_.purged.totals = rest;
    } else {
      manifest_.purged.anchor = {};
    }
  }

  // The newest file that can be read. An older one than the tables only makes sources send again.
  void find_checkpoints() {
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : scan_.manifest.names) {
      if (const auto number = checkpoints_number_of(name)) {
        numbers.push_back(*number);
      }
    }
    std::ranges::sort(numbers, std::greater());
    for (const std::uint64_t number : numbers) {
      const auto found = name_checkpoints(files_, directory_, manifest_.store_id, number);
      if (found) {
        manifest_.checkpoints = *found;
        return;
      }
    }
  }

  io::FileSystem& files_;
  const std::string& directory_;
  const LogScan& scan_;
  std::vector<FoundTable> found_;
  std::multimap<Digest, const FoundTable*> by_last_anchor_;
  std::uint64_t next_event_ = 1;  // behind the last table
  Manifest manifest_;
};

}  // namespace

Result<std::optional<Manifest>> rebuild_manifest(io::FileSystem& files,
                                                 const std::string& directory,
                                                 const LogScan& scan) {
  return Rebuild(files, directory, scan).run();
}

}  // namespace kifa::store
