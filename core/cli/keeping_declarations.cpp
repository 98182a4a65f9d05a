#include <memory>

#include "core/cli/command_declaration.hpp"

namespace kifa::cli {
namespace {

struct VerifyTexts {
  VerifyCommand command;
  Text data_dir;
};

Result<Command> finish_verify(const VerifyTexts& texts) {
  VerifyCommand command = texts.command;
  if (command.repair && !command.anchor.empty()) {
    return Status(Code::invalid, "--anchor checks and --repair changes: give one of them");
  }
  if (command.export_file.empty()) {
    KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  } else if (command.repair || !command.anchor.empty()) {
    return Status(Code::invalid,
                  "--export checks a file without its store: --anchor and --repair are for stores");
  }
  return command;
}

CommandDeclaration verify_declaration() {
  const auto texts = std::make_shared<VerifyTexts>();
  VerifyCommand& command = texts->command;
  return {
      .name = "verify",
      .alias = "",
      .summary = "Check every byte of a store",
      .options = {data_dir_option(texts->data_dir),
                  {.names = "--anchor",
                   .value_name = "FIRST:LAST:HEX",
                   .summary =
                       "Check as well that the records up to LAST are those of this anchor, which "
                       "an earlier verify printed",
                   .into = &command.anchor},
                  {.names = "--export",
                   .value_name = "FILE",
                   .summary = "Check this file of `kifa export` by its manifest, without a store",
                   .into = &command.export_file},
                  json_option(command.json),
                  {.names = "--repair",
                   .value_name = "",
                   .summary = "Make a damaged store whole again: keep what can be read, record "
                              "what is lost, move damaged files aside. No daemon may have it",
                   .into = &command.repair},
                  {.names = "-q,--quiet",
                   .value_name = "",
                   .summary = "Print nothing but faults",
                   .into = &command.quiet}},
      .footer =
          "\nExamples:\n"
          "  kifa verify -d ./data\n"
          "  kifa verify -d /mnt/backup/data --json\n"
          "  kifa verify -d ./data --repair\n"
          "  kifa verify --export january.json.gz\n"
          "\nReads also while a daemon writes the store; changes nothing without --repair. Prints "
          "a\n"
          "line for each fault and ends with 65 when there is any. The anchor that it prints, "
          "kept\n"
          "elsewhere, tells later whether any record up to it was changed. Records get one when "
          "the log\n"
          "moves into a table; verify tells from which LSN on there is none yet.",
      .finish = [texts] { return finish_verify(*texts); }};
}

CommandDeclaration backup_declaration() {
  struct State {
    BackupCommand command;
    Text data_dir;
  };
  const auto state = std::make_shared<State>();
  return {.name = "backup",
          .alias = "",
          .summary = "Make a consistent copy of a store",
          .options = {data_dir_option(state->data_dir),
                      {.names = "TARGET",
                       .value_name = "",
                       .summary = "The directory to make; it must not be there",
                       .into = &state->command.target,
                       .required = true},
                      json_option(state->command.json)},
          .footer =
              "\nExamples:\n"
              "  kifa backup -d ./data /mnt/usb/kifa-2026-01-31\n"
              "  kifa verify -d /mnt/usb/kifa-2026-01-31\n"
              "\nWorks also while a daemon writes the store. On the same disk tables are "
              "linked, not copied:\n"
              "that is quick and takes no room, but a bad sector then damages both.",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_data_dir(state->data_dir, state->command.data_dir));
            return state->command;
          }};
}

}  // namespace

std::vector<CommandDeclaration> keeping_commands() {
  return {verify_declaration(), backup_declaration()};
}

}  // namespace kifa::cli
