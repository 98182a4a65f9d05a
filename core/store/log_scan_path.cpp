#include "core/store/log_scan_path.hpp"
#include "core/store/manifest_rebuild.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <ranges>
#include <set>

#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/small_file.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

namespace {

constexpr std::string_view kUnfinishedSuffix = ".tmp";

struct Candidate {
  std::uint64_t bytes = 0;
  std::optional<FoundHeader> found;
};
using Candidates = std::map<std::uint64_t, Candidate>;

// `name` without what was added when the file was moved aside.
std::string_view without_aside(std::string_view name) {
  for (const std::string_view suffix : {kDamagedSuffix, kOrphanSuffix}) {
    if (name.ends_with(suffix)) {
      return name.substr(0, name.size() - suffix.size());
    }
  }
  return name;
}

bool is_known_name(std::string_view name) {
  const std::string_view stem = without_aside(name);
  return name == kLockFileName || name == kStatusFileName || name == kCursorsDirectory ||
         name == kReserveFileName || manifest_version_of(stem) || table_number_of(stem) ||
         checkpoints_number_of(stem) || segment_number_of(stem);
}

Status list_files(io::FileSystem& files, const std::string& directory, LogScan& scan,
                  Candidates& candidates) {
  const auto entries = files.list(directory);
  if (!entries) {
    return entries.error();
  }
  std::set<io::FileId> seen;
  for (const io::DirectoryEntry& entry : *entries) {
    if (entry.type == io::FileType::regular) {
      const auto info = files.info(fmt::format("{}/{}", directory, entry.name));
      if (!info && info.error().code() != Code::not_found) {
        return info.error();  // a segment of unknown size must not pass for a spare
      }
      // What is put aside may have its first name still.
      scan.file_bytes += info && seen.insert(info->id).second ? info->bytes : 0;
      scan.has_reserve = scan.has_reserve || entry.name == kReserveFileName;
      if (const auto number = segment_number_of(entry.name)) {
        candidates[*number].bytes = info ? info->bytes : 0;
        scan.segment_file_bytes[*number] = candidates[*number].bytes;
        scan.highest_number = std::max(scan.highest_number, *number);
        continue;
      }
    }
    const std::string_view stem(
        entry.name.data(),
        entry.name.size() - std::min(entry.name.size(), kUnfinishedSuffix.size()));
    if (entry.name.ends_with(kUnfinishedSuffix) &&
        (segment_number_of(stem) || manifest_version_of(stem) || stem == kReserveFileName)) {
      scan.leftovers.push_back(entry.name);
      scan.highest_number = std::max(scan.highest_number, segment_number_of(stem).value_or(0));
    } else if (!is_known_name(entry.name)) {
      scan.foreign.push_back(entry.name);
    }
  }
  scan.exists = !candidates.empty() || scan.status.has_value() || scan.manifest.manifest;
  return {};
}

Status read_header(io::FileSystem& files, const LogScanOptions& options, std::uint64_t number,
                   const std::optional<RebuildHint>& hint, Candidate& candidate) {
  const std::string path = segment_path(options.directory, number);
  auto file = open_segment(files, path);
  if (!file) {
    return file.error();
  }
  auto found = find_segment_header(**file, number, candidate.bytes, hint);
  if (!found) {
    return found.error().with_context(path);
  }
  candidate.found = *found;
  return {};
}

// Whether the last writer has closed the store at the end that STATUS names, and no later segment
// says otherwise (see ForwardPass::is_closed_here).
bool is_closed_at(const StatusSlot& status, const Candidates& candidates) {
  const auto newest = std::find_if(candidates.rbegin(), candidates.rend(), [](const auto& entry) {
    return entry.second.found.has_value();
  });
  return status.state == StatusState::stopped && newest != candidates.rend() &&
         newest->first == status.durable.segment &&
         newest->second.found->header.store_id == status.store_id;
}

Status read_headers(io::FileSystem& files, const LogScanOptions& options,
                    const std::optional<StatusSlot>& status, Candidates& candidates) {
  std::map<std::uint64_t, std::uint64_t> named;  // number and epoch, by a successor
  for (auto& [number, candidate] : candidates) {
    KIFA_TRY(read_header(files, options, number, std::nullopt, candidate));
    if (candidate.found) {
      const SegmentHeader& header = candidate.found->header;
      named[header.predecessor_number] = header.predecessor_epoch;
    }
  }
  const bool is_closed = status && is_closed_at(*status, candidates);
  for (auto& [number, candidate] : candidates) {
    // With a live writer, segments after its durable end are its own business; behind one that has
    // closed the store there are spares.
    if (candidate.found || (options.live_end && number > options.live_end->segment) ||
        (is_closed && number > status->durable.segment)) {
      continue;
    }
    RebuildHint hint{.was_named = status && number <= status->durable.segment};
    if (const auto successor = named.find(number); successor != named.end()) {
      hint = {.was_named = true, .epoch = successor->second};
    }
    KIFA_TRY(read_header(files, options, number, hint, candidate));
  }
  return {};
}

// A rebuilt header does not know its predecessor: it is the segment that holds the frame before its
// first one.
void find_predecessor(io::FileSystem& files, const LogScanOptions& options,
                      const Candidates& candidates, SegmentHeader& header) {
  for (const auto& [number, candidate] : candidates | std::views::reverse) {
    if (number >= header.number || !candidate.found) {
      continue;
    }
    const SegmentHeader& earlier = candidate.found->header;
    if (header.predecessor_number ==
        0) {  // better than nothing: the nearest one, as far as it goes
      header.predecessor_number = number;
      header.predecessor_epoch = earlier.epoch;
      header.predecessor_end = earlier.segment_bytes;
    }
    auto file = open_segment(files, segment_path(options.directory, number));
    if (!file) {
      continue;
    }
    SegmentScanner scanner(**file, earlier, earlier.segment_bytes);
    std::uint64_t at = std::uint64_t{2} * earlier.block_bytes;
    while (const auto place = scanner.find_frame(at)) {
      const SegmentScanner::Step step = scanner.look(*place);
      at = std::max(step.next_offset, *place + earlier.block_bytes);
      if (step.header.header_crc == header.predecessor_chain) {
        header.predecessor_number = number;
        header.predecessor_epoch = earlier.epoch;
        header.predecessor_end = step.next_offset;
        return;
      }
    }
  }
}

std::uint64_t tip_of(const LogScanOptions& options, const Candidates& candidates) {
  if (options.live_end) {
    return options.live_end->segment;
  }
  for (const auto& [number, candidate] : candidates | std::views::reverse) {
    if (candidate.found) {
      return number;
    }
  }
  return 0;
}

std::uint64_t earlier_segment(const Candidates& candidates, std::uint64_t number) {
  for (const auto& [earlier, candidate] : candidates | std::views::reverse) {
    if (earlier < number && candidate.found) {
      return earlier;
    }
  }
  return 0;
}

void walk_back(io::FileSystem& files, const LogScanOptions& options, Candidates& candidates,
               LogScan& scan) {
  const FlushedLog flushed = scan.flushed();
  std::uint64_t number = tip_of(options, candidates);
  std::optional<std::uint64_t> epoch;
  // What is before the flushed mark is in tables, whatever segments are still there.
  while (number != 0 && number >= flushed.mark.at.segment) {
    auto at = candidates.find(number);
    if (at == candidates.end() || !at->second.found ||
        (epoch && at->second.found->header.epoch != *epoch)) {
      // The file is missing or another one: the nearest earlier segment is taken, and the frames
      // between are a gap.
      number = earlier_segment(candidates, number);
      epoch.reset();
      continue;
    }
    FoundHeader& found = *at->second.found;
    if (found.rebuilt) {
      find_predecessor(files, options, candidates, found.header);
    }
    if (number == flushed.mark.at.segment && found.header.epoch != flushed.epoch) {
      break;  // another file under that name: what it held behind the mark is lost
    }
    scan.path.push_back({.header = found.header,
                         .begin = number == flushed.mark.at.segment
                                      ? flushed.mark.at.offset
                                      : std::uint64_t{2} * found.header.block_bytes,
                         .end = 0,
                         .rebuilt = found.rebuilt});
    epoch = found.header.predecessor_epoch;
    number =
        std::min(found.header.predecessor_number, number - 1);  // strictly back, whatever it says
  }
  std::ranges::reverse(scan.path);
}

// The manifest is lost, but the tables say what they hold.
Status go_on_without_manifest(io::FileSystem& files, const std::string& directory, LogScan& scan) {
  auto rebuilt = rebuild_manifest(files, directory, scan);
  KIFA_TRY(rebuilt.status());
  if (!*rebuilt) {
    return {};
  }
  const Position from = (*rebuilt)->flushed.mark.at;
  scan.manifest.manifest = std::move(*rebuilt);
  scan.manifest.is_rebuilt = true;
  std::erase_if(scan.path, [&from](const LogSegment& segment) {
    return segment.header.number < from.segment;
  });
  if (!scan.path.empty() && scan.path.front().header.number == from.segment) {
    scan.path.front().begin = from.offset;
  }
  return {};
}

}  // namespace

