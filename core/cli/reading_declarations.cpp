#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/cli/choice_options.hpp"
#include "core/cli/color.hpp"
#include "core/cli/command_declaration.hpp"
#include "core/cli/format_options.hpp"

namespace kifa::cli {
namespace {

struct QueryTexts {
  QueryCommand command;
  Text data_dir;
  Text color;
  ChoiceTexts choice;
};

// Appends the options of `more`.
void add(std::vector<OptionDeclaration>& options, const std::vector<OptionDeclaration>& more) {
  options.insert(options.end(), more.begin(), more.end());
}

Status check_events(const std::string& format) {
  return one_of(format, {"text", "json"})
             ? Status()
             : Status(Code::invalid,
                      fmt::format("--events works with --format text and json, not `{}`", format));
}

Result<Command> finish_query(const QueryTexts& texts) {
  QueryCommand command = texts.command;
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(read_choice(texts.choice, SystemClock().now_unix_ns(), command.choice));
  KIFA_TRY(read_color(texts.color, command.color));
  KIFA_TRY(check_format_options(command.format_options));
  if (command.events) {
    KIFA_TRY(check_events(command.format));
    if (command.choice.is_reverse || command.count) {
      return Status(Code::invalid,
                    fmt::format("--events prints what happened between records, which {} does not "
                                "print: give one of them",
                                command.count ? "--count" : "--reverse"));
    }
  }
  if (command.count && !command.output.empty()) {
    return Status(Code::invalid, "--count prints a number on standard output: leave out --output");
  }
  return command;
}

CommandDeclaration query_declaration() {
  const auto texts = std::make_shared<QueryTexts>();
  std::vector<OptionDeclaration> options = {data_dir_option(texts->data_dir),
                                            {.names = "-f,--format",
                                             .value_name = "NAME",
                                             .summary = "Formatter: text (default), json, ...",
                                             .into = &texts->command.format},
                                            format_option_option(texts->command.format_options)};
  add(options, begin_options(texts->choice));
  add(options, end_options(texts->choice));
  add(options, filter_options(texts->choice));
  add(options, order_options(texts->choice));
  add(options,
      {{.names = "-o,--output",
        .value_name = "FILE",
        .summary = "Write to this file, which gets its name when it is whole",
        .into = &texts->command.output},
       {.names = "--count",
        .value_name = "",
        .summary = "Print how many records there are instead of the records",
        .into = &texts->command.count},
       {.names = "--events",
        .value_name = "",
        .summary = "Print gaps and other events at their places too (formats text and json)",
        .into = &texts->command.events},
       color_option(texts->color),
       plugin_path_option(texts->command.plugin_paths)});
  return {.name = "query",
          .alias = "",
          .summary = "Print the records of a store",
          .options = std::move(options),
          .footer =
              "\nExamples:\n"
              "  kifa query -d ./data\n"
              "  kifa query -d ./data --format json --from-lsn 1 --to-lsn 10\n"
              "  kifa query -d ./data --from 1h30m --grep '\"status\":\"failed\"'\n"
              "  kifa query -d ./data --from 2026-01-29 --to 2026-01-29 --source till-1/app\n"
              "  kifa query -d ./data --last 5\n"
              "  kifa query -d ./data --format csv --format-option delimiter=';'\n"
              "\nReads also while a daemon writes the store, and changes nothing.",
          .finish = [texts] { return finish_query(*texts); }};
}

struct TailTexts {
  TailCommand command;
  Text data_dir;
  Text color;
  Text lines;
  ChoiceTexts choice;
};

Result<Command> finish_tail(const TailTexts& texts) {
  constexpr std::uint64_t kLinesDefault = 10;
  TailCommand command = texts.command;
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(read_choice(texts.choice, SystemClock().now_unix_ns(), command.choice));
  KIFA_TRY(read_color(texts.color, command.color));
  KIFA_TRY(check_format_options(command.format_options));
  const bool has_begin =
      !texts.choice.from_lsn.value.empty() || !texts.choice.from_time.value.empty();
  command.choice.last = has_begin ? 0 : kLinesDefault;
  KIFA_TRY(read_number(texts.lines, {.least = 0, .most = kLsnMax}, command.choice.last));
  command.is_only_new = command.choice.last == 0 && !has_begin;
  if (command.events) {
    KIFA_TRY(check_events(command.format));
  }
  return command;
}

CommandDeclaration tail_declaration() {
  const auto texts = std::make_shared<TailTexts>();
  std::vector<OptionDeclaration> options = {
      data_dir_option(texts->data_dir),
      {.names = "-f,--follow",
       .value_name = "",
       .summary = "Go on with what comes, as soon as it is on the disk",
       .into = &texts->command.follow},
      {.names = "-n,--last",
       .value_name = "N",
       .summary = "Begin with the last N records (default 10; 0: only what comes); with --from or "
                  "--from-lsn all from there",
       .into = &texts->lines},
      {.names = "--format",
       .value_name = "NAME",
       .summary = "Formatter: text (default), json, ...",
       .into = &texts->command.format},
      format_option_option(texts->command.format_options)};
  add(options, begin_options(texts->choice));
  add(options, filter_options(texts->choice));
  add(options,
      {{.names = "--events",
        .value_name = "",
        .summary = "Print gaps and other events at their places too (formats text and json)",
        .into = &texts->command.events},
       color_option(texts->color),
       plugin_path_option(texts->command.plugin_paths)});
  return {
      .name = "tail",
      .alias = "",
      .summary = "Print the last records of a store, and those that come",
      .options = std::move(options),
      .footer =
          "\nExamples:\n"
          "  kifa tail -d ./data\n"
          "  kifa tail -f -d ./data --source till-1/app\n"
          "  kifa tail -f -d ./data --format json --from-lsn 4712 | ./forward\n"
          "\nFollows the store, whoever writes it, also when its daemon is stopped and started. "
          "Changes nothing.",
      .finish = [texts] { return finish_tail(*texts); }};
}

struct ExportTexts {
  ExportCommand command;
  Text data_dir;
  Text compress;
  ChoiceTexts choice;
};

Result<Command> finish_export(const ExportTexts& texts) {
  ExportCommand command = texts.command;
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(read_choice(texts.choice, SystemClock().now_unix_ns(), command.choice));
  KIFA_TRY(check_format_options(command.format_options));
  const std::string& compression = texts.compress.value;
  if (!compression.empty() && !one_of(compression, {"gzip", "zstd"})) {
    return Status(Code::invalid,
                  fmt::format("--compress takes gzip or zstd, not `{}`", compression));
  }
  if (!compression.empty()) {
    command.compression = compression == "gzip" ? Compression::gzip : Compression::zstd;
  }
  return command;
}

CommandDeclaration export_declaration() {
  const auto texts = std::make_shared<ExportTexts>();
  ExportCommand& command = texts->command;
  std::vector<OptionDeclaration> options = {
      data_dir_option(texts->data_dir),
      {.names = "-o,--output",
       .value_name = "FILE",
       .summary = "The file to make; its manifest stands beside it as FILE.manifest.json",
       .into = &command.output,
       .required = true},
      {.names = "-f,--format",
       .value_name = "NAME",
       .summary = "Formatter: json (default), text, ...",
       .into = &command.format},
      format_option_option(command.format_options)};
  add(options, begin_options(texts->choice));
  add(options, end_options(texts->choice));
  add(options, filter_options(texts->choice));
  add(options, order_options(texts->choice));
  add(options, {{.names = "--compress",
                 .value_name = "HOW",
                 .summary = "Compress the file: gzip or zstd",
                 .into = &texts->compress},
                {.names = "--force",
                 .value_name = "",
                 .summary = "Replace the file if it is there",
                 .into = &command.force},
                json_option(command.json),
                {.names = "-q,--quiet",
                 .value_name = "",
                 .summary = "No progress bar and no summary",
                 .into = &command.is_quiet},
                plugin_path_option(command.plugin_paths)});
  return {.name = "export",
          .alias = "",
          .summary = "Write the records of a store into a file, whole or not at all",
          .options = std::move(options),
          .footer =
              "\nExamples:\n"
              "  kifa export -d ./data -o january.json.gz --compress gzip --from 2026-01-01 --to "
              "2026-01-31\n"
              "  kifa export -d ./data -o sales.csv --format csv --source till-1/app\n"
              "  kifa verify --export january.json.gz\n"
              "\nThe file gets its name when all of it is on the disk. What an interrupted export "
              "leaves is\nhidden, and removed by the next one in that folder: just run it again.",
          .finish = [texts] { return finish_export(*texts); }};
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
  return {query_declaration(), tail_declaration(), export_declaration(), stats_declaration()};
}

}  // namespace kifa::cli
