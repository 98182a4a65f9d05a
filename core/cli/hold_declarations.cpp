#include <fmt/format.h>

#include <memory>

#include "core/base/clock.hpp"
#include "core/base/text.hpp"
#include "core/cli/choice_options.hpp"
#include "core/cli/command_declaration.hpp"
#include "core/cli/time_bound.hpp"
#include "core/config/options.hpp"
#include "core/store/cursors.hpp"

namespace kifa::cli {
namespace {

Status check_name(const std::string& name) {
  if (store::is_cursor_name(name)) {
    return {};
  }
  return {Code::invalid,
          fmt::format("{} is no name for a hold: 1 to {} letters, digits, '.', '_' and '-', not "
                      "beginning with '.' and not ending in .tmp",
                      backquoted(name), store::kCursorNameBytesMax)};
}

struct AddTexts {
  HoldAddCommand command;
  Text data_dir;
  Text from_lsn;
  Text duration;
  Text until;
  bool is_local = false;
};

Status read_end(const AddTexts& texts, std::int64_t now_unix_ns, HoldAddCommand& into) {
  if (!texts.duration.value.empty() && !texts.until.value.empty()) {
    return {Code::invalid, "--for and --until both say when the hold ends: give one of them"};
  }
  if (!texts.duration.value.empty()) {
    const auto duration = config::parse_duration_ns(texts.duration.value);
    std::int64_t end = 0;
    if (!duration || *duration <= 0 || __builtin_add_overflow(now_unix_ns, *duration, &end)) {
      return {Code::invalid, fmt::format("--for takes a duration such as 30d, 12h or 1h30m, not {}",
                                         backquoted(texts.duration.value))};
    }
    into.duration_ns = *duration;
  }
  if (!texts.until.value.empty()) {
    const auto until = parse_time_bound(
        texts.until.value, RangeEnd::last,
        {.now_unix_ns = now_unix_ns, .zone = texts.is_local ? Zone::local : Zone::utc});
    if (!until) {
      return until.error().with_context("--until");
    }
    if (*until <= now_unix_ns) {
      return {Code::invalid, fmt::format("--until {} is not to come any more: name a later time, "
                                         "or say how long with --for",
                                         texts.until.value)};
    }
    into.until_unix_ns = *until;
  }
  return {};
}

Result<Command> finish_add(const AddTexts& texts) {
  HoldAddCommand command = texts.command;
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(check_name(command.name));
  KIFA_TRY(read_number(texts.from_lsn, {.least = 1, .most = kLsnMax}, command.from_lsn));
  KIFA_TRY(read_end(texts, SystemClock().now_unix_ns(), command));
  return command;
}

OptionDeclaration name_option(std::string& into) {
  return {.names = "NAME",
          .value_name = "",
          .summary = "What the hold is called, such as audit-2026",
          .into = &into,
          .required = true};
}

CommandDeclaration add_declaration() {
  const auto texts = std::make_shared<AddTexts>();
  return {.name = "hold add",
          .alias = "",
          .summary = "Keep records of a store back from retention",
          .options = {name_option(texts->command.name),
                      data_dir_option(texts->data_dir),
                      {.names = "--from-lsn",
                       .value_name = "N",
                       .summary = "Keep this record and all later ones (default: all that are "
                                  "there)",
                       .into = &texts->from_lsn},
                      {.names = "--for",
                       .value_name = "DURATION",
                       .summary = "The hold ends by itself after this time: 30d, 12h, 1h30m",
                       .into = &texts->duration},
                      {.names = "--until",
                       .value_name = "TIME",
                       .summary = "The hold ends by itself at this time: 2026-12-31, "
                                  "2026-12-31T12:00:00+01:00; a day is meant to its end",
                       .into = &texts->until},
                      {.names = "--local",
                       .value_name = "",
                       .summary = "A time without a zone is this machine's local time, not UTC",
                       .into = &texts->is_local},
                      {.names = "--replace",
                       .value_name = "",
                       .summary = "Change the hold of this name, if there is one",
                       .into = &texts->command.replace}},
          .footer =
              "\nExamples:\n"
              "  kifa hold add audit-2026 -d ./data --for 30d\n"
              "  kifa hold add dispute-17 -d ./data --from-lsn 4711 --until 2026-12-31\n"
              "\nWorks also while a daemon writes the store, which looks at holds each time "
              "before it removes\n"
              "anything. Without --for and --until it lasts until `kifa hold remove`. A hold "
              "keeps the disk\n"
              "from being freed: with a disk_budget, input waits when the store is full.",
          .finish = [texts] { return finish_add(*texts); }};
}

CommandDeclaration remove_declaration() {
  struct State {
    HoldRemoveCommand command;
    Text data_dir;
  };
  const auto state = std::make_shared<State>();
  return {.name = "hold remove",
          .alias = "",
          .summary = "Give a hold up; retention may take what it kept",
          .options = {name_option(state->command.name), data_dir_option(state->data_dir)},
          .footer =
              "\nExample:\n  kifa hold remove audit-2026 -d ./data\n"
              "\nRemoves also one that is damaged, and a cursor.",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_data_dir(state->data_dir, state->command.data_dir));
            KIFA_TRY(check_name(state->command.name));
            return state->command;
          }};
}

CommandDeclaration list_declaration() {
  struct State {
    HoldListCommand command;
    Text data_dir;
  };
  const auto state = std::make_shared<State>();
  return {.name = "hold list",
          .alias = "",
          .summary = "Print what is kept back from retention, by whom and until when",
          .options = {data_dir_option(state->data_dir), json_option(state->command.json)},
          .footer = "\nExamples:\n  kifa hold list -d ./data\n  kifa hold list -d ./data --json",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_data_dir(state->data_dir, state->command.data_dir));
            return state->command;
          }};
}

}  // namespace

std::vector<CommandDeclaration> hold_commands() {
  return {{.name = "hold",
           .alias = "",
           .summary = "Keep records back from retention",
           .options = {},
           .footer = "\nExamples:\n"
                     "  kifa hold add audit-2026 -d ./data --for 30d\n"
                     "  kifa hold list -d ./data\n"
                     "  kifa hold remove audit-2026 -d ./data",
           .finish = nullptr},
          add_declaration(),
          remove_declaration(),
          list_declaration()};
}

}  // namespace kifa::cli
