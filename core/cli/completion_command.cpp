#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "core/cli/command_declaration.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/output.hpp"

namespace kifa::cli {
namespace {

using Commands = std::vector<CommandDeclaration>;

bool is_flag(const OptionDeclaration& option) { return option.names.starts_with('-'); }

// What a shell may complete the value of an option to.
enum class Values : std::uint8_t { none, words, directories, files };
Values values_of(const OptionDeclaration& option) {
  if (!option.choices.empty()) {
    return Values::words;
  }
  const std::string& name = is_flag(option) ? option.value_name : option.names;
  if (name == "DIR" || name == "TARGET") {
    return Values::directories;
  }
  return one_of(name, {"FILE", "PATH", "DEVICE[,BAUD]"}) ? Values::files : Values::none;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// The words that may follow `prefix` ("" or "plugin ").
std::vector<std::string> subcommands(const Commands& commands, const std::string& prefix) {
  std::vector<std::string> words;
  for (const CommandDeclaration& command : commands) {
    const std::string rest =
        command.name.starts_with(prefix) ? command.name.substr(prefix.size()) : " ";
    if (rest.find(' ') == std::string::npos) {
      words.push_back(rest);
      if (prefix.empty() && !command.alias.empty()) {
        words.push_back(command.alias);
      }
    }
  }
  if (prefix.empty()) {
    words.emplace_back("help");
  }
  return words;
}

// The commands that only hold others: what counts stands in the next word.
std::vector<std::string> holders(const Commands& commands) {
  std::vector<std::string> words;
  for (const CommandDeclaration& command : commands) {
    if (!command.finish) {
      words.push_back(command.name);
    }
  }
  return words;
}

// What bash is to do about a value: a line that ends the function.
std::string bash_action(const OptionDeclaration& option) {
  switch (values_of(option)) {
    case Values::words:
      return fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$current\"))",
                         joined(option.choices));
    case Values::directories:
      return "COMPREPLY=($(compgen -d -- \"$current\"))";
    case Values::files:
      return "COMPREPLY=($(compgen -f -- \"$current\"))";
    case Values::none:
      break;
  }
  return "COMPREPLY=()";
}

// The words of one command, and a line for each of its options that has a value.
std::string bash_case(const Commands& commands, const CommandDeclaration& command) {
  std::vector<std::string> words = subcommands(commands, command.name + " ");
  std::string values;
  std::string arguments = "COMPREPLY=()";
  for (const OptionDeclaration& option : command.options) {
    if (!is_flag(option)) {
      arguments = bash_action(option);
      continue;
    }
    const std::vector<std::string> names = all_names(option);
    std::copy_if(names.begin(), names.end(), std::back_inserter(words),
                 [](const std::string& name) { return name.starts_with("--"); });
    if (!is_switch(option)) {
      values +=
          fmt::format("        {}) {}; return ;;\n", fmt::join(names, "|"), bash_action(option));
    }
  }
  words.emplace_back("--help");
  const std::string pattern =
      command.alias.empty() ? command.name : fmt::format("{}|{}", command.name, command.alias);
  return fmt::format(
      "    {})\n"
      "      case \"$previous\" in\n"
      "{}"
      "      esac\n"
      "      {}\n"
      "      [[ $current == -* || {} ]] && words=\"{}\" ;;\n",
      command.name.find(' ') == std::string::npos ? pattern : fmt::format("\"{}\"", command.name),
      values, arguments, command.finish ? "${#COMPREPLY[@]} -eq 0" : "1 -eq 1", joined(words));
}

std::string for_bash(const Commands& commands) {
  std::string cases;
  for (const CommandDeclaration& command : commands) {
    cases += bash_case(commands, command);
  }
  return fmt::format(
      "_kifa() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local words= command=${{COMP_WORDS[1]}}\n"
      "  COMPREPLY=()\n"
      "  if (( COMP_CWORD == 1 )); then\n"
      "    COMPREPLY=($(compgen -W \"{0} --help --version\" -- \"$current\"))\n"
      "    return\n"
      "  fi\n"
      "  [[ ' {2} ' == *\" $command \"* && $COMP_CWORD -gt 2 ]] && "
      "command=\"$command ${{COMP_WORDS[2]}}\"\n"
      "  case \"$command\" in\n"
      "{1}"
      "    help) words=\"{0}\" ;;\n"
      "  esac\n"
      "  [[ -n $words ]] && COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o filenames -F _kifa kifa\n",
      joined(subcommands(commands, "")), cases, joined(holders(commands)));
}

// Between single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char character : text) {
    result += character == '\'' || character == '\\' ? fmt::format("\\{}", character)
                                                     : std::string(1, character);
  }
  return result + "'";
}

std::string fish_value(const OptionDeclaration& option) {
  switch (values_of(option)) {
    case Values::words:
      return fmt::format(" -x -a {}", quoted(joined(option.choices)));
    case Values::directories:
      return " -x -a '(__fish_complete_directories)'";
    case Values::files:
      return " -r -F";
    case Values::none:
      break;
  }
  return " -x";
}

std::string fish_option(const std::string& condition, const OptionDeclaration& option) {
  if (!is_flag(option)) {
    const std::string value = fish_value(option);
    return value == " -x" ? "" : fmt::format("complete -c kifa -n {}{}\n", condition, value);
  }
  std::string names;
  for (const std::string& name : all_names(option)) {
    names += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  return fmt::format("complete -c kifa -n {}{}{} -d {}\n", condition, names,
                     is_switch(option) ? "" : fish_value(option), quoted(option.summary));
}

std::string for_fish(const Commands& commands) {
  std::string script =
      "complete -c kifa -f\n"
      "complete -c kifa -n '__fish_use_subcommand' -a help -d 'Print a help'\n";
  for (const CommandDeclaration& command : commands) {
    const std::size_t space = command.name.find(' ');
    const std::string outer = command.name.substr(0, space);
    const std::string own = command.name.substr(space == std::string::npos ? 0 : space + 1);
    const std::string place = space == std::string::npos
                                  ? "'__fish_use_subcommand'"
                                  : fmt::format("'__fish_seen_subcommand_from {}'", outer);
    const std::string inside =
        space == std::string::npos
            ? fmt::format("'__fish_seen_subcommand_from {} {}'", own, command.alias)
            : fmt::format("'__fish_seen_subcommand_from {}; and __fish_seen_subcommand_from {}'",
                          outer, own);
    script += fmt::format("complete -c kifa -n {} -a {} -d {}\n", place,
                          quoted(own + (command.alias.empty() ? "" : " " + command.alias)),
                          quoted(command.summary));
    for (const OptionDeclaration& option : command.options) {
      script += fish_option(inside, option);
    }
  }
  return script;
}

}  // namespace

int run(const CompletionCommand& command) {
  const Commands commands = all_commands();
  if (command.shell == "fish") {
    return print(for_fish(commands));
  }
  // zsh understands bash's way once it is told to.
  const std::string start =
      command.shell == "zsh" ? "#compdef kifa\nautoload -U +X bashcompinit && bashcompinit\n" : "";
  return print(start + for_bash(commands));
}

}  // namespace kifa::cli
