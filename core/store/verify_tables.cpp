#include "core/store/verify_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

namespace {

std::string lsn_text(Lsn first, Lsn last) {
  return first.value == 0 || last < first
             ? std::string()
             : fmt::format("; LSN {} to {} cannot all be read", first.value, last.value);
}

VerifyFault fault_of(const std::string& path, const TableDamage& damage) {
  std::string_view why = damage.why;
  for (const std::string& place :
       {path + ": ", fmt::format("{} at offset {}: ", path, damage.offset)}) {
    if (why.starts_with(place)) {
      why.remove_prefix(place.size());
    }
  }
  return {.kind = FaultKind::table,
          .file = path,
          .offset = damage.offset,
          .first = damage.first,
          .last = damage.last,
          .text = fmt::format("{} at offset {}: {}{}", path, damage.offset, why,
                              lsn_text(damage.first, damage.last))};
}

// The LSNs that are not there, and the gaps that are told of.
void find_gaps(TableReader& reader, TableVerdict& verdict,
               const TableReader::OnDamage& on_new_damage) {
  const bool was_whole = verdict.whole;
  Lsn next = reader.info().first;
  const auto miss_up_to = [&](Lsn behind) {
    if (behind > next) {
      verdict.missing.push_back({next, {behind.value - 1}});
    }
  };
  const Status scanned = reader.scan(
      {},
      [&](const RecordView& record) {
        miss_up_to(record.lsn);
        next = record.lsn.next();
        return true;
      },
      [&](const Event& event) {
        if (event.kind == EventKind::gap && event.first_lost.value != 0) {
          verdict.gaps.push_back(event);
        }
        return true;
      },
      // verify() has told of everything that cannot be read, unless the disk begins to fail now.
      [&](const TableDamage& damage) {
        if (was_whole) {
          on_new_damage(damage);
        }
      });
  ignore(scanned, "it fails for nothing else");
  miss_up_to(reader.info().last.next());
}

}  // namespace

const TableVerdict* TableVerifier::verify(const StoreId& store_id, const TableInfo& table,
                                          const Progress& progress, Status& why) {
  if (const auto known = verdicts_.find(table.number); known != verdicts_.end()) {
    return &known->second;
  }
  const std::string path = fmt::format("{}/{}", directory_, table_file_name(table.number));
  const auto reader = TableReader::open(
      files_, path, {.number = table.number, .store_id = store_id, .footer_crc = table.footer_crc});
  if (!reader) {
    why = reader.error();
    return nullptr;
  }
  TableVerdict verdict{.readable = true,
                       .whole = true,
                       .repaired = (*reader)->is_repaired(),
                       .previous_anchor = (*reader)->previous_anchor()};
  const auto on_damage = [&](const TableDamage& damage) {
    verdict.whole = false;
    if (damage.first.value != 0 && damage.last >= damage.first) {
      verdict.damaged.push_back({damage.first, damage.last});
    }
    on_fault_(fault_of(path, damage));
  };
  ignore((*reader)->verify(std::nullopt, progress, on_damage), "an open table can be verified");
  TableInfo found = (*reader)->info();
  found.last_anchor = verdict.repaired ? table.last_anchor : found.last_anchor;
  if (found != table) {
    on_damage({.offset = 0,
               .first = {},
               .last = {},
               .why = "the manifest says something else about it than its footer"});
  }
  if (const auto pieces = (*reader)->pieces(); pieces && !pieces->empty()) {
    verdict.last_piece = pieces->back();
    const auto asked = std::ranges::find_if(*pieces, [this](const Piece& piece) {
      return anchor_last_ && piece.last == *anchor_last_ && piece.last >= piece.first;
    });
    if (asked != pieces->end()) {
      verdict.asked = *asked;
    }
  }
  const bool is_dense = table.records == table.last.value + 1 - table.first.value;
  if (!verdict.whole || !is_dense || table.gaps != 0) {
    find_gaps(**reader, verdict, on_damage);
  }
  return &verdicts_.emplace(table.number, std::move(verdict)).first->second;
}

const TableVerdict& TableVerifier::give_up(const TableInfo& table, const Status& why) {
  const std::string path = fmt::format("{}/{}", directory_, table_file_name(table.number));
  TableVerdict verdict;
  if (table.last >= table.first) {
    verdict.missing.push_back({table.first, table.last});
    verdict.damaged.push_back({table.first, table.last});
  }
  on_fault_({.kind = FaultKind::table,
             .file = path,
             .offset = 0,
             .first = table.first,
             .last = table.last,
             .text = fmt::format("{}{}", why.message(), lsn_text(table.first, table.last))});
  return verdicts_.insert_or_assign(table.number, std::move(verdict)).first->second;
}

}  // namespace kifa::store
