#include "core/store/manifest_edit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

constexpr std::string_view kTablePrefix = "table-";
constexpr std::string_view kCheckpointsPrefix = "CHECKPOINTS-";

template <class... Args>
Status refused(fmt::format_string<Args...> text, Args&&... args) {
  return {Code::internal, fmt::format(text, std::forward<Args>(args)...)};
}

// Builds the next manifest from the one before; one function for each kind of edit.
class Application final {
 public:
  Application(const Manifest& before, const EditFacts& facts)
      : before_(before), facts_(facts), after_(before) {}

  Result<Manifest> run(const Edit& edit) {
    if (before_.flags_read_only != 0) {
      return Status(Code::unsupported,
                    fmt::format("the store has features ({:#x}) of a newer kifa and may only be "
                                "read; use the kifa that wrote it or a newer one",
                                before_.flags_read_only));
    }
    KIFA_TRY(check_manifest(before_).with_context("before the edit"));
    KIFA_TRY(std::visit([this](const auto& change) { return this->make(change); }, edit));
    bring_up_to_date();
    const Status sound = check_manifest(after_);
    if (!sound) {
      return refused("{}", sound.message());
    }
    return std::move(after_);
  }

 private:
  // A number for a new file must never have been one before.
  Status take_number(std::uint64_t number, std::string_view what) {
    const bool is_reserved = std::ranges::find(facts_.reserved, number) != facts_.reserved.end();
    if (number == 0 || (number < before_.next_file_number && !is_reserved)) {
      return refused("{} {} has a number that was given out before; the next is {}", what, number,
                     before_.next_file_number);
    }
    after_.next_file_number = std::max(after_.next_file_number, number + 1);
    return {};
  }

  Status take_checkpoints(const CheckpointsRef& checkpoints) {
    KIFA_TRY(take_number(checkpoints.number, "checkpoints file"));
    after_.checkpoints = checkpoints;
    return {};
  }

  Status make(const FlushEdit& flush) {
    LogMark at = before_.flushed.mark;
    for (const TableInfo& table : flush.tables) {
      KIFA_TRY(take_flushed(table, at, flush.may_miss_events));
    }
    KIFA_TRY(check_mark(flush, at));
    if (after_.tables.size() > kManifestTablesMax) {
      return {Code::no_space, fmt::format("the store has {} tables already, which is the limit",
                                          before_.tables.size())};
    }
    after_.flushed = flush.flushed;
    return flush.checkpoints ? take_checkpoints(*flush.checkpoints) : Status();
  }

  // `at` is what was flushed so far, and moves behind the table.
  Status take_flushed(const TableInfo& table, LogMark& at, bool may_miss_events) {
    KIFA_TRY(take_number(table.number, "table"));
    if (table.first != at.next_lsn) {
      return refused("table {} begins at LSN {}, but the log was flushed up to LSN {}",
                     table.number, table.first.value, at.next_lsn.value - 1);
    }
    if (table.first_event < at.next_event ||
        (table.first_event > at.next_event && !may_miss_events)) {
      return refused("table {} begins at event {}, but event {} is the next", table.number,
                     table.first_event, at.next_event);
    }
    if (table.last.value + 1 == table.first.value && table.events == 0) {
      return refused("table {} is empty", table.number);
    }
    at.next_lsn = table.last.next();
    at.next_event = table.first_event + table.events;
    after_.last_anchor = table.last_anchor;
    after_.tables.push_back(table);
    return {};
  }

