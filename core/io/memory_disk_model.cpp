#include "core/io/memory_disk_model.hpp"

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"

namespace kifa::io {

namespace {

// `written` widened to whole sectors with what the cache holds around it: a disk writes whole
// sectors, so an earlier write to the same sector cannot be missing where this one is there.
Extent widened(const Extent& written, const Content& cache) {
  const std::uint64_t from = written.offset() / kSectorBytes * kSectorBytes;
  std::uint64_t to = (written.end() + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  to = std::min(to, std::max(cache.size(), written.end()));
  if (written.size() == 0 || (from == written.offset() && to == written.end())) {
    return written;
  }
  Content around = cache;
  around.write(written);
  std::vector<std::byte> bytes(static_cast<std::size_t>(to - from));
  const std::size_t count = around.read(bytes, from);
  KIFA_ASSERT(count == bytes.size());
  return {from, bytes};
}

bool conflicts(const PendingChange& a, const PendingChange& b) {
  return a.is_resize || b.is_resize || a.extent.overlaps(b.extent);
}

void apply_change(const PendingChange& change, Content& content) {
  if (change.is_resize) {
    content.resize(change.new_size);
  } else {
    content.write(change.extent);
  }
}

void apply_name(const TraceEvent& event,
                std::map<NodeNumber, std::map<std::string, NodeNumber>>& names) {
  const auto erase = [&](NodeNumber directory, const std::string& name) {
    auto& entries = names[directory];
    const auto place = entries.find(name);
    if (place != entries.end() && place->second == event.node) {
      entries.erase(place);
    }
  };
  switch (event.kind) {
    case TraceKind::create:
      names[event.directory][event.name] = event.node;
      break;
    case TraceKind::link:
      names[event.to_directory][event.to_name] = event.node;
      break;
    case TraceKind::rename:
      erase(event.directory, event.name);
      names[event.to_directory][event.to_name] = event.node;
      break;
    default:
      erase(event.directory, event.name);
      break;
  }
}

}  // namespace

DiskModel::DiskModel() {
  DiskNode root;
  root.is_directory = true;
  root.mode = 0700;
  root.links = 1;
  nodes_.emplace(kRoot, std::move(root));
}

void DiskModel::apply(const TraceEvent& event) {
  switch (event.kind) {
    case TraceKind::write_begin:
      return begin_write(event);
    case TraceKind::write_end:
      return end_write(event);
    case TraceKind::sync_begin:
      return begin_sync(event);
    case TraceKind::sync_end:
      return end_sync(event);
    case TraceKind::resize:
      return change_size(event);
    case TraceKind::create:
    case TraceKind::rename:
    case TraceKind::link:
    case TraceKind::remove:
      return change_names(event);
    case TraceKind::sync_directory:
      return settle_names(event.node);
    case TraceKind::failure:
    case TraceKind::note:
      break;
  }
}

void DiskModel::begin_write(const TraceEvent& event) {
  DiskNode& file = node(event.node);
  PendingChange change;
  change.id = next_change_++;
  change.call = event.call;
  change.is_durable = event.durable;
  change.written = event.extent;
  change.extent = widened(event.extent, file.cache);
  file.pending.push_back(std::move(change));
}

void DiskModel::end_write(const TraceEvent& event) {
  DiskNode& file = node(event.node);
  const auto place = std::ranges::find_if(file.pending, [&](const PendingChange& each) {
    return !each.has_returned && each.call == event.call;
  });
  KIFA_ASSERT(place != file.pending.end());
  PendingChange& change = *place;
  if (event.result < change.written.size()) {
    change.written = change.written.truncated(event.result);
    change.extent = widened(change.written, file.cache);
  }
  if (event.result == 0) {
    file.pending.erase(place);
    return;
  }
  file.cache.write(change.written);
  if (file.disk) {
    file.disk->write(change.extent);  // the whole sector, with what the cache had around
  }
  change.has_returned = true;
  change.is_certain = change.is_durable && event.sys_errno == 0;
  if (change.is_certain) {
    settle(file);
  }
}

void DiskModel::begin_sync(const TraceEvent& event) {
  std::vector<std::uint64_t>& covered = syncs_[event.call];
  for (const PendingChange& change : node(event.node).pending) {
    if (change.has_returned) {
      covered.push_back(change.id);
    }
  }
}

void DiskModel::end_sync(const TraceEvent& event) {
  DiskNode& file = node(event.node);
  const auto running = syncs_.find(event.call);
  KIFA_ASSERT(running != syncs_.end());
  const std::vector<std::uint64_t> covered = std::move(running->second);
  syncs_.erase(running);
  const auto is_covered = [&](const PendingChange& change) {
    return std::ranges::find(covered, change.id) != covered.end();
  };
  if (event.sys_errno == 0) {
    for (PendingChange& change : file.pending) {
      change.is_certain = change.is_certain || is_covered(change);
    }
    settle(file);
    return;
  }
  if (event.keeps_data) {
    return;
  }
  std::erase_if(file.pending, [&](const PendingChange& change) {
    return is_covered(change) && !change.is_certain;
  });
  settle(file);
  file.disk = file.settled;
  for (const PendingChange& change : file.pending) {
    if (change.has_returned) {
      apply_change(change, *file.disk);
    }
  }
}

void DiskModel::change_size(const TraceEvent& event) {
  DiskNode& file = node(event.node);
  PendingChange change;
  change.id = next_change_++;
  change.is_resize = true;
  change.has_returned = true;
  change.new_size = event.result;
  file.cache.resize(event.result);
  if (file.disk) {
    file.disk->resize(event.result);
  }
  file.pending.push_back(std::move(change));
}

// Moves to `settled` what is certain and does not wait for an uncertain change below it.
void DiskModel::settle(DiskNode& node) {
  std::vector<PendingChange> left;
  for (PendingChange& change : node.pending) {
    const bool waits = std::ranges::any_of(
        left, [&](const PendingChange& earlier) { return conflicts(earlier, change); });
    if (change.is_certain && !waits) {
      apply_change(change, node.settled);
    } else {
      left.push_back(std::move(change));
    }
  }
  node.pending = std::move(left);
}

void DiskModel::change_names(const TraceEvent& event) {
  if (event.kind == TraceKind::create) {
    DiskNode& created = nodes_[event.node];
    created.is_directory = event.is_directory;
    created.mode = event.mode;
    next_number_ = std::max(next_number_, event.node + 1);
  }
  const auto lose_link = [&](NodeNumber directory, const std::string& name) {
    const auto& names = node(directory).names;
    const auto place = names.find(name);
    if (place != names.end()) {
      --node(place->second).links;
    }
  };
  switch (event.kind) {
    case TraceKind::rename:
      lose_link(event.to_directory, event.to_name);
      break;
    case TraceKind::remove:
      lose_link(event.directory, event.name);
      break;
    default:
      ++node(event.node).links;
      break;
  }
  // Only the directories concerned, as apply_name() takes them.
  Names names;
  for (const NodeNumber directory : {event.directory, event.to_directory}) {
    if (directory != 0 && !names.contains(directory)) {
      names[directory] = std::move(node(directory).names);
    }
  }
  apply_name(event, names);
  for (auto& [directory, entries] : names) {
    node(directory).names = std::move(entries);
  }
  pending_names_.push_back({.event = event});
}

void DiskModel::settle_names(NodeNumber directory) {
  for (PendingName& name : pending_names_) {
    if (name.event.directory == directory || name.event.to_directory == directory) {
      name.is_certain = true;
    }
  }
  std::size_t settled = 0;
  Names names;
  for (; settled < pending_names_.size() && pending_names_[settled].is_certain; ++settled) {
    const TraceEvent& event = pending_names_[settled].event;
    for (const NodeNumber concerned : {event.directory, event.to_directory}) {
      if (concerned != 0 && !names.contains(concerned)) {
        names[concerned] = node(concerned).settled_names;
      }
    }
    apply_name(event, names);
  }
  pending_names_.erase(pending_names_.begin(),
                       pending_names_.begin() + static_cast<std::ptrdiff_t>(settled));
  for (auto& [concerned, entries] : names) {
    node(concerned).settled_names = std::move(entries);
  }
}

bool DiskModel::has_uncertain() const {
  return std::ranges::any_of(pending_names_,
                             [](const PendingName& name) { return !name.is_certain; }) ||
         std::ranges::any_of(nodes_,
                             [](const auto& entry) { return !entry.second.pending.empty(); });
}

DiskModel DiskModel::after_power_cut(std::uint64_t seed, bool spoils,
                                     std::uint64_t* choices) const {
  std::vector<std::pair<std::uint64_t, NodeNumber>> uncertain;  // by age, over all files
  for (const auto& [number, node] : nodes_) {
    for (const PendingChange& change : node.pending) {
      if (!change.is_certain) {
        uncertain.emplace_back(change.id, number);
      }
    }
  }
  std::ranges::sort(uncertain);
  const auto name_count =
      static_cast<std::size_t>(std::ranges::count(pending_names_, false, &PendingName::is_certain));
  CrashChoice choice(seed, uncertain.size(), name_count, spoils);

  DiskModel image;
  image.next_number_ = next_number_;
  image.nodes_.clear();
  for (const auto& [number, node] : nodes_) {
    DiskNode& left = image.nodes_[number];
    left.is_directory = node.is_directory;
    left.mode = node.mode;
    left.settled = node.settled;
    for (const PendingChange& change : node.pending) {
      if (change.is_certain) {
        apply_change(change, left.settled);
        continue;
      }
      const auto place = std::ranges::lower_bound(uncertain, std::pair(change.id, number));
      leave_change(change, static_cast<std::size_t>(place - uncertain.begin()), choice,
                   left.settled);
    }
    left.cache = left.settled;
  }
  image.take_names(*this, choice);
  if (choices != nullptr) {
    *choices = choice.fingerprint();
  }
  return image;
}

void DiskModel::leave_change(const PendingChange& change, std::size_t index, CrashChoice& choice,
                             Content& content) {
  if (change.is_resize) {
    if (choice.keeps_resize(index)) {
      content.resize(change.new_size);
    }
    return;
  }
  const std::size_t sector_count = change.extent.sector_count();
  content.write_sectors(change.extent, choice.sectors(index, sector_count));
  if (const auto spoilt = choice.spoilt_sector(sector_count)) {
    const std::uint64_t first = change.extent.offset() / kSectorBytes;
    const std::uint64_t from = std::max(change.extent.offset(), (first + *spoilt) * kSectorBytes);
    const std::uint64_t to = std::min(change.extent.end(), (first + *spoilt + 1) * kSectorBytes);
    content.write(Extent(from, choice.garbage(static_cast<std::size_t>(to - from))));
  }
  if (content.size() < change.extent.end() && choice.keeps_length()) {
    content.resize(change.extent.end());
  }
}

// The names that `before` has for certain and those that `choice` keeps; files without a name go.
void DiskModel::take_names(const DiskModel& before, CrashChoice& choice) {
  Names names;
  for (const auto& [number, node] : before.nodes_) {
    if (node.is_directory) {
      names[number] = node.settled_names;
    }
  }
  std::size_t index = 0;
  for (const PendingName& name : before.pending_names_) {
    if (name.is_certain || choice.keeps_name(index++)) {
      apply_name(name.event, names);
    }
  }
  for (auto& [number, entries] : names) {
    node(number).names = entries;
    node(number).settled_names = std::move(entries);
  }
  drop_unreachable();
}

void DiskModel::drop_unreachable() {
  for (auto& [number, node] : nodes_) {
    node.links = 0;
  }
  std::vector<NodeNumber> open = {kRoot};
  node(kRoot).links = 1;
  while (!open.empty()) {
    const NodeNumber directory = open.back();
    open.pop_back();
    for (const auto& [name, number] : node(directory).names) {
      DiskNode& child = node(number);
      if (++child.links == 1 && child.is_directory) {
        open.push_back(number);
      }
    }
  }
  std::erase_if(nodes_, [](const auto& entry) { return entry.second.links == 0; });
}

DiskModel DiskModel::after_kill(std::uint64_t seed) const {
  DiskModel image = *this;
  image.syncs_.clear();
  CrashChoice choice(seed, 1, 0, false);  // every write in flight for itself
  for (auto& [number, node] : image.nodes_) {
    std::vector<PendingChange> left;
    for (PendingChange& change : node.pending) {
      if (change.has_returned) {
        left.push_back(std::move(change));
        continue;
      }
      const std::vector<bool> keep = choice.sectors(0, change.extent.sector_count());
      for (Extent& part : change.extent.runs(keep)) {
        node.cache.write(part);
        if (node.disk) {
          node.disk->write(part);
        }
        PendingChange arrived;
        arrived.id = change.id;
        arrived.has_returned = true;
        arrived.written = part;
        arrived.extent = std::move(part);
        left.push_back(std::move(arrived));
      }
    }
    node.pending = std::move(left);
  }
  return image;
}

}  // namespace kifa::io
