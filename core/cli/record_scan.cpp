#include "core/cli/record_scan.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

#include "core/cli/interrupt.hpp"
#include "core/cli/record_copy.hpp"

namespace kifa::cli {

// The newest records of a window.
struct RecordScan::Kept {
  struct Item {
    std::unique_ptr<const RecordCopy> record;
    std::vector<Gap> before;  // between it and the record before it
  };
  std::deque<Item> items;   // in their order
  std::vector<Gap> behind;  // the last record
  std::size_t bytes = 0;
  bool is_whole = true;  // none was let go

  void add(const store::RecordView& record) {
    items.push_back({std::make_unique<const RecordCopy>(record), std::exchange(behind, {})});
    bytes += items.back().record->memory_bytes();
    while (bytes > kKeptBytesMax && items.size() > 1) {
      bytes -= items.front().record->memory_bytes();
      items.pop_front();
      is_whole = false;
    }
  }
};

namespace {

bool pass_over(const store::Event& /*event*/) { return true; }

}  // namespace

bool RecordScan::go_on() {
  if (stopped_ && interrupting_signal() != 0) {
    stopped_ = Status(Code::closed, "interrupted");
  }
  return stopped_.is_ok();
}

bool RecordScan::give(const store::RecordView& record) {
  ++seen_.records;
  stopped_ = taker_.take(record);
  return go_on() && !is_at_limit();
}

bool RecordScan::meet(const store::Event& event) {
  last_event_ = std::max(last_event_, event.number);
  note_removed(event);
  if (event.kind == store::EventKind::gap &&
      !count({.first = event.first_lost, .last = event.last_lost, .records = event.records})) {
    return go_on();
  }
  stopped_ = taker_.take(event);
  return go_on();
}

// False: it was counted before.
bool RecordScan::count(const Gap& gap) {
  if (gap.first.value != 0) {
    if (told_.holds(gap.first, gap.last)) {
      return false;
    }
    told_.add(gap.first, gap.last);
  }
  ++seen_.gaps;
  seen_.lost_records += gap.records;
  return true;
}

// A purge without a number says what of the choice is not there any more.
void RecordScan::note_removed(const store::Event& event) {
  if (event.number != 0 || event.kind != store::EventKind::purge) {
    return;
  }
  const bool is_first = seen_.removed_last.value == 0;
  seen_.removed_first =
      is_first ? event.first_lost : std::min(seen_.removed_first, event.first_lost);
  seen_.removed_last = std::max(seen_.removed_last, event.last_lost);
}

Status RecordScan::run(store::Reader& reader) {
  if (choice_.is_reverse) {
    return backwards(reader);
  }
  const auto selection = in_order(reader);
  return selection ? forward(reader, *selection) : selection.error();
}

Status RecordScan::forward(store::Reader& reader, const store::Selection& selection) {
  if (!go_on()) {
    return {};
  }
  return reader.scan(
      selection,
      [this](const store::RecordView& record) {
        return filter_.keeps(record) ? give(record) : go_on();
      },
      [this](const store::Event& event) { return meet(event); });
}

RecordScan::Window RecordScan::whole(const store::Reader& reader) const {
  const Lsn durable = reader.durable_lsn();
  return {.first = {choice_.from_lsn},
          .last = choice_.to_lsn == 0 ? durable : std::min(durable, Lsn{choice_.to_lsn})};
}

// ---- the last ones ----

Result<store::Selection> RecordScan::in_order(store::Reader& reader) {
  store::Selection selection = selection_of(choice_);
  if (choice_.last == 0) {
    return selection;
  }
  Window rest = whole(reader);
  std::uint64_t wanted = choice_.last;
  std::uint64_t width = std::max(kFirstWindow, wanted);  // most likely all are in it
  while (rest.first <= rest.last && go_on()) {
    const std::uint64_t left = rest.last.value - rest.first.value;
    const Window window{.first = left < width ? rest.first : Lsn{rest.last.value - width + 1},
                        .last = rest.last};
    const auto found = count_in(reader, window);
    if (!found) {
      return found.error();
    }
    if (*found >= wanted) {
      const auto first = find_in(reader, window, *found - wanted);
      if (!first) {
        return first.error();
      }
      selection.first = *first;
      return selection;
    }
    wanted -= *found;
    rest.last = {window.first.value - 1};
    width = width > UINT64_MAX / 2 ? width : 2 * width;
  }
  return selection;
}

Result<std::uint64_t> RecordScan::count_in(store::Reader& reader, Window window) {
  store::Selection selection = selection_of(choice_);
  selection.first = window.first;
  selection.last = window.last;
  std::uint64_t count = 0;
  const Status scanned = reader.scan(
      selection,
      [&](const store::RecordView& record) {
        count += filter_.keeps(record) ? 1 : 0;
        return go_on();
      },
      pass_over);
  return scanned ? Result<std::uint64_t>(count) : Result<std::uint64_t>(scanned);
}

// The LSN of the record behind the first `skipped` ones.
Result<Lsn> RecordScan::find_in(store::Reader& reader, Window window, std::uint64_t skipped) {
  store::Selection selection = selection_of(choice_);
  selection.first = window.first;
  selection.last = window.last;
  Lsn found = window.last;
  const Status scanned = reader.scan(
      selection,
      [&](const store::RecordView& record) {
        if (!filter_.keeps(record)) {
          return go_on();
        }
        found = record.lsn;
        return skipped-- != 0 && go_on();
      },
      pass_over);
  return scanned ? Result<Lsn>(found) : Result<Lsn>(scanned);
}

// ---- the newest first ----

Status RecordScan::backwards(store::Reader& reader) {
  Window rest = whole(reader);
  std::uint64_t most = choice_.limit == 0 ? UINT64_MAX : choice_.limit;
  most = choice_.last == 0 ? most : std::min(most, choice_.last);
  std::uint64_t width = kFirstWindow;
  while (rest.first <= rest.last && seen_.records < most && go_on()) {
    const std::uint64_t left = rest.last.value - rest.first.value;
    const Window window{.first = left < width ? rest.first : Lsn{rest.last.value - width + 1},
                        .last = rest.last};
    Kept kept;
    const Status scanned = keep_window(reader, window, kept);
    if (!scanned) {
      return scanned;
    }
    count_gaps(kept);
    give_newest_first(kept, most);
    if (!kept.is_whole) {
      const Lsn oldest = kept.items.front().record->view().lsn;
      width = std::max<std::uint64_t>(rest.last.value - oldest.value, 1);  // what there is room for
      rest.last = {oldest.value - 1};
      continue;
    }
    rest.last = {window.first.value - 1};
    const bool has_room = kept.bytes < kKeptBytesMax / 2;
    width = has_room && width <= UINT64_MAX / 2 ? 2 * width : width;
  }
  return {};
}

Status RecordScan::keep_window(store::Reader& reader, Window window, Kept& kept) {
  store::Selection selection = selection_of(choice_);
  selection.first = window.first;
  selection.last = window.last;
  return reader.scan(
      selection,
      [&](const store::RecordView& record) {
        if (!filter_.keeps(record)) {
          return go_on();
        }
        kept.add(record);
        return go_on();
      },
      [&](const store::Event& event) {
        // What follows the LSN before a window belongs to the next window too.
        const bool is_next_ones =
            event.number != 0 && event.after < window.first && window.first > Lsn{choice_.from_lsn};
        note_removed(event);
        if (event.kind == store::EventKind::gap && !is_next_ones) {
          kept.behind.push_back(
              {.first = event.first_lost, .last = event.last_lost, .records = event.records});
        }
        return go_on();
      });
}

// Of what is kept: what stands before the oldest record is met again when others were let go.
void RecordScan::count_gaps(const Kept& kept) {
  for (std::size_t i = kept.is_whole ? 0 : 1; i < kept.items.size(); ++i) {
    for (const Gap& gap : kept.items[i].before) {
      count(gap);
    }
  }
  for (const Gap& gap : kept.behind) {
    count(gap);
  }
}

void RecordScan::give_newest_first(const Kept& kept, std::uint64_t most) {
  for (const Kept::Item& item : std::views::reverse(kept.items)) {
    if (seen_.records >= most || !go_on()) {
      return;
    }
    give(item.record->view());
  }
}

}  // namespace kifa::cli