  // That the new mark lies behind the old one, exactly where the tables end.
  [[nodiscard]] Status check_mark(const FlushEdit& flush, const LogMark& end) const {
    const LogMark& old_mark = before_.flushed.mark;
    const LogMark& mark = flush.flushed.mark;
    if (mark.at.segment == 0 || mark.at < old_mark.at) {
      return refused(
          "the log cannot be flushed up to segment {} offset {} after segment {} "
          "offset {}",
          mark.at.segment, mark.at.offset, old_mark.at.segment, old_mark.at.offset);
    }
    if (mark.at.segment == old_mark.at.segment && flush.flushed.epoch != before_.flushed.epoch) {
      return refused("segment {} changed its epoch while it was flushed", mark.at.segment);
    }
    if (mark.next_lsn != end.next_lsn) {
      return refused("the tables end at LSN {}, but the log is to count as flushed up to LSN {}",
                     end.next_lsn.value - 1, mark.next_lsn.value - 1);
    }
    if (mark.next_event < end.next_event ||
        (mark.next_event > end.next_event && !flush.may_miss_events)) {
      return refused(
          "the tables end before event {}, but the log is to count as flushed up to "
          "event {}",
          end.next_event, mark.next_event);
    }
    if (mark.totals.records < old_mark.totals.records ||
        mark.totals.payload_bytes < old_mark.totals.payload_bytes ||
        mark.totals.events < old_mark.totals.events) {
      return refused("the totals of the log went back, from {} records to {}",
                     old_mark.totals.records, mark.totals.records);
    }
    return {};
  }

  Status make(const ReplaceEdit& replace) {
    if (replace.inputs.empty()) {
      return refused("table {} is to replace nothing", replace.output.number);
    }
    KIFA_TRY(take_number(replace.output.number, "table"));
    std::vector<TableInfo>& tables = after_.tables;
    const auto first = std::ranges::find(tables, replace.inputs.front(), &TableInfo::number);
    auto at = first;
    for (const std::uint64_t number : replace.inputs) {
      if (at == tables.end() || at->number != number) {
        const bool is_there = std::ranges::find(tables, number, &TableInfo::number) != tables.end();
        return refused("table {}, which table {} is to replace, {}", number, replace.output.number,
                       is_there ? "does not follow the one before it" : "is not in the store");
      }
      ++at;
    }
    const auto inputs = std::span<const TableInfo>(&*first, replace.inputs.size());
    KIFA_TRY(check_same(inputs, replace.output));
    *first = replace.output;
    tables.erase(first + 1, at);
    return {};
  }

  static Status check_same(std::span<const TableInfo> inputs, const TableInfo& output) {
    TableInfo sum = inputs.front();
    // A table without events names the next one; with several inputs that may be a later one.
    bool same_first_event = output.first_event == sum.first_event;
    for (const TableInfo& input : inputs.subspan(1)) {
      if (sum.events == 0) {
        same_first_event = same_first_event || output.first_event == input.first_event;
      }
      sum.last = input.last;
      sum.records += input.records;
      sum.payload_bytes += input.payload_bytes;
      sum.events += input.events;
      sum.gaps += input.gaps;
      sum.lost_records += input.lost_records;
      sum.pieces += input.pieces;
      sum.min_unix_ns = std::min(sum.min_unix_ns, input.min_unix_ns);
      sum.max_unix_ns = std::max(sum.max_unix_ns, input.max_unix_ns);
      sum.last_anchor = input.last_anchor;
    }
    struct Same {
      bool holds;
      std::string_view what;
    };
    const std::array facts{
        Same{output.first == sum.first && output.last == sum.last, "LSN range"},
        Same{output.records == sum.records, "number of records"},
        Same{output.payload_bytes == sum.payload_bytes, "payload bytes"},
        Same{output.events == sum.events && same_first_event, "events"},
        Same{output.gaps == sum.gaps && output.lost_records == sum.lost_records, "gaps"},
        Same{output.pieces == sum.pieces, "number of pieces"},
        Same{output.min_unix_ns == sum.min_unix_ns && output.max_unix_ns == sum.max_unix_ns,
             "times"},
        Same{output.last_anchor == sum.last_anchor, "last anchor"}};
    for (const Same& fact : facts) {
      if (!fact.holds) {
        return refused("table {} has another {} than the {} tables from {} that it is to replace",
                       output.number, fact.what, inputs.size(), inputs.front().number);
      }
    }
    return {};
  }

