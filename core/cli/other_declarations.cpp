#include <fmt/format.h>

#include <memory>

#include "core/cli/command_declaration.hpp"

namespace kifa::cli {
namespace {

CommandDeclaration plugin_list_declaration() {
  const auto command = std::make_shared<PluginListCommand>();
  return {.name = "plugin list",
          .alias = "",
          .summary = "Print which plugins there are, and why one cannot be used",
          .options = {json_option(command->json), plugin_path_option(command->plugin_paths)},
          .footer = "\nExamples:\n  kifa plugin list\n  kifa plugin list --json",
          .finish = [command]() -> Result<Command> { return *command; }};
}

CommandDeclaration plugin_info_declaration() {
  const auto command = std::make_shared<PluginInfoCommand>();
  return {.name = "plugin info",
          .alias = "",
          .summary = "Print a component's options",
          .options = {{.names = "NAME",
                       .value_name = "",
                       .summary = "A type, like `newline`, or a plugin's id",
                       .into = &command->name,
                       .required = true},
                      json_option(command->json),
                      plugin_path_option(command->plugin_paths)},
          .footer = "\nExamples:\n  kifa plugin info newline\n  kifa plugin info kifa --json",
          .finish = [command]() -> Result<Command> { return *command; }};
}

CommandDeclaration completion_declaration() {
  const auto command = std::make_shared<CompletionCommand>();
  return {.name = "completion",
          .alias = "",
          .summary = "Print a script that completes kifa's words in a shell",
          .options = {{.names = "SHELL",
                       .value_name = "",
                       .summary = "bash, zsh or fish",
                       .into = &command->shell,
                       .required = true}},
          .footer = "\nExample:\n  kifa completion bash > /etc/bash_completion.d/kifa",
          .finish = [command]() -> Result<Command> {
            if (!one_of(command->shell, {"bash", "zsh", "fish"})) {
              return Status(Code::invalid, fmt::format("completion knows bash, zsh and fish, not "
                                                       "`{}`",
                                                       command->shell));
            }
            return *command;
          }};
}

}  // namespace

std::vector<CommandDeclaration> other_commands() {
  return {{.name = "plugin",
           .alias = "",
           .summary = "Look at plugins",
           .options = {},
           .footer = "\nExamples:\n  kifa plugin list\n  kifa plugin info newline",
           .finish = nullptr},
          plugin_list_declaration(),
          plugin_info_declaration(),
          completion_declaration()};
}

}  // namespace kifa::cli