std::string segment_path(std::string_view directory, std::uint64_t number) {
  return fmt::format("{}/{}", directory, segment_file_name(number));
}

Status find_path(io::FileSystem& files, const LogScanOptions& options, LogScan& scan) {
  auto status = read_status(files, options.directory);
  if (!status) {
    return status.error().with_context(options.directory);
  }
  scan.status = *status;
  auto manifest = load_manifest(files, options.directory);
  if (!manifest) {
    return manifest.error();
  }
  scan.manifest = std::move(*manifest);
  Candidates candidates;
  KIFA_TRY(list_files(files, options.directory, scan, candidates));
  KIFA_TRY(read_headers(files, options, scan.status, candidates));
  walk_back(files, options, candidates, scan);
  const auto on_path = [&scan](std::uint64_t number) {
    return std::ranges::any_of(
        scan.path, [number](const LogSegment& segment) { return segment.header.number == number; });
  };
  for (const LogSegment& segment : scan.path) {
    if (!segment.rebuilt) {
      scan.store_id = segment.header.store_id;
    }
  }
  if (scan.manifest.manifest) {
    scan.store_id = scan.manifest.manifest->store_id;
  }
  if (scan.status && scan.store_id == StoreId{}) {
    scan.store_id = scan.status->store_id;
  }
  if (scan.status && scan.status->store_id == scan.store_id) {
    scan.evidence = scan.status->durable;
  }
  scan.opening_note = read_opening_note(files, options.directory);
  if (scan.opening_note && scan.opening_note->store_id != scan.store_id) {
    scan.opening_note.reset();
  }
  if (!scan.manifest.manifest && !options.live_end) {
    KIFA_TRY(go_on_without_manifest(files, options.directory, scan));
  }
  scan.evidence = std::max(scan.evidence, scan.flushed().mark.at);
  for (const auto& [number, candidate] : candidates) {
    // Spares have higher numbers than any segment that was used; without a header, a lower one is
    // damaged, and not ours to use again.
    const bool after_log = number > scan.evidence.segment &&
                           (scan.path.empty() || number > scan.path.back().header.number);
    const bool is_flushed = number < scan.flushed().mark.at.segment;  // whatever is in it
    if (!is_flushed && !candidate.found) {
      (after_log ? scan.spares : scan.suspects).push_back(number);
    } else if (is_flushed || !on_path(number)) {
      scan.dead.push_back(number);
    }
  }
  return {};
}

}  // namespace kifa::store
