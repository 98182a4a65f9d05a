#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/types.hpp"
#include "core/store/table_info.hpp"

namespace kifa::store {

// Counts records and events through the pieces that hold them.
//
// Threads: confined.
// Limits:  the pieces must live as long.
class PieceCursor final {
 public:
  explicit PieceCursor(const std::vector<Piece>& pieces) : pieces_(pieces) { load(); }

  // Calls `on_end` for every piece that is complete now, until it returns false.
  template <class OnEnd>
  bool end_complete(const OnEnd& on_end) {
    while (index_ < pieces_.size() && records_ == 0 && events_ == 0) {
      const Piece& piece = pieces_[index_++];
      load();
      if (!on_end(piece)) {
        return false;
      }
    }
    return true;
  }
  // False: the piece holds no more of it, or not at that LSN.
  [[nodiscard]] bool take_record(Lsn lsn) {
    if (index_ == pieces_.size() || records_ == 0 || lsn < pieces_[index_].first ||
        lsn > pieces_[index_].last) {
      return false;
    }
    --records_;
    return true;
  }
  [[nodiscard]] bool take_event() {
    if (index_ == pieces_.size() || events_ == 0) {
      return false;
    }
    --events_;
    return true;
  }
  [[nodiscard]] bool at_end() const { return index_ == pieces_.size(); }

 private:
  void load() {
    if (index_ < pieces_.size()) {
      records_ = pieces_[index_].records;
      events_ = pieces_[index_].events;
    }
  }

  const std::vector<Piece>& pieces_;
  std::size_t index_ = 0;
  std::uint64_t records_ = 0;  // of the current piece, still to come
  std::uint64_t events_ = 0;
};

}  // namespace kifa::store
