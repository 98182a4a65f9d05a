#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/status.hpp"
#include "core/cli/command_line.hpp"

// How commands are declared, a family a file; command_line.cpp reads arguments by them. Help,
// completion and manual follow from the same declarations.
namespace kifa::cli {

// The text of an option, before it is checked.
struct Text {
  std::string value;  // empty: neither the option nor its variable says anything
  std::string name;   // where it stood, for messages: --flush-mode, KIFA_FLUSH_MODE
};

// The same for an option that may be given several times; a variable lists them with commas.
struct Texts {
  std::vector<std::string> values;
  std::string name;
};

// A switch that a variable may turn on or off.
struct Switch {
  bool is_given = false;  // as a flag
  std::optional<bool> is_on;
  std::string name;
};

struct OptionDeclaration {
  std::string names;       // "-d,--data-dir"; an argument without a flag: "FILE"
  std::string value_name;  // what stands for the value in the help; empty: a switch, an argument
  std::string summary;
  std::variant<bool*, Switch*, Text*, Texts*, std::string*, std::vector<std::string>*> into;
  bool required = false;
  // Of the environment: stands in for a Text, Texts or Switch that is not given.
  std::string variable = {};
  bool variable_negates = false;          // --no-compaction, KIFA_COMPACTION_ENABLED
  std::vector<std::string> choices = {};  // all that it may be; empty: anything
};

struct CommandDeclaration {
  std::string name;  // "query"; "plugin list" for one inside another, which is declared before it
  std::string alias;
  std::string summary;
  std::vector<OptionDeclaration> options;
  std::string footer;
  // Checks what was read and makes the command of it. A failure is one sentence. Null: this one
  // only holds others.
  std::function<Result<Command>()> finish;
};

// Its name as one writes it, the longest: "--data-dir"; the name of an argument.
[[nodiscard]] std::string written_name(const OptionDeclaration& option);
// "-d" and "--data-dir".
[[nodiscard]] std::vector<std::string> all_names(const OptionDeclaration& option);
[[nodiscard]] bool is_switch(const OptionDeclaration& option);

// What kifa is, in a sentence, and what stands below the list of its commands.
extern const char* const kSummary;
extern const char* const kFooter;

// Every command that there is, in the order of the help; and the families.
[[nodiscard]] std::vector<CommandDeclaration> all_commands();
[[nodiscard]] std::vector<CommandDeclaration> running_commands();
[[nodiscard]] std::vector<CommandDeclaration> reading_commands();
[[nodiscard]] std::vector<CommandDeclaration> keeping_commands();
[[nodiscard]] std::vector<CommandDeclaration> hold_commands();
[[nodiscard]] std::vector<CommandDeclaration> other_commands();

// Options that several commands have.
[[nodiscard]] OptionDeclaration data_dir_option(Text& into);
[[nodiscard]] OptionDeclaration plugin_path_option(std::vector<std::string>& into);
[[nodiscard]] OptionDeclaration json_option(bool& into);
[[nodiscard]] OptionDeclaration color_option(Text& into);
[[nodiscard]] OptionDeclaration format_option_option(std::vector<std::string>& into);

// What flags and environment may say about a deployment.
struct DeploymentTexts {
  Text config, data_dir, flush_mode, segment_size_mib, memtable_threshold_mib, compaction_threshold,
      channel_capacity;
  Switch from_stdin, no_compaction;
  Texts files, tcp_addresses, udp_addresses, serial_devices;
  std::vector<std::string> plugin_paths;
};
void add_deployment_options(std::vector<OptionDeclaration>& options, DeploymentTexts& texts);
[[nodiscard]] Status read_deployment_flags(const DeploymentTexts& texts, DeploymentFlags& flags);

// How pipelines are run.
struct RunTexts {
  Text log_level, log_format, stop_timeout;
};
void add_run_options(std::vector<OptionDeclaration>& options, RunTexts& texts);
[[nodiscard]] Status read_run_flags(const RunTexts& texts, RunFlags& flags);

// Checks that several commands need; each leaves `into` alone when the text is empty, unless it
// says otherwise.
[[nodiscard]] Status read_data_dir(const Text& text, std::string& into);  // empty: an error
struct NumberRange {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};
[[nodiscard]] Status read_number(const Text& text, NumberRange range, std::uint64_t& into);
[[nodiscard]] Status read_color(const Text& text, Color& into);
[[nodiscard]] bool one_of(std::string_view word, std::initializer_list<std::string_view> choices);

}  // namespace kifa::cli
