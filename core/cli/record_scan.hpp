#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/cli/choice_filter.hpp"
#include "core/cli/record_choice.hpp"
#include "core/store/lsn_set.hpp"
#include "core/store/reader.hpp"

namespace kifa::cli {

// Whoever is given the records of a scan; a failure ends it.
class RecordTaker {
 public:
  RecordTaker() = default;
  RecordTaker(const RecordTaker&) = delete;
  RecordTaker& operator=(const RecordTaker&) = delete;
  virtual ~RecordTaker() = default;

  virtual Status take(const store::RecordView& record) = 0;
  virtual Status take(const store::Event& event) = 0;
};

// What a scan met, to be told once at its end.
struct Seen {
  std::uint64_t records = 0;  // that were given out
  std::uint64_t gaps = 0;
  std::uint64_t lost_records = 0;
  Lsn removed_first;  // of what retention has removed of the choice; 0: nothing
  Lsn removed_last;
};

// Gives the records of a choice to a taker, in their order or the newest first, until the limit is
// reached, a signal asks to stop (interrupt.hpp) or the taker fails.
//
// A gap of LSNs is given out and counted once, also over several calls: what reading has found may
// be recorded later.
//
// The newest first is read in windows of LSNs from the end, each twice as long as the one before.
// No window is kept whole: when its records take more than kKeptBytesMax the older ones are let go
// and read again later.
//
// Threads: confined.
// Errors:  run() and forward() return what the reader said; stopped() is the taker's failure, or
//          `closed` after a signal.
// Memory:  kKeptBytesMax, or a single longer record, when reversed; nothing to speak of otherwise.
class RecordScan final {
 public:
  static constexpr std::size_t kKeptBytesMax = 8_MiB;
  static constexpr std::uint64_t kFirstWindow = 256;  // LSNs

  // All of them must live as long.
  RecordScan(const RecordChoice& choice, const ChoiceFilter& filter, RecordTaker& taker)
      : choice_(choice), filter_(filter), taker_(taker) {}

  // All of the choice, once. Events are given to the taker only in their order, not reversed.
  Status run(store::Reader& reader);
  // What of `selection` passes the filter, in its order; may be called again and again.
  Status forward(store::Reader& reader, const store::Selection& selection);
  // The selection of the choice, beginning with the first of its last records (choice.last).
  Result<store::Selection> in_order(store::Reader& reader);

  [[nodiscard]] const Seen& seen() const { return seen_; }
  [[nodiscard]] const Status& stopped() const { return stopped_; }
  [[nodiscard]] bool is_at_limit() const {
    return choice_.limit != 0 && seen_.records >= choice_.limit;
  }
  // Of the last event that was met; 0: none.
  [[nodiscard]] std::uint64_t last_event() const { return last_event_; }

 private:
  struct Window {
    Lsn first;
    Lsn last;
  };
  struct Gap {
    Lsn first;  // 0: no LSN is known to be lost
    Lsn last;
    std::uint64_t records = 0;
  };
  struct Kept;

  bool go_on();
  bool give(const store::RecordView& record);
  bool meet(const store::Event& event);
  bool count(const Gap& gap);
  void note_removed(const store::Event& event);
  Status backwards(store::Reader& reader);
  Status keep_window(store::Reader& reader, Window window, Kept& kept);
  void count_gaps(const Kept& kept);
  void give_newest_first(const Kept& kept, std::uint64_t most);
  [[nodiscard]] Window whole(const store::Reader& reader) const;
  Result<std::uint64_t> count_in(store::Reader& reader, Window window);
  Result<Lsn> find_in(store::Reader& reader, Window window, std::uint64_t skipped);

  const RecordChoice& choice_;
  const ChoiceFilter& filter_;
  RecordTaker& taker_;
  Seen seen_;
  store::LsnSet told_;  // in gaps that were counted
  Status stopped_;
  std::uint64_t last_event_ = 0;
};

}  // namespace kifa::cli
