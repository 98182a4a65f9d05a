#include "core/cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "core/base/status.hpp"
#include "core/cli/format_options.hpp"
#include "core/config/options.hpp"

#ifndef KIFA_VERSION
#error "the build defines KIFA_VERSION"
#endif

namespace kifa::cli {
namespace {

constexpr std::uint64_t kSegmentSizeMibMax = 1024;
constexpr std::int64_t kStopTimeoutMax = 3'600'000'000'000;  // an hour

constexpr const char* kSummary =
    "Takes records from devices in, keeps them through power loss, gives them back.";

constexpr const char* kRootFooter =
    "\nExamples:\n"
    "  echo '{\"txn\":\"TXN-001\",\"amount\":5000}' | kifa daemon --stdin -d ./data\n"
    "  kifa query -d ./data --format json --from-lsn 1 --to-lsn 10\n"
    "  kifa run configs/minimal.yaml\n"
    "\n`kifa help COMMAND` says more about a command.\n"
    "Exit codes: 0 success, 64 usage, 65 damaged or newer data, 69 locked or not there,\n"
    "74 input/output error, 78 configuration, 130/143 ended by SIGINT/SIGTERM.";

// The texts of the flags, before they are checked.
struct Texts {
  std::string data_dir, flush_mode, segment_size_mib, from_lsn, to_lsn, limit, log_level,
      stop_timeout;
};

// Everything that CLI11 fills in; the options point into it.
struct Parsed {
  Texts texts;
  DaemonCommand daemon;
  RunCommand run;
  CheckCommand check;
  QueryCommand query;
  StatsCommand stats;
  VerifyCommand verify;
  BackupCommand backup;
  PluginListCommand plugin_list;
  PluginInfoCommand plugin_info;
  CompletionCommand completion;
  std::string help_topic;
};

void add_data_dir(CLI::App* command, Texts& texts) {
  command->add_option("-d,--data-dir", texts.data_dir, "Directory of the store (or KIFA_DATA_DIR)")
      ->type_name("DIR");
}

void add_plugin_path(CLI::App* command, std::vector<std::string>& paths) {
  command
      ->add_option("--plugin-path", paths,
                   "Folder with plugins, absolute; looked at first. May be given several times")
      ->type_name("DIR")
      ->allow_extra_args(false);
}

void add_run_flags(CLI::App* command, Texts& texts) {
  command
      ->add_option("--log-level", texts.log_level,
                   "Least important message to show: debug, info (default), warn or error (or "
                   "KIFA_LOG)")
      ->type_name("LEVEL");
  command
      ->add_option("--stop-timeout", texts.stop_timeout,
                   "How long a stop may take to store what is under way (default 10s)")
      ->type_name("TIME");
}

void add_json(CLI::App* command, bool& json) {
  command->add_flag("--json", json, "Print JSON for machines");
}

void add_running_commands(CLI::App& root, Parsed& parsed) {
  CLI::App* daemon = root.add_subcommand("daemon", "Take records in and store them");
  daemon->alias("ingest");
  daemon->add_flag("--stdin", parsed.daemon.from_stdin, "Read lines from standard input");
  daemon
      ->add_option("--file", parsed.daemon.files,
                   "Read lines from this file, also while it is rotated; a quoted pattern such as "
                   "'/var/log/pos/*.log' stands for several. May be given several times")
      ->type_name("PATH")
      ->allow_extra_args(false);
  daemon
      ->add_option("--tcp", parsed.daemon.tcp_addresses,
                   "Take lines over TCP at this address, such as 127.0.0.1:5140 or [::1]:5140, or "
                   "unix:/PATH. May be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  daemon
      ->add_option("--udp", parsed.daemon.udp_addresses,
                   "Take datagrams at this address, each a record: 127.0.0.1:5140, a multicast "
                   "group or unix:/PATH. May be given several times")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  daemon
      ->add_option("--serial", parsed.daemon.serial_devices,
                   "Take lines from this serial port, such as /dev/ttyS0 or /dev/ttyUSB0,38400 "
                   "(9600 bps otherwise); 8 data bits, no parity. May be given several times")
      ->type_name("DEVICE[,BAUD]")
      ->allow_extra_args(false);
  add_data_dir(daemon, parsed.texts);
  daemon
      ->add_option("--flush-mode", parsed.texts.flush_mode,
                   "When data reaches the disk: normal, cautious (default) or emergency "
                   "(or KIFA_FLUSH_MODE)")
      ->type_name("MODE");
  daemon
      ->add_option("--segment-size-mib", parsed.texts.segment_size_mib,
                   "Size of one file of the log, a power of two (default 16, or "
                   "KIFA_SEGMENT_SIZE_MIB)")
      ->type_name("N");
  add_plugin_path(daemon, parsed.daemon.plugin_paths);
  add_run_flags(daemon, parsed.texts);
  daemon->footer(
      "\nExamples:\n"
      "  kifa daemon --file /var/log/pos.log -d /var/lib/kifa\n"
      "  kifa daemon --stdin -d ./data --flush-mode normal < receipts.txt\n"
      "  kifa daemon --tcp 127.0.0.1:5140 --udp 127.0.0.1:5140 -d ./data\n"
      "  kifa daemon --serial /dev/ttyUSB0,38400 -d ./data\n"
      "\nEnds with 0 when the input ends, with 143 after SIGTERM and 130 after SIGINT.");

  CLI::App* run = root.add_subcommand("run", "Run the pipelines of a YAML file");
  run->add_option("FILE", parsed.run.file, "The YAML file")->required();
  add_plugin_path(run, parsed.run.plugin_paths);
  add_run_flags(run, parsed.texts);
  run->footer("\nExample:\n  kifa run configs/minimal.yaml");

  CLI::App* check =
      root.add_subcommand("check", "Validate YAML files without touching anything else");
  check->add_option("FILE", parsed.check.files, "The YAML files")->required();
  add_plugin_path(check, parsed.check.plugin_paths);
  check->footer(
      "\nExample:\n  kifa check configs/minimal.yaml\n"
      "\nTells all errors at once, with their places; exit code 78 when there are any.");
}

void add_reading_commands(CLI::App& root, Parsed& parsed) {
  CLI::App* query = root.add_subcommand("query", "Print the records of a store");
  add_data_dir(query, parsed.texts);
  query->add_option("-f,--format", parsed.query.format, "Formatter: text (default), json, ...")
      ->type_name("NAME");
  query
      ->add_option("--format-option", parsed.query.format_options,
                   "An option of the formatter, as `kifa plugin info FORMAT` shows them. May be "
                   "given several times")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  query->add_option("--from-lsn", parsed.texts.from_lsn, "First record to print")->type_name("N");
  query->add_option("--to-lsn", parsed.texts.to_lsn, "Last record to print")->type_name("N");
  query->add_option("-l,--limit", parsed.texts.limit, "Print at most N records (0: all)")
      ->type_name("N");
  query->add_flag("--events", parsed.query.events,
                  "Print gaps and other events at their places too (formats text and json)");
  add_plugin_path(query, parsed.query.plugin_paths);
  query->footer(
      "\nExamples:\n"
      "  kifa query -d ./data\n"
      "  kifa query -d ./data --format json --from-lsn 1 --to-lsn 10\n"
      "  kifa query -d ./data --limit 5\n"
      "  kifa query -d ./data --format-option raw=true --format-option prefix=false\n"
      "\nReads also while a daemon writes the store, and changes nothing.");

  CLI::App* stats = root.add_subcommand("stats", "Print the figures of a store");
  add_data_dir(stats, parsed.texts);
  add_json(stats, parsed.stats.json);
  stats->footer("\nExamples:\n  kifa stats -d ./data\n  kifa stats -d ./data --json");
}

void add_keeping_commands(CLI::App& root, Parsed& parsed) {
  CLI::App* verify = root.add_subcommand("verify", "Check every byte of a store");
  add_data_dir(verify, parsed.texts);
  verify
      ->add_option("--anchor", parsed.verify.anchor,
                   "Check as well that the records up to LAST are those of this anchor, which an "
                   "earlier verify printed")
      ->type_name("FIRST:LAST:HEX");
  add_json(verify, parsed.verify.json);
  verify->add_flag("--repair", parsed.verify.repair,
                   "Make a damaged store whole again: keep what can be read, record what is lost, "
                   "move damaged files aside. No daemon may have it");
  verify->add_flag("-q,--quiet", parsed.verify.quiet, "Print nothing but faults");
  verify->footer(
      "\nExamples:\n"
      "  kifa verify -d ./data\n"
      "  kifa verify -d /mnt/backup/data --json\n"
      "  kifa verify -d ./data --repair\n"
      "\nReads also while a daemon writes the store; changes nothing without --repair. Prints a\n"
      "line for each fault and ends with 65 when there is any. The anchor that it prints, kept\n"
      "elsewhere, tells later whether any record up to it was changed.");

  CLI::App* backup = root.add_subcommand("backup", "Make a consistent copy of a store");
  add_data_dir(backup, parsed.texts);
  backup->add_option("TARGET", parsed.backup.target, "The directory to make; it must not be there")
      ->required();
  add_json(backup, parsed.backup.json);
  backup->footer(
      "\nExamples:\n"
      "  kifa backup -d ./data /mnt/usb/kifa-2026-01-31\n"
      "  kifa verify -d /mnt/usb/kifa-2026-01-31\n"
      "\nWorks also while a daemon writes the store. On the same disk tables are linked, not "
      "copied:\n"
      "that is quick and takes no room, but a bad sector then damages both.");
}

void add_other_commands(CLI::App& root, Parsed& parsed) {
  CLI::App* plugin = root.add_subcommand("plugin", "Look at plugins");
  plugin->require_subcommand(1);
  plugin->footer("\nExamples:\n  kifa plugin list\n  kifa plugin info newline");
  CLI::App* list =
      plugin->add_subcommand("list", "Print which plugins there are, and why one cannot be used");
  add_json(list, parsed.plugin_list.json);
  add_plugin_path(list, parsed.plugin_list.plugin_paths);
  list->footer("\nExamples:\n  kifa plugin list\n  kifa plugin list --json");
  CLI::App* info = plugin->add_subcommand("info", "Print a component's options");
  info->add_option("NAME", parsed.plugin_info.name, "A type, like `newline`, or a plugin's id")
      ->required();
  add_json(info, parsed.plugin_info.json);
  add_plugin_path(info, parsed.plugin_info.plugin_paths);
  info->footer("\nExamples:\n  kifa plugin info newline\n  kifa plugin info kifa --json");

  CLI::App* completion =
      root.add_subcommand("completion", "Print a script that completes kifa's words in a shell");
  completion->add_option("SHELL", parsed.completion.shell, "bash, zsh or fish")->required();
  completion->footer("\nExample:\n  kifa completion bash > /etc/bash_completion.d/kifa");

  CLI::App* help = root.add_subcommand("help", "Print this help, or the help of a command");
  help->add_option("COMMAND", parsed.help_topic, "The command");
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

Result<std::uint64_t> whole_number(std::string_view name, std::string_view text,
                                   std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || number < least ||
      number > most) {
    return Status(Code::invalid, fmt::format("{} takes a whole number from {} to {}, not `{}`",
                                             name, least, most, text));
  }
  return number;
}

// Reads the texts into the commands that have them. `command` is the one that was asked for.
class Completion {
 public:
  Completion(Parsed& parsed, const config::Environment& environment)
      : parsed_(parsed), environment_(environment) {}

  Status daemon() {
    DaemonCommand& command = parsed_.daemon;
    if (!command.from_stdin && command.files.empty() && command.tcp_addresses.empty() &&
        command.udp_addresses.empty() && command.serial_devices.empty()) {
      return {Code::invalid,
              "no source given: name at least one with --stdin, --file, --tcp, --udp or --serial"};
    }
    KIFA_TRY(data_dir(command.data_dir));
    KIFA_TRY(run_flags(command.run));
    std::string flag = "--flush-mode";
    command.flush_mode = text_or_variable(parsed_.texts.flush_mode, "KIFA_FLUSH_MODE", flag);
    if (!command.flush_mode.empty()) {
      if (!one_of(command.flush_mode, {"normal", "cautious", "emergency"})) {
        return {Code::invalid, fmt::format("{} takes normal, cautious or emergency, not `{}`", flag,
                                           command.flush_mode)};
      }
    }
    flag = "--segment-size-mib";
    const std::string size =
        text_or_variable(parsed_.texts.segment_size_mib, "KIFA_SEGMENT_SIZE_MIB", flag);
    if (!size.empty()) {
      const auto number = whole_number(flag, size, 1, kSegmentSizeMibMax);
      if (!number || (*number & (*number - 1)) != 0) {
        return {Code::invalid, fmt::format("{} takes a power of two from 1 to {}, not `{}`", flag,
                                           kSegmentSizeMibMax, size)};
      }
      command.segment_size_mib = *number;
    }
    return {};
  }

  Status run() { return run_flags(parsed_.run.run); }

  Status query() {
    QueryCommand& command = parsed_.query;
    constexpr std::uint64_t kMost = (1ULL << 63U) - 1;  // the highest LSN of the format
    KIFA_TRY(data_dir(command.data_dir));
    KIFA_TRY(check_format_options(command.format_options));
    KIFA_TRY(number("--from-lsn", parsed_.texts.from_lsn, 1, kMost, command.from_lsn));
    KIFA_TRY(number("--to-lsn", parsed_.texts.to_lsn, 1, kMost, command.to_lsn));
    KIFA_TRY(number("--limit", parsed_.texts.limit, 0, kMost, command.limit));
    if (command.to_lsn != 0 && command.to_lsn < command.from_lsn) {
      return {Code::invalid, fmt::format("--from-lsn {} is after --to-lsn {}: exchange them",
                                         command.from_lsn, command.to_lsn)};
    }
    if (command.events && !one_of(command.format, {"text", "json"})) {
      return {Code::invalid,
              fmt::format("--events works with --format text and json, not `{}`", command.format)};
    }
    return {};
  }

  Status stats() { return data_dir(parsed_.stats.data_dir); }
  Status verify() {
    if (parsed_.verify.repair && !parsed_.verify.anchor.empty()) {
      return {Code::invalid, "--anchor checks and --repair changes: give one of them"};
    }
    return data_dir(parsed_.verify.data_dir);
  }
  Status backup() { return data_dir(parsed_.backup.data_dir); }

  [[nodiscard]] Status shell() const {
    const std::string& shell = parsed_.completion.shell;
    return one_of(shell, {"bash", "zsh", "fish"})
               ? Status()
               : Status(Code::invalid,
                        fmt::format("completion knows bash, zsh and fish, not `{}`", shell));
  }

 private:
  static bool one_of(std::string_view word, std::initializer_list<std::string_view> choices) {
    return std::find(choices.begin(), choices.end(), word) != choices.end();
  }

  // The flag's text, else the variable's; `name` becomes the one that was used.
  std::string text_or_variable(const std::string& text, const char* variable, std::string& name) {
    if (!text.empty()) {
      return text;
    }
    std::string value = environment_(variable).value_or("");
    if (!value.empty()) {
      name = variable;
    }
    return value;
  }

  Status data_dir(std::string& directory) {
    std::string name;
    directory = text_or_variable(parsed_.texts.data_dir, "KIFA_DATA_DIR", name);
    if (directory.empty()) {
      return {Code::invalid, "no data directory given: use -d DIR or set KIFA_DATA_DIR"};
    }
    return {};
  }

  Status run_flags(RunFlags& flags) {
    std::string name = "--log-level";
    const std::string level = text_or_variable(parsed_.texts.log_level, "KIFA_LOG", name);
    if (!level.empty()) {
      flags.log_level = level;
    }
    if (!one_of(flags.log_level, {"debug", "info", "warn", "error"})) {
      return {Code::invalid,
              fmt::format("{} takes debug, info, warn or error, not `{}`", name, level)};
    }
    if (const std::string& time = parsed_.texts.stop_timeout; !time.empty()) {
      const auto nanoseconds = config::parse_duration_ns(time);
      if (!nanoseconds || *nanoseconds > kStopTimeoutMax) {
        return {
            Code::invalid,
            fmt::format("--stop-timeout takes a time up to 1h, like 500ms or 30s, not `{}`", time)};
      }
      flags.stop_timeout_ns = *nanoseconds;
    }
    return {};
  }

  static Status number(std::string_view name, const std::string& text, std::uint64_t least,
                       std::uint64_t most, std::uint64_t& into) {
    if (text.empty()) {
      return {};
    }
    const auto value = whole_number(name, text, least, most);
    if (!value) {
      return value.status();
    }
    into = *value;
    return {};
  }

  Parsed& parsed_;
  const config::Environment& environment_;
};

Command completed(const CLI::App& root, Parsed& parsed, const config::Environment& environment) {
  const CLI::App* command = innermost_command(root);
  const std::string& name = command->get_name();
  Completion completion(parsed, environment);
  Status status;
  Command result;
  if (name == "daemon") {
    status = completion.daemon();
    result = parsed.daemon;
  } else if (name == "run") {
    status = completion.run();
    result = parsed.run;
  } else if (name == "check") {
    result = parsed.check;
  } else if (name == "query") {
    status = completion.query();
    result = parsed.query;
  } else if (name == "stats") {
    status = completion.stats();
    result = parsed.stats;
  } else if (name == "verify") {
    status = completion.verify();
    result = parsed.verify;
  } else if (name == "backup") {
    status = completion.backup();
    result = parsed.backup;
  } else if (name == "list") {
    result = parsed.plugin_list;
  } else if (name == "info") {
    result = parsed.plugin_info;
  } else if (name == "completion") {
    status = completion.shell();
    result = parsed.completion;
  } else if (!parsed.help_topic.empty()) {
    const CLI::App* topic = find_command(root, parsed.help_topic);
    if (topic == nullptr) {
      return unknown_word(&root, parsed.help_topic);
    }
    result = Answer{.is_error = false, .text = help_of(topic)};
  } else {
    result = Answer{.is_error = false, .text = help_of(&root)};
  }
  if (!status) {
    return usage_error(status.message(), full_name(command) + " --help");
  }
  return result;
}

void build(CLI::App& root, Parsed& parsed) {
  root.set_version_flag("-V,--version", "kifa " KIFA_VERSION);
  root.require_subcommand(1);
  root.footer(kRootFooter);
  add_running_commands(root, parsed);
  add_reading_commands(root, parsed);
  add_keeping_commands(root, parsed);
  add_other_commands(root, parsed);
}

void add_words(const CLI::App& parent, const std::string& prefix, std::vector<CommandWord>& words) {
  for (const CLI::App* command : parent.get_subcommands([](const CLI::App*) { return true; })) {
    CommandWord word{.name = prefix + command->get_name(),
                     .summary = command->get_description(),
                     .flags = {},
                     .takes_file = command->get_option_no_throw("FILE") != nullptr};
    for (const CLI::Option* option : command->get_options()) {
      if (!option->get_lnames().empty()) {
        word.flags.push_back(
            {.long_name = option->get_lnames().front(),
             .short_name = option->get_snames().empty() ? "" : option->get_snames().front(),
             .summary = option->get_description(),
             .takes_value = option->get_items_expected_max() > 0});
      }
    }
    words.push_back(std::move(word));
    add_words(*command, words.back().name + " ", words);
  }
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments,
                           const config::Environment& environment) {
  Parsed parsed;
  CLI::App root(kSummary, "kifa");
  build(root, parsed);
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
  return completed(root, parsed, environment);
}

std::vector<CommandWord> command_words() {
  Parsed parsed;
  CLI::App root(kSummary, "kifa");
  build(root, parsed);
  std::vector<CommandWord> words;
  add_words(root, "", words);
  return words;
}

}  // namespace kifa::cli
