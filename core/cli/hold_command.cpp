#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/human.hpp"
#include "core/cli/json.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/store_owner.hpp"
#include "core/config/document.hpp"
#include "core/io/file_system.hpp"
#include "core/store/cursors.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/reader.hpp"
#include "core/store/retention.hpp"

// kifa hold add, remove and list. They change files in cursors/ alone, so they need no lock.
namespace kifa::cli {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;

// What the three commands know of a store.
struct Held {
  store::CursorList list;
  store::Manifest manifest;  // of a store without one: without tables
  Lsn durable;
};

Result<Held> look_at(const std::string& directory) {
  io::FileSystem& files = io::posix_file_system();
  const auto reader = store::Reader::open(directory, files);
  KIFA_TRY(reader.status());
  auto list = store::list_cursors(files, directory);
  KIFA_TRY(list.status());
  auto loaded = store::load_manifest(files, directory);
  KIFA_TRY(loaded.status());
  return Held{.list = std::move(*list),
              .manifest = loaded->manifest ? std::move(*loaded->manifest) : store::Manifest(),
              .durable = (*reader)->durable_lsn()};
}

int failed(const Status& status) {
  complain(status.message());
  return status.code() == Code::invalid ? kExitUsage : exit_code(status.code());
}

std::string until_text(std::int64_t deadline_unix_ns) {
  return deadline_unix_ns == 0 ? std::string("until it is removed")
                               : "until " + utc_text(deadline_unix_ns);
}

// ---- add ----

Status check_is_new(const HoldAddCommand& command, const store::CursorList& list) {
  const auto is_it = [&command](const auto& one) { return one.name == command.name; };
  const auto found = std::ranges::find_if(list.cursors, is_it);
  if (found != list.cursors.end() && found->kind == store::CursorKind::cursor) {
    return {Code::invalid, fmt::format("`{}` is a cursor of somebody who forwards {}: give the "
                                       "hold another name",
                                       command.name, command.data_dir)};
  }
  const bool is_there = found != list.cursors.end() || std::ranges::any_of(list.damaged, is_it);
  if (is_there && !command.replace) {
    return {Code::invalid,
            fmt::format("{} has a hold `{}` already: give another name, or change it with "
                        "--replace",
                        command.data_dir, command.name)};
  }
  return {};
}

// A clock that has forgotten the time makes holds that end when it is set.
Result<std::int64_t> deadline_of(const HoldAddCommand& command, const store::Manifest& manifest) {
  if (command.duration_ns == 0) {
    return command.until_unix_ns;
  }
  const std::int64_t now = SystemClock().now_unix_ns();
  const std::int64_t believed = manifest.clock.boot_id.empty() ? 0 : manifest.clock.unix_ns;
  if (now < believed - kDayNs) {
    return Status(Code::unavailable,
                  fmt::format("the clock says {}, and the store has seen {}: set the clock, or "
                              "name the end with --until",
                              utc_text(now), utc_text(believed)));
  }
  return now + command.duration_ns;
}

Result<store::Cursor> add(const HoldAddCommand& command) {
  KIFA_TRY(act_as_owner_of(command.data_dir));
  const auto held = look_at(command.data_dir);
  KIFA_TRY(held.status());
  KIFA_TRY(check_is_new(command, held->list));
  const auto deadline = deadline_of(command, held->manifest);
  KIFA_TRY(deadline.status());
  const Lsn first = held->manifest.purged.through.next();
  const store::Cursor hold{.name = command.name,
                           .kind = store::CursorKind::hold,
                           .lsn = command.from_lsn == 0 ? first : Lsn{command.from_lsn},
                           .deadline_unix_ns = *deadline};
  KIFA_TRY(store::set_cursor(io::posix_file_system(), command.data_dir, hold));
  return hold;
}

// ---- list ----

bool has_passed(const store::Cursor& cursor, std::int64_t now_unix_ns) {
  return cursor.deadline_unix_ns != 0 && now_unix_ns >= cursor.deadline_unix_ns;
}

// The tables that stay because of `needed`, and what follows.
struct Kept {
  std::uint64_t tables = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

Kept kept_by(const Held& held, Lsn needed) {
  Kept kept;
  Lsn first = needed;
  for (const store::TableInfo& table : held.manifest.tables) {
    if (table.last >= needed || table.first >= needed) {
      first = kept.tables == 0 ? std::min(first, table.first) : first;
      ++kept.tables;
      kept.bytes += table.bytes;
    }
  }
  first = std::max(first, held.manifest.purged.through.next());
  kept.records = held.durable < first ? 0 : held.durable.value - first.value + 1;
  return kept;
}

// The lowest LSN that `cursor` alone needs now, by `now_unix_ns` if it is given.
std::optional<Lsn> needed_by(const store::Cursor& cursor, std::optional<std::int64_t> now_unix_ns) {
  store::CursorList alone;
  alone.cursors.push_back(cursor);
  return store::lowest_needed_lsn(alone, now_unix_ns);
}

std::string kept_text(const Kept& kept) {
  return fmt::format("keeps {}: {} with {}, and the log", counted(kept.records, "record"),
                     counted(kept.tables, "table"), bytes_for_people(kept.bytes));
}

// The time by which deadlines pass, as a daemon without trust_clock sees it; none: no deadline
// passes, because nobody believes the clock.
std::optional<std::int64_t> believed_now(const store::Manifest& manifest) {
  const SystemClock clock;
  const store::ClockFacts now{.unix_ns = clock.now_unix_ns(),
                              .boot_ns = clock.now_boot_ns(),
                              .boot_id = clock.boot_id(),
                              .is_synchronised = clock.is_synchronised()};
  return store::is_plausible(manifest.clock, now) ? std::optional(now.unix_ns) : std::nullopt;
}

std::string line_of(const Held& held, const store::Cursor& cursor,
                    std::optional<std::int64_t> now) {
  const std::string who =
      cursor.kind == store::CursorKind::hold
          ? fmt::format("{}: holds LSN {} and later, {}", cursor.name,
                        with_separators(cursor.lsn.value), until_text(cursor.deadline_unix_ns))
          : fmt::format("{}: has forwarded up to LSN {}, {}", cursor.name,
                        with_separators(cursor.lsn.value), until_text(cursor.deadline_unix_ns));
  const auto needed = needed_by(cursor, now);
  if (!needed) {
    return fmt::format("{}; expired, keeps nothing\n", who);
  }
  const bool is_late = has_passed(cursor, SystemClock().now_unix_ns());
  return fmt::format("{}; {}{}\n", who,
                     is_late ? "has passed by a clock that is not believed, and still " : "",
                     kept_text(kept_by(held, *needed)));
}

std::string for_people(const HoldListCommand& command, const Held& held) {
  const auto now = believed_now(held.manifest);
  std::string text;
  for (const store::Cursor& cursor : held.list.cursors) {
    text += line_of(held, cursor, now);
  }
  for (const store::DamagedFile& damaged : held.list.damaged) {
    text += fmt::format("{}: damaged, {}; {} until it is removed\n", damaged.name, damaged.why,
                        kept_text(kept_by(held, Lsn{0})));
  }
  const auto lowest = store::lowest_needed_lsn(held.list, now);
  if (!lowest) {
    return text + fmt::format("{}: nothing is kept back from retention\n", command.data_dir);
  }
  return text + (lowest->value <= 1
                     ? fmt::format("{}: retention removes nothing\n", command.data_dir)
                     : fmt::format("{}: retention removes nothing from LSN {} on\n",
                                   command.data_dir, with_separators(lowest->value)));
}

std::string kept_json(JsonObject& json, const Kept& kept) {
  return json.number("kept_records", kept.records)
      .number("kept_tables", kept.tables)
      .number("kept_table_bytes", kept.bytes)
      .finish();
}

std::string for_machines(const HoldListCommand& command, const Held& held) {
  const auto now = believed_now(held.manifest);
  JsonArray holds;
  for (const store::Cursor& cursor : held.list.cursors) {
    const auto needed = needed_by(cursor, now);
    JsonObject json;
    json.text("name", cursor.name)
        .text("kind", cursor.kind == store::CursorKind::hold ? "hold" : "cursor")
        .text("state", needed ? "active" : "expired")
        .number("lsn", cursor.lsn.value)
        .signed_number("deadline_ns", cursor.deadline_unix_ns);
    holds.add(kept_json(json, needed ? kept_by(held, *needed) : Kept()));
  }
  for (const store::DamagedFile& damaged : held.list.damaged) {
    JsonObject json;
    json.text("name", damaged.name)
        .null("kind")
        .text("state", "damaged")
        .null("lsn")
        .null("deadline_ns")
        .text("why", damaged.why);
    holds.add(kept_json(json, kept_by(held, Lsn{0})));
  }
  JsonObject json;
  json.text("data_dir", command.data_dir)
      .boolean("clock_believed", now.has_value())
      .number("purged_through", held.manifest.purged.through.value);
  const auto lowest = store::lowest_needed_lsn(held.list, now);
  if (lowest) {
    json.number("lowest_needed_lsn", lowest->value);
  } else {
    json.null("lowest_needed_lsn");
  }
  return json.raw("holds", holds.finish()).finish() + "\n";
}

}  // namespace

int run(const HoldAddCommand& command) {
  const auto hold = add(command);
  if (!hold) {
    return failed(hold.status());
  }
  const auto after = look_at(command.data_dir);
  if (!after) {
    return failed(after.status());
  }
  const Lsn purged = after->manifest.purged.through;
  if (purged >= hold->lsn) {
    complain(
        fmt::format("retention had removed everything up to LSN {} before; the hold keeps "
                    "what follows",
                    purged.value));
  }
  return print(fmt::format("{} holds LSN {} and later of {}, {}\n", hold->name,
                           with_separators(hold->lsn.value), command.data_dir,
                           until_text(hold->deadline_unix_ns)));
}

int run(const HoldRemoveCommand& command) {
  const auto held = look_at(command.data_dir);
  if (!held) {
    return failed(held.status());
  }
  const Status removed =
      store::remove_cursor(io::posix_file_system(), command.data_dir, command.name);
  if (removed.code() == Code::not_found) {
    std::vector<std::string> names;
    for (const store::Cursor& cursor : held->list.cursors) {
      names.push_back(cursor.name);
    }
    const auto closest = config::did_you_mean(command.name, names);
    return failed(
        {Code::not_found, fmt::format("{} has no hold `{}`{}", command.data_dir, command.name,
                                      closest ? fmt::format("; did you mean `{}`?", *closest)
                                              : "; see `kifa hold list`")});
  }
  if (!removed) {
    return failed(removed);
  }
  return print(fmt::format("{} keeps nothing of {} any more\n", command.name, command.data_dir));
}

int run(const HoldListCommand& command) {
  const auto held = look_at(command.data_dir);
  if (!held) {
    return failed(held.status());
  }
  return print(command.json ? for_machines(command, *held) : for_people(command, *held));
}

}  // namespace kifa::cli
