#include "core/cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>
#include <variant>

#include "core/base/status.hpp"
#include "core/cli/command_declaration.hpp"
#include "core/cli/version.hpp"

namespace kifa::cli {
namespace {

void add_option(CLI::App& command, const OptionDeclaration& declared) {
  CLI::Option* option = nullptr;
  if (auto* const* is_on = std::get_if<bool*>(&declared.into)) {
    option = command.add_flag(declared.names, **is_on, declared.summary);
  } else if (auto* const* on_or_off = std::get_if<Switch*>(&declared.into)) {
    option = command.add_flag(declared.names, (*on_or_off)->is_given, declared.summary);
  } else if (auto* const* text = std::get_if<Text*>(&declared.into)) {
    option = command.add_option(declared.names, (*text)->value, declared.summary);
  } else if (auto* const* word = std::get_if<std::string*>(&declared.into)) {
    option = command.add_option(declared.names, **word, declared.summary);
  } else {
    auto* const* texts = std::get_if<Texts*>(&declared.into);
    auto& list =
        texts != nullptr ? (*texts)->values : *std::get<std::vector<std::string>*>(declared.into);
    option = command.add_option(declared.names, list, declared.summary);
    option->allow_extra_args(option->get_positional());
  }
  if (!declared.value_name.empty()) {
    option->type_name(declared.value_name);
  }
  option->required(declared.required);
}

void add_command(CLI::App& root, const CommandDeclaration& declared) {
  const std::size_t space = declared.name.find(' ');
  CLI::App* const parent =
      space == std::string::npos ? &root : root.get_subcommand(declared.name.substr(0, space));
  const std::string own =
      space == std::string::npos ? declared.name : declared.name.substr(space + 1);
  CLI::App* const command = parent->add_subcommand(own, declared.summary);
  if (!declared.alias.empty()) {
    command->alias(declared.alias);
  }
  for (const OptionDeclaration& option : declared.options) {
    add_option(*command, option);
  }
  if (!declared.finish) {
    command->require_subcommand(1);
  }
  command->footer(declared.footer);
}

Answer usage_error(const std::string& sentence, const std::string& help_command) {
  return {.is_error = true, .text = fmt::format("{} (see `{}`)", sentence, help_command)};
}

// The innermost command that was recognised, and how a person writes its help.
const CLI::App* innermost_command(const CLI::App& root) {
  const CLI::App* command = &root;
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
  }
  return command;
}

std::string full_name(const CLI::App* command) {
  std::string name = command->get_name();
  for (const CLI::App* parent = command->get_parent(); parent != nullptr;
       parent = parent->get_parent()) {
    name = parent->get_name() + " " + name;
  }
  return name;
}

std::string help_of(const CLI::App* command) {
  return command->get_formatter()->make_help(command, full_name(command),
                                             CLI::AppFormatMode::Normal);
}

// The command of that name or alias; null: there is none.
const CLI::App* find_command(const CLI::App& root, const std::string& name) {
  const auto found =
      root.get_subcommands([&name](const CLI::App* command) { return command->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

Answer unknown_word(const CLI::App* command, const std::string& word) {
  const std::string help_command = full_name(command) + " --help";
  const bool is_option = word.starts_with("-") && word.size() > 1;
  std::vector<std::string> choices;
  if (is_option) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        choices.push_back("--" + name);
      }
    }
  } else {
    for (const CLI::App* subcommand :
         command->get_subcommands([](const CLI::App*) { return true; })) {
      choices.push_back(subcommand->get_name());
      choices.insert(choices.end(), subcommand->get_aliases().begin(),
                     subcommand->get_aliases().end());
    }
  }
  const char* kind = "argument";
  if (is_option) {
    kind = "option";
  } else if (!choices.empty()) {
    kind = "command";
  }
  const std::string name = word.substr(0, is_option ? word.find('=') : std::string::npos);
  std::string sentence = fmt::format("unknown {} `{}` after `{}`", kind, name, full_name(command));
  if (const auto closest = config::did_you_mean(name, choices)) {
    sentence += fmt::format("; did you mean `{}`?", *closest);
  }
  return usage_error(sentence, help_command);
}

// What went wrong while CLI11 read the arguments, in our words where we have better ones.
Answer refused(const CLI::App& root, const CLI::ParseError& error) {
  const CLI::App* command = innermost_command(root);
  const std::vector<std::string> leftover = root.remaining(true);
  if (!leftover.empty()) {
    return unknown_word(command, leftover.front());
  }
  if (command == &root) {
    return {.is_error = true, .text = "no command given\n\n" + help_of(&root)};
  }
  std::string sentence = error.what();
  std::replace(sentence.begin(), sentence.end(), '\n', ' ');
  return usage_error(sentence, full_name(command) + " --help");
}

Status read_switch(const std::string& text, const OptionDeclaration& option, Switch& into) {
  const bool is_true = one_of(text, {"true", "1", "yes", "on"});
  if (!is_true && !one_of(text, {"false", "0", "no", "off"})) {
    return {Code::invalid, fmt::format("{} takes true or false, not `{}`", option.variable, text)};
  }
  into.is_on = is_true != option.variable_negates;
  into.name = option.variable;
  return {};
}

Status read_list(std::string_view text, const OptionDeclaration& option, Texts& into) {
  while (true) {
    const std::size_t comma = text.find(',');
    if (text.empty() || comma == 0) {
      return {Code::invalid, fmt::format("{} is a list with commas between its parts, and one of "
                                         "them is empty",
                                         option.variable)};
    }
    into.values.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) {
      break;
    }
    text.remove_prefix(comma + 1);
  }
  into.name = option.variable;
  return {};
}

