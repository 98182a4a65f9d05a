#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/cli/command_declaration.hpp"

namespace kifa::cli {

const char* const kSummary =
    "Takes records from devices in, keeps them through power loss, gives them back.";

const char* const kFooter =
    "\nExamples:\n"
    "  echo '{\"txn\":\"TXN-001\",\"amount\":5000}' | kifa daemon --stdin -d ./data\n"
    "  kifa query -d ./data --format json --from-lsn 1 --to-lsn 10\n"
    "  kifa run configs/minimal.yaml\n"
    "\n`kifa help COMMAND` says more about a command.\n"
    "Exit codes: 0 success, 64 usage, 65 damaged or newer data, 69 locked or not there,\n"
    "74 input/output error, 78 configuration, 130/143 ended by SIGINT/SIGTERM.";

// Every command that there is, in the order of the help.
std::vector<CommandDeclaration> all_commands() {
  std::vector<CommandDeclaration> all = running_commands();
  for (const auto family : {reading_commands, keeping_commands, hold_commands, other_commands}) {
    for (CommandDeclaration& command : family()) {
      all.push_back(std::move(command));
    }
  }
  return all;
}

std::string written_name(const OptionDeclaration& option) {
  const std::vector<std::string> names = all_names(option);
  return *std::max_element(
      names.begin(), names.end(),
      [](const std::string& one, const std::string& other) { return one.size() < other.size(); });
}

std::vector<std::string> all_names(const OptionDeclaration& option) {
  std::vector<std::string> names;
  std::string_view rest = option.names;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    names.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return names;
}

bool is_switch(const OptionDeclaration& option) {
  return std::holds_alternative<bool*>(option.into) || std::holds_alternative<Switch*>(option.into);
}

OptionDeclaration data_dir_option(Text& into) {
  return {.names = "-d,--data-dir",
          .value_name = "DIR",
          .summary = "Directory of the store (or KIFA_DATA_DIR)",
          .into = &into,
          .variable = "KIFA_DATA_DIR"};
}

OptionDeclaration plugin_path_option(std::vector<std::string>& into) {
  return {.names = "--plugin-path",
          .value_name = "DIR",
          .summary = "Folder with plugins, absolute; looked at first. May be given several times",
          .into = &into};
}

OptionDeclaration json_option(bool& into) {
  return {.names = "--json", .value_name = "", .summary = "Print JSON for machines", .into = &into};
}

OptionDeclaration format_option_option(std::vector<std::string>& into) {
  return {.names = "--format-option",
          .value_name = "NAME=VALUE",
          .summary =
              "An option of the formatter, as `kifa plugin info FORMAT` shows them. May be given "
              "several times",
          .into = &into};
}

OptionDeclaration color_option(Text& into) {
  return {.names = "--color",
          .value_name = "WHEN",
          .summary = "Colours for events: auto (default, on a terminal), always or never",
          .into = &into};
}

Status read_color(const Text& text, Color& into) {
  if (text.value.empty() || text.value == "auto") {
    return {};
  }
  if (text.value != "always" && text.value != "never") {
    return {Code::invalid,
            fmt::format("{} takes auto, always or never, not `{}`", text.name, text.value)};
  }
  into = text.value == "always" ? Color::always : Color::never;
  return {};
}

Status read_data_dir(const Text& text, std::string& into) {
  if (text.value.empty()) {
    return {Code::invalid, "no data directory given: use -d DIR or set KIFA_DATA_DIR"};
  }
  into = text.value;
  return {};
}

Status read_number(const Text& text, NumberRange range, std::uint64_t& into) {
  if (text.value.empty()) {
    return {};
  }
  const char* const end_of_text = text.value.data() + text.value.size();
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.value.data(), end_of_text, number);
  if (failed != std::errc() || end != end_of_text || number < range.least || number > range.most) {
    return {Code::invalid, fmt::format("{} takes a whole number from {} to {}, not `{}`", text.name,
                                       range.least, range.most, text.value)};
  }
  into = number;
  return {};
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), word) != choices.end();
}

}  // namespace kifa::cli
