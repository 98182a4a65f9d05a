#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/types.hpp"
#include "core/io/memory_content.hpp"
#include "core/io/memory_crash_choice.hpp"
#include "core/io/memory_trace.hpp"

// What a disk and the page cache above it hold after a run of events, and what a crash may leave of
// them. For tests.
namespace kifa::io {

// A write or resize that may or may not be on the disk.
struct PendingChange {
  std::uint64_t id = 0;    // in the order in which the changes began, over all files
  std::uint64_t call = 0;  // while it is in flight
  bool is_resize = false;
  bool has_returned = false;
  bool is_durable = false;  // asked for: certain as soon as it returns
  bool is_certain = false;  // on the disk, but behind an uncertain one that it overlaps
  Extent extent;            // widened to whole sectors with what the page cache held around it
  Extent written;           // as the caller gave it
  std::uint64_t new_size = 0;
};

// A file or a directory.
struct DiskNode {
  bool is_directory = false;
  std::uint32_t mode = 0;
  std::uint32_t links = 0;  // names in the running system
  Content cache;            // what the running system reads
  Content settled;          // what is on the disk for certain
  std::vector<PendingChange> pending;
  // What a direct read sees when that differs from `cache`: writes whose sync failed are in the
  // cache but not on the disk.
  std::optional<Content> disk;
  std::map<std::string, NodeNumber> names;  // of a directory, in the running system
  std::map<std::string, NodeNumber> settled_names;
};

// Rules, all on the side of the harshest disk that the standards allow:
//  - A write that has begun may be there whole, in part (any subset of its 512-byte sectors) or not
//    at all, until it is certain; if the disk `spoils`, one of its sectors may hold garbage. A
//    durable write is certain when it has returned, and says nothing about others. A sync makes
//    those writes of its file certain that had returned before it began. Where an uncertain write
//    is missing, the older content is there.
//  - A failed sync loses the writes that it should have covered: no later sync brings them back,
//  but
//    the page cache goes on showing them.
//  - Names are certain after sync_directory of their directory; until then each creation, link,
//    removal and rename is there or not independently of the others; a rename is one step.
//  - After the end of the process alone, everything that had returned is there; a write in flight
//  may
//    be there in part.
//
// Threads: a value; copies are cheap and share what is immutable.
class DiskModel final {
 public:
  static constexpr NodeNumber kRoot = 1;

  DiskModel();

  void apply(const TraceEvent& event);

  // The disk after the power was cut now. `seed` decides about everything uncertain; 0 leaves none
  // of it, 1 all of it, the next ones other extreme cases. `choices`, when given, receives a number
  // that is equal for equal decisions.
  [[nodiscard]] DiskModel after_power_cut(std::uint64_t seed, bool spoils,
                                          std::uint64_t* choices) const;
  // The system after the process was killed now.
  [[nodiscard]] DiskModel after_kill(std::uint64_t seed) const;

  [[nodiscard]] NodeNumber next_number() const { return next_number_; }
  [[nodiscard]] const std::map<NodeNumber, DiskNode>& nodes() const { return nodes_; }
  [[nodiscard]] const DiskNode& node(NodeNumber number) const { return nodes_.at(number); }
  [[nodiscard]] DiskNode& node(NodeNumber number) { return nodes_.at(number); }
  [[nodiscard]] bool has_uncertain() const;

 private:
  struct PendingName {
    TraceEvent event;
    bool is_certain = false;
  };
  using Names = std::map<NodeNumber, std::map<std::string, NodeNumber>>;

  void begin_write(const TraceEvent& event);
  void end_write(const TraceEvent& event);
  void begin_sync(const TraceEvent& event);
  void end_sync(const TraceEvent& event);
  void change_size(const TraceEvent& event);
  void change_names(const TraceEvent& event);
  void settle_names(NodeNumber directory);
  static void settle(DiskNode& node);
  void take_names(const DiskModel& before, CrashChoice& choice);
  void drop_unreachable();
  static void leave_change(const PendingChange& change, std::size_t index, CrashChoice& choice,
                           Content& content);

  std::map<NodeNumber, DiskNode> nodes_;
  std::vector<PendingName> pending_names_;
  std::map<std::uint64_t, std::vector<std::uint64_t>> syncs_;  // running: the ids that they cover
  NodeNumber next_number_ = kRoot + 1;
  std::uint64_t next_change_ = 0;
};

}  // namespace kifa::io