// Says of one option where it stood, and reads its variable when it was not given. An empty text
// or variable says nothing.
Status fill_in(const OptionDeclaration& option, const config::Environment& environment) {
  const std::string variable =
      option.variable.empty() ? "" : environment(option.variable).value_or("");
  if (auto* const* text = std::get_if<Text*>(&option.into)) {
    const bool use_variable = (*text)->value.empty() && !variable.empty();
    (*text)->name = use_variable ? option.variable : written_name(option);
    (*text)->value = use_variable ? variable : (*text)->value;
  } else if (auto* const* texts = std::get_if<Texts*>(&option.into)) {
    (*texts)->name = written_name(option);
    if ((*texts)->values.empty() && !variable.empty()) {
      return read_list(variable, option, **texts);
    }
  } else if (auto* const* on_or_off = std::get_if<Switch*>(&option.into)) {
    (*on_or_off)->name = written_name(option);
    if ((*on_or_off)->is_given) {
      (*on_or_off)->is_on = true;
    } else if (!variable.empty()) {
      return read_switch(variable, option, **on_or_off);
    }
  }
  return {};
}

Result<Command> filled_in(const CommandDeclaration& declared,
                          const config::Environment& environment) {
  for (const OptionDeclaration& option : declared.options) {
    KIFA_TRY(fill_in(option, environment));
  }
  return declared.finish();
}

Command help_about(const CLI::App& root, const std::string& topic) {
  if (topic.empty()) {
    return Answer{.is_error = false, .text = help_of(&root)};
  }
  const CLI::App* command = find_command(root, topic);
  if (command == nullptr) {
    return unknown_word(&root, topic);
  }
  return Answer{.is_error = false, .text = help_of(command)};
}

// kifa's words as CLI11 knows them.
struct Parser {
  std::vector<CommandDeclaration> commands = all_commands();
  CLI::App root{kSummary, "kifa"};
  std::string help_topic;

  Parser() {
    root.set_version_flag("-V,--version", version_text());
    root.require_subcommand(1);
    root.footer(kFooter);
    for (const CommandDeclaration& command : commands) {
      add_command(root, command);
    }
    CLI::App* help = root.add_subcommand("help", "Print this help, or the help of a command");
    help->add_option("COMMAND", help_topic, "The command");
  }
};

// The command that was asked for, of what was read.
Command finished(const Parser& parser, const config::Environment& environment) {
  const std::string name = full_name(innermost_command(parser.root));  // "kifa plugin list"
  for (const CommandDeclaration& declared : parser.commands) {
    if (name != "kifa " + declared.name) {
      continue;
    }
    Result<Command> command = filled_in(declared, environment);
    if (!command) {
      return usage_error(command.status().message(), name + " --help");
    }
    return std::move(*command);
  }
  return help_about(parser.root, parser.help_topic);
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments,
                           const config::Environment& environment) {
  Parser parser;
  CLI::App& root = parser.root;
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
  try {
    root.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return Answer{.is_error = false, .text = help_of(innermost_command(root))};
  } catch (const CLI::CallForVersion& version) {
    return Answer{.is_error = false, .text = std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    return refused(root, error);
  }
  return finished(parser, environment);
}

}  // namespace kifa::cli
