#include <algorithm>
#include <optional>
#include <vector>

#include "core/store/table_file.hpp"
#include "core/store/table_reader.hpp"

// TableReader::find_missing().
namespace kifa::store {

namespace {

// One walk over the index.
class MissingSearch final {
 public:
  MissingSearch(TableFile& file, const TableFilter& filter)
      : file_(file),
        filter_(filter),
        next_(std::max(filter.first, file.info().first)),
        last_(filter.last.value == 0 ? file.info().last : std::min(filter.last, file.info().last)) {
  }

  std::vector<TableMissing> run() {
    for (std::size_t page = 0; page < file_.top().size(); ++page) {
      const TableTopEntry& top = file_.top()[page];
      if (top.last_lsn < next_.value || top.first_lsn > last_.value) {
        continue;
      }
      // What is missing between the blocks of a page is of its times.
      if (!is_in_times({top.min_unix_ns, top.max_unix_ns})) {
        pass(top, top.first_lsn, top.last_lsn);
        continue;
      }
      const auto blocks = file_.read_page(page);
      if (!blocks) {
        pass(top, top.first_lsn, top.last_lsn);
        continue;
      }
      for (const TableIndexEntry& block : *blocks) {
        if (block.record_count != 0 && block.last_lsn >= next_.value &&
            block.first_lsn <= last_.value) {
          look_into(block);
        }
      }
    }
    add_up_to(last_.next().value, std::nullopt);
    return std::move(missing_);
  }

 private:
  struct Times {
    std::int64_t min_unix_ns = 0;
    std::int64_t max_unix_ns = 0;
  };
  [[nodiscard]] bool is_in_times(const Times& times) const {
    return times.max_unix_ns >= filter_.min_unix_ns && times.min_unix_ns <= filter_.max_unix_ns;
  }

  // What is missing between the last place and `behind`, where something of these times stands.
  void add_up_to(std::uint64_t behind, std::optional<Times> times) {
    behind = std::min(behind, last_.next().value);
    if (behind <= next_.value) {
      return;
    }
    const bool is_known = before_ || times;
    const Times one = before_ ? *before_ : times.value_or(Times());
    const Times other = times ? *times : one;
    if (!is_known || is_in_times({.min_unix_ns = std::min(one.min_unix_ns, other.min_unix_ns),
                                  .max_unix_ns = std::max(one.max_unix_ns, other.max_unix_ns)})) {
      missing_.push_back({.first = next_, .last = {behind - 1}});
    }
    next_ = {behind};
  }

  template <class Entry>
  void pass(const Entry& entry, std::uint64_t first, std::uint64_t last) {
    const Times times{.min_unix_ns = entry.min_unix_ns, .max_unix_ns = entry.max_unix_ns};
    add_up_to(first, times);
    next_ = std::max(next_, Lsn{last + 1});
    before_ = times;
  }

  void look_into(const TableIndexEntry& block) {
    const bool is_dense = block.record_count == block.last_lsn - block.first_lsn + 1;
    if (is_dense || !file_.read_block(block)) {
      pass(block, block.first_lsn, block.last_lsn);
      return;
    }
    BlockContent& content = file_.content();
    for (auto step = content.next();
         step == BlockContent::Step::record || step == BlockContent::Step::event;
         step = content.next()) {
      if (step == BlockContent::Step::record) {
        const std::uint64_t lsn = content.record().lsn.value;
        pass(block, lsn, lsn);
      }
    }
    next_ = std::max(next_, Lsn{block.last_lsn + 1});  // the rest is damaged, if there is one
  }

  TableFile& file_;
  const TableFilter& filter_;
  Lsn next_;
  Lsn last_;
  std::optional<Times> before_;  // of what stands before the next LSN
  std::vector<TableMissing> missing_;
};

}  // namespace

// Clocks go back, and the times that are lost with the records are anybody's guess: those around
// them are the best one.
std::vector<TableMissing> TableReader::find_missing(const TableFilter& filter) {
  return MissingSearch(*file_, filter).run();
}

}  // namespace kifa::store
