#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "core/store/reader_walk.hpp"
#include "core/store/table_format.hpp"

// The tables of a walk.
namespace kifa::store {

namespace {

// Why something of a table cannot be read, with its path once.
std::string with_path(const std::string& path, const Status& why) {
  return why.message().find(path) == std::string::npos ? fmt::format("{}: {}", path, why.message())
                                                       : why.message();
}

// The same for a place in it.
std::string text_of(const std::string& path, const TableDamage& damage) {
  const std::string place = fmt::format("{} at offset {}: ", path, damage.offset);
  std::string_view why = damage.why;
  for (const std::string& told : {path + ": ", place}) {
    if (why.starts_with(told)) {
      why.remove_prefix(told.size());
    }
  }
  return fmt::format("{}{}", place, why);
}

Event gap_of(Lsn first, Lsn last, std::string text) {
  Event gap;
  gap.kind = EventKind::gap;
  gap.after = {first.value - 1};
  gap.records = last.value - first.value + 1;
  gap.first_lost = first;
  gap.last_lost = last;
  gap.text = std::move(text);
  return gap;
}

}  // namespace

Result<ReaderWalk::Pass> ReaderWalk::read_tables() {
  if (!log_->manifest.manifest) {
    return Pass::done;
  }
  const Manifest& manifest = *log_->manifest.manifest;
  if (manifest.purged.through >= next_show_) {
    tell_purged(manifest.purged.through);
  }
  for (const TableInfo& table : manifest.tables) {
    // Events that follow the LSN before the range belong to it.
    if (done_ || table.first > selection_.last.next()) {
      done_ = true;
      break;
    }
    if (table.last.next() < next_show_) {
      continue;
    }
    if (is_outside_times(table)) {
      advance(table.last.next());
      continue;
    }
    const auto pass = read_table(table);
    if (!pass || *pass == Pass::stale) {
      return pass;
    }
  }
  return Pass::done;
}

void ReaderWalk::tell_purged(Lsn through) {
  Event purged;
  purged.kind = EventKind::purge;
  purged.after = through;
  purged.first_lost = next_show_;
  purged.last_lost = through;
  purged.text =
      fmt::format("LSN {} to {} were removed by retention{}", next_show_.value, through.value,
                  log_->manifest.is_rebuilt ? ", or are lost with the manifest" : "");
  advance(through.next());
  done_ = !on_event_(purged);
}

// Such a table need not even be opened. Events have times of their own; a table that has lost all
// of its records has none.
bool ReaderWalk::is_outside_times(const TableInfo& table) const {
  const bool has_times = table.records != 0 || table.last < table.first;
  return table.events == 0 && has_times &&
         (table.max_unix_ns < selection_.min_unix_ns || table.min_unix_ns > selection_.max_unix_ns);
}

// Whether the table holds a record for each of its LSNs.
bool ReaderWalk::is_dense(const TableInfo& table) {
  return table.records == table.last.value + 1 - table.first.value;
}

Result<ReaderWalk::Pass> ReaderWalk::read_table(const TableInfo& table) {
  const std::string path = fmt::format("{}/{}", directory_, table_file_name(table.number));
  auto reader = TableReader::open(
      files_, path,
      {.number = table.number, .store_id = log_->store_id, .footer_crc = table.footer_crc});
  if (!reader) {
    const auto outdated = is_outdated({});
    if (!outdated) {
      return outdated.error();
    }
    if (*outdated) {
      return Pass::stale;
    }
    if (reader.error().code() == Code::unsupported) {
      return reader.error();
    }
    lose_in_table(with_path(path, reader.error()), table.first, table.last);
    return Pass::done;
  }
  return scan_table(**reader, table, path);
}

Result<ReaderWalk::Pass> ReaderWalk::scan_table(TableReader& reader, const TableInfo& table,
                                                const std::string& path) {
  const TableFilter filter{.first = next_show_,
                           .last = selection_.last,
                           .min_unix_ns = selection_.min_unix_ns,
                           .max_unix_ns = selection_.max_unix_ns,
                           .pipeline = selection_.pipeline,
                           .source = selection_.source};
  std::vector<TableMissing> missing;
  if (!is_dense(table)) {
    missing = reader.find_missing(filter);
  }
  auto next_missing = missing.begin();
  Result<Pass> told = Pass::done;
  const auto may_go_on = [&] { return told && *told == Pass::done && !done_; };
  const auto tell_missing_before = [&](Lsn behind) {
    for (; next_missing != missing.end() && next_missing->first < behind && may_go_on();
         ++next_missing) {
      if (next_missing->last >= next_show_) {
        told = tell_missing(std::max(next_missing->first, next_show_), next_missing->last, path);
      }
    }
    return may_go_on();
  };
  const auto on_record = [&](const RecordView& record) {
    if (tell_missing_before(record.lsn) && record.lsn >= next_show_) {
      show_record(record);
    }
    return may_go_on();
  };
  const auto on_event = [&](const Event& event) {
    if (tell_missing_before(event.after.next())) {
      show_event(event);
    }
    return may_go_on();
  };
  const auto on_damage = [&](const TableDamage& damage) {
    if (tell_missing_before(damage.first)) {
      lose_in_table(text_of(path, damage), damage.first, damage.last);
    }
  };
  KIFA_TRY(reader.scan(filter, on_record, on_event, on_damage));
  if (tell_missing_before(table.last.next())) {
    advance(table.last.next());
  }
  return told;
}

// Reports LSNs that a whole table does not hold: by the events that tell why, if they can be found.
Result<ReaderWalk::Pass> ReaderWalk::tell_missing(Lsn first, Lsn last, const std::string& path) {
  const std::vector<const Event*> recorded = search_.find(*log_, first, last);
  if (recorded.empty() && looked_again_for_ < first) {
    // The files in which the reason stands may have been replaced meanwhile.
    looked_again_for_ = first;
    const auto outdated = is_outdated({});
    if (!outdated || *outdated) {
      search_.forget();
      return outdated ? Result<Pass>(Pass::stale) : Result<Pass>(outdated.error());
    }
  }
  Lsn next = first;
  const auto tell_without_reason = [&](Lsn behind) {
    if (behind > next) {
      show_gap(gap_of(next, {behind.value - 1},
                      fmt::format("{}: LSN {} to {} are lost, and no event that was found says why",
                                  path, next.value, behind.value - 1)));
    }
  };
  for (const Event* gap : recorded) {
    tell_without_reason(gap->first_lost);
    if (!told_.holds(gap->first_lost, gap->last_lost)) {
      show_gap(*gap);
    }
    next = std::max(next, gap->last_lost.next());
  }
  tell_without_reason(last.next());
  advance(last.next());
  return Pass::done;
}

// Reports what cannot be read of a table; records are lost with it if there are any in
// `first` to `last`.
void ReaderWalk::lose_in_table(std::string text, Lsn first, Lsn last) {
  first = std::max(first, next_show_);
  if (last >= first) {
    text += fmt::format("; LSN {} to {} cannot all be read", first.value, last.value);
    show_gap(gap_of(first, last, std::move(text)));
  } else {
    Event gap;
    gap.kind = EventKind::gap;
    gap.after = {next_show_.value - 1};
    gap.text = std::move(text);
    show_gap(gap);
  }
  advance(last.next());
}

}  // namespace kifa::store
