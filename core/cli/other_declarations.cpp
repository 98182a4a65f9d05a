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

CommandDeclaration schema_declaration() {
  const auto command = std::make_shared<SchemaCommand>();
  return {.name = "schema",
          .alias = "",
          .summary = "Print the JSON Schema of configuration files, for editors",
          .options = {plugin_path_option(command->plugin_paths)},
          .footer =
              "\nExample:\n  kifa schema > kifa.schema.json\n"
              "\nIt knows the options of all plugins that there are. An editor with a YAML "
              "language server\n"
              "uses it for a file that begins with\n"
              "`# yaml-language-server: $schema=kifa.schema.json`.",
          .finish = [command]() -> Result<Command> { return *command; }};
}

CommandDeclaration manual_declaration() {
  const auto command = std::make_shared<ManualCommand>();
  return {.name = "manual",
          .alias = "",
          .summary = "Print a page of the manual, for man(1)",
          .options = {{.names = "COMMAND",
                       .value_name = "",
                       .summary = "The command; without one, kifa itself",
                       .into = &command->topic},
                      {.names = "--directory",
                       .value_name = "DIR",
                       .summary = "Write all pages into this folder instead",
                       .into = &command->directory}},
          .footer =
              "\nExamples:\n  kifa manual query | man -l -\n"
              "  kifa manual --directory /usr/local/share/man/man1",
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
                       .required = true,
                       .choices = {"bash", "zsh", "fish"}}},
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
          schema_declaration(),
          manual_declaration(),
          completion_declaration()};
}

}  // namespace kifa::cli
