#include <fmt/format.h>

#include <memory>

#include "core/cli/command_declaration.hpp"

namespace kifa::cli {
namespace {

struct QueryTexts {
  QueryCommand command;
  Text data_dir;
  Text from_lsn;
  Text to_lsn;
  Text limit;
};

Result<Command> finish_query(const QueryTexts& texts) {
  constexpr std::uint64_t kMost = (1ULL << 63U) - 1;  // the highest LSN of the format
  QueryCommand command = texts.command;
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(read_number(texts.from_lsn, {.least = 1, .most = kMost}, command.from_lsn));
  KIFA_TRY(read_number(texts.to_lsn, {.least = 1, .most = kMost}, command.to_lsn));
  KIFA_TRY(read_number(texts.limit, {.least = 0, .most = kMost}, command.limit));
  if (command.to_lsn != 0 && command.to_lsn < command.from_lsn) {
    return Status(Code::invalid, fmt::format("--from-lsn {} is after --to-lsn {}: exchange them",
                                             command.from_lsn, command.to_lsn));
  }
  if (command.events && !one_of(command.format, {"text", "json"})) {
    return Status(Code::invalid, fmt::format("--events works with --format text and json, not `{}`",
                                             command.format));
  }
  return command;
}

CommandDeclaration query_declaration() {
  const auto texts = std::make_shared<QueryTexts>();
  return {
      .name = "query",
      .alias = "",
      .summary = "Print the records of a store",
      .options = {data_dir_option(texts->data_dir),
                  {.names = "-f,--format",
                   .value_name = "NAME",
                   .summary = "Formatter: text (default), json, ...",
                   .into = &texts->command.format},
                  {.names = "--from-lsn",
                   .value_name = "N",
                   .summary = "First record to print",
                   .into = &texts->from_lsn},
                  {.names = "--to-lsn",
                   .value_name = "N",
                   .summary = "Last record to print",
                   .into = &texts->to_lsn},
                  {.names = "-l,--limit",
                   .value_name = "N",
                   .summary = "Print at most N records (0: all)",
                   .into = &texts->limit},
                  {.names = "--events",
                   .value_name = "",
                   .summary =
                       "Print gaps and other events at their places too (formats text and json)",
                   .into = &texts->command.events},
                  plugin_path_option(texts->command.plugin_paths)},
      .footer =
          "\nExamples:\n"
          "  kifa query -d ./data\n"
          "  kifa query -d ./data --format json --from-lsn 1 --to-lsn 10\n"
          "  kifa query -d ./data --limit 5\n"
          "\nReads also while a daemon writes the store, and changes nothing.",
      .finish = [texts] { return finish_query(*texts); }};
}

CommandDeclaration stats_declaration() {
  struct State {
    StatsCommand command;
    Text data_dir;
  };
  const auto state = std::make_shared<State>();
  return {.name = "stats",
          .alias = "",
          .summary = "Print the figures of a store",
          .options = {data_dir_option(state->data_dir), json_option(state->command.json)},
          .footer = "\nExamples:\n  kifa stats -d ./data\n  kifa stats -d ./data --json",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_data_dir(state->data_dir, state->command.data_dir));
            return state->command;
          }};
}

}  // namespace

std::vector<CommandDeclaration> reading_commands() {
  return {query_declaration(), stats_declaration()};
}

}  // namespace kifa::cli