  Status make(const PurgeEdit& purge) {
    std::vector<TableInfo>& tables = after_.tables;
    if (purge.tables.empty()) {
      return refused("nothing is to be purged");
    }
    for (std::size_t i = 0; i < purge.tables.size(); ++i) {
      if (i >= tables.size() || tables[i].number != purge.tables[i]) {
        return refused("table {} cannot be purged: it is not among the {} oldest of the store",
                       purge.tables[i], purge.tables.size());
      }
      add_to_purged(tables[i]);
    }
    if (mutant_is(Mutant::checkpoints_lost_with_purge)) {
      after_.checkpoints = {};
    }
    tables.erase(tables.begin(), tables.begin() + static_cast<std::ptrdiff_t>(purge.tables.size()));
    return {};
  }

  void add_to_purged(const TableInfo& table) {
    PurgedState& purged = after_.purged;
    purged.through = table.last;
    purged.next_event = table.first_event + table.events;
    purged.anchor = table.last_anchor;
    purged.totals.records += table.records;
    purged.totals.payload_bytes += table.payload_bytes;
    purged.totals.gaps += table.gaps;
    purged.totals.lost_records += table.lost_records;
    purged.totals.events += table.events;
    purged.totals.min_unix_ns = std::min(purged.totals.min_unix_ns, table.min_unix_ns);
    purged.totals.max_unix_ns = std::max(purged.totals.max_unix_ns, table.max_unix_ns);
  }

  Status make(const CheckpointsEdit& edit) { return take_checkpoints(edit.checkpoints); }
  static Status make(const SettleEdit& /*edit*/) { return {}; }

  void bring_up_to_date() {
    after_.version = std::max(before_.version, facts_.highest_version) + 1;
    after_.previous_version = before_.version;
    after_.previous_checksum = checksum_of(before_);
    after_.next_file_number = std::max(after_.next_file_number, facts_.next_file_number);
    after_.highest_event =
        std::max({before_.highest_event, facts_.highest_event, after_.flushed.mark.next_event - 1});
    if (facts_.clock) {
      after_.clock = *facts_.clock;
    }
    after_.written.log += facts_.written_more.log;
    after_.written.tables += facts_.written_more.tables;
    after_.written.manifests += facts_.written_more.manifests;
  }

  const Manifest& before_;
  const EditFacts& facts_;
  Manifest after_;
};

bool needs_file(const Manifest& manifest, std::uint64_t number) {
  return manifest.checkpoints.number == number ||
         std::ranges::find(manifest.tables, number, &TableInfo::number) != manifest.tables.end();
}

std::optional<std::uint64_t> file_number_of(std::string_view name) {
  const auto table = number_in_name(kTablePrefix, name);
  return table ? table : number_in_name(kCheckpointsPrefix, name);
}

}  // namespace

std::string_view name_of(const Edit& edit) {
  constexpr std::array<std::string_view, std::variant_size_v<Edit>> kNames = {
      "flush", "replace", "purge", "checkpoints", "settle"};
  return kNames.at(edit.index());
}

Result<Manifest> apply(const Manifest& before, const Edit& edit, const EditFacts& facts) {
  Result<Manifest> after = Application(before, facts).run(edit);
  if (!after) {
    return after.error().with_context(
        fmt::format("the {} edit of manifest {} was refused", name_of(edit), before.version));
  }
  return after;
}

std::vector<std::string> superseded_files(const Manifest& newest, const Manifest& before,
                                          std::span<const std::string> names,
                                          std::span<const std::uint64_t> reserved) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto version = manifest_version_of(name);
    const auto number = file_number_of(name);
    const bool is_old_manifest = version && *version < std::min(before.version, newest.version);
    const bool is_old_file = number && *number < newest.next_file_number &&
                             *number < before.next_file_number && !needs_file(newest, *number) &&
                             !needs_file(before, *number) &&
                             std::ranges::find(reserved, *number) == reserved.end();
    if (is_old_manifest || is_old_file) {
      found.push_back(name);
    }
  }
  return found;
}

std::vector<std::string> unknown_files(const Manifest& newest, std::span<const std::string> names) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto number = file_number_of(name);
    if (number && *number >= newest.next_file_number) {
      found.push_back(name);
    }
  }
  return found;
}

}  // namespace kifa::store
