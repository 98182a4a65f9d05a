#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/output.hpp"

namespace kifa::cli {
namespace {

std::string flag_words(const CommandWord& command) {
  std::string words;
  for (const CommandWord::Flag& flag : command.flags) {
    words += fmt::format(" --{}", flag.long_name);
  }
  return words;
}

// The words that may follow `prefix` ("" or "plugin ").
std::string subcommand_words(const std::vector<CommandWord>& commands, const std::string& prefix) {
  std::string words;
  for (const CommandWord& command : commands) {
    const std::string rest =
        command.name.starts_with(prefix) ? command.name.substr(prefix.size()) : " ";
    if (rest.find(' ') == std::string::npos) {
      words += " " + rest;
    }
  }
  return words;
}

std::string for_bash(const std::vector<CommandWord>& commands) {
  std::string cases;
  for (const CommandWord& command : commands) {
    // Commands inside others come first in the list of patterns: they are longer.
    const bool is_inner = command.name.find(' ') != std::string::npos;
    const std::string line = fmt::format(
        "    \"{}\"{}) words=\"{}{}\" ;;\n", is_inner ? command.name : command.name + " ",
        is_inner ? "" : "*", subcommand_words(commands, command.name + " "), flag_words(command));
    cases = is_inner ? line + cases : cases + line;
  }
  return fmt::format(
      "_kifa() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} words=\"{} --help --version\"\n"
      "  (( COMP_CWORD > 1 )) && case \"${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}\" in\n"
      "{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ $current == -* || $COMP_CWORD -eq 1 ]] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
      "}}\n"
      "complete -o filenames -F _kifa kifa\n",
      subcommand_words(commands, ""), cases);
}

// Between single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char character : text) {
    result += character == '\'' ? std::string("\\'") : std::string(1, character);
  }
  return result + "'";
}

std::string for_fish(const std::vector<CommandWord>& commands) {
  std::string script = "complete -c kifa -f\n";
  for (const CommandWord& command : commands) {
    const std::size_t space = command.name.find(' ');
    const std::string own = command.name.substr(space == std::string::npos ? 0 : space + 1);
    const std::string condition =
        space == std::string::npos
            ? "__fish_use_subcommand"
            : fmt::format("__fish_seen_subcommand_from {}", command.name.substr(0, space));
    script += fmt::format("complete -c kifa -n '{}' -a {} -d {}\n", condition, own,
                          quoted(command.summary));
    for (const CommandWord::Flag& flag : command.flags) {
      script +=
          fmt::format("complete -c kifa -n '__fish_seen_subcommand_from {}' -l {}{}{} -d {}\n", own,
                      flag.long_name, flag.short_name.empty() ? "" : " -s " + flag.short_name,
                      flag.takes_value ? " -r -F" : "", quoted(flag.summary));
    }
    if (command.takes_file) {
      script += fmt::format("complete -c kifa -n '__fish_seen_subcommand_from {}' -F\n", own);
    }
  }
  return script;
}

}  // namespace

int run(const CompletionCommand& command) {
  const std::vector<CommandWord> commands = command_words();
  if (command.shell == "fish") {
    return print(for_fish(commands));
  }
  // zsh understands bash's way once it is told to.
  const std::string start =
      command.shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  return print(start + for_bash(commands));
}

}  // namespace kifa::cli
