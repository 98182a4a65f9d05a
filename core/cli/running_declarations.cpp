#include <fmt/format.h>

#include <memory>

#include "core/cli/command_declaration.hpp"
#include "core/config/options.hpp"

namespace kifa::cli {
namespace {

constexpr std::uint64_t kSegmentSizeMibMax = 1024;
constexpr std::int64_t kStopTimeoutMax = 3'600'000'000'000;  // an hour

struct RunTexts {
  Text log_level;
  Text stop_timeout;
};

void add_run_options(std::vector<OptionDeclaration>& options, RunTexts& texts) {
  options.push_back(
      {.names = "--log-level",
       .value_name = "LEVEL",
       .summary = "Least important message to show: debug, info (default), warn or error (or "
                  "KIFA_LOG)",
       .into = &texts.log_level,
       .variable = "KIFA_LOG"});
  options.push_back({.names = "--stop-timeout",
                     .value_name = "TIME",
                     .summary = "How long a stop may take to store what is under way (default 10s)",
                     .into = &texts.stop_timeout});
}

Status read_run_flags(const RunTexts& texts, RunFlags& flags) {
  const Text& level = texts.log_level;
  if (!level.value.empty()) {
    if (!one_of(level.value, {"debug", "info", "warn", "error"})) {
      return {Code::invalid, fmt::format("{} takes debug, info, warn or error, not `{}`",
                                         level.name, level.value)};
    }
    flags.log_level = level.value;
  }
  if (const std::string& time = texts.stop_timeout.value; !time.empty()) {
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

struct DaemonTexts {
  DaemonCommand command;
  Text data_dir;
  Text flush_mode;
  Text segment_size_mib;
  RunTexts run;
};

std::vector<OptionDeclaration> source_options(DaemonCommand& command) {
  return {
      {.names = "--stdin",
       .value_name = "",
       .summary = "Read lines from standard input",
       .into = &command.from_stdin},
      {.names = "--file",
       .value_name = "PATH",
       .summary = "Read lines from this file, also while it is rotated; a quoted pattern such as "
                  "'/var/log/pos/*.log' stands for several. May be given several times",
       .into = &command.files},
      {.names = "--tcp",
       .value_name = "ADDRESS",
       .summary = "Take lines over TCP at this address, such as 127.0.0.1:5140 or [::1]:5140, or "
                  "unix:/PATH. May be given several times",
       .into = &command.tcp_addresses},
      {.names = "--udp",
       .value_name = "ADDRESS",
       .summary = "Take datagrams at this address, each a record: 127.0.0.1:5140, a multicast "
                  "group or unix:/PATH. May be given several times",
       .into = &command.udp_addresses},
      {.names = "--serial",
       .value_name = "DEVICE[,BAUD]",
       .summary = "Take lines from this serial port, such as /dev/ttyS0 or /dev/ttyUSB0,38400 "
                  "(9600 bps otherwise); 8 data bits, no parity. May be given several times",
       .into = &command.serial_devices},
  };
}

void add_store_options(std::vector<OptionDeclaration>& options, DaemonTexts& texts) {
  options.push_back(data_dir_option(texts.data_dir));
  options.push_back({.names = "--flush-mode",
                     .value_name = "MODE",
                     .summary =
                         "When data reaches the disk: normal, cautious (default) or emergency "
                         "(or KIFA_FLUSH_MODE)",
                     .into = &texts.flush_mode,
                     .variable = "KIFA_FLUSH_MODE"});
  options.push_back({.names = "--segment-size-mib",
                     .value_name = "N",
                     .summary = "Size of one file of the log, a power of two (default 16, or "
                                "KIFA_SEGMENT_SIZE_MIB)",
                     .into = &texts.segment_size_mib,
                     .variable = "KIFA_SEGMENT_SIZE_MIB"});
}

Result<Command> finish_daemon(const DaemonTexts& texts) {
  DaemonCommand command = texts.command;
  if (!command.from_stdin && command.files.empty() && command.tcp_addresses.empty() &&
      command.udp_addresses.empty() && command.serial_devices.empty()) {
    return Status(
        Code::invalid,
        "no source given: name at least one with --stdin, --file, --tcp, --udp or --serial");
  }
  KIFA_TRY(read_data_dir(texts.data_dir, command.data_dir));
  KIFA_TRY(read_run_flags(texts.run, command.run));
  command.flush_mode = texts.flush_mode.value;
  if (!command.flush_mode.empty() &&
      !one_of(command.flush_mode, {"normal", "cautious", "emergency"})) {
    return Status(Code::invalid, fmt::format("{} takes normal, cautious or emergency, not `{}`",
                                             texts.flush_mode.name, command.flush_mode));
  }
  if (const Text& size = texts.segment_size_mib; !size.value.empty()) {
    std::uint64_t number = 0;
    if (!read_number(size, {.least = 1, .most = kSegmentSizeMibMax}, number) ||
        (number & (number - 1)) != 0) {
      return Status(Code::invalid, fmt::format("{} takes a power of two from 1 to {}, not `{}`",
                                               size.name, kSegmentSizeMibMax, size.value));
    }
    command.segment_size_mib = number;
  }
  return command;
}

CommandDeclaration daemon_declaration() {
  const auto texts = std::make_shared<DaemonTexts>();
  std::vector<OptionDeclaration> options = source_options(texts->command);
  add_store_options(options, *texts);
  options.push_back(plugin_path_option(texts->command.plugin_paths));
  add_run_options(options, texts->run);
  return {.name = "daemon",
          .alias = "ingest",
          .summary = "Take records in and store them",
          .options = std::move(options),
          .footer =
              "\nExamples:\n"
              "  kifa daemon --file /var/log/pos.log -d /var/lib/kifa\n"
              "  kifa daemon --stdin -d ./data --flush-mode normal < receipts.txt\n"
              "  kifa daemon --tcp 127.0.0.1:5140 --udp 127.0.0.1:5140 -d ./data\n"
              "  kifa daemon --serial /dev/ttyUSB0,38400 -d ./data\n"
              "\nEnds with 0 when the input ends, with 143 after SIGTERM and 130 after SIGINT.",
          .finish = [texts] { return finish_daemon(*texts); }};
}

CommandDeclaration run_declaration() {
  struct State {
    RunCommand command;
    RunTexts texts;
  };
  const auto state = std::make_shared<State>();
  std::vector<OptionDeclaration> options = {{.names = "FILE",
                                             .value_name = "",
                                             .summary = "The YAML file",
                                             .into = &state->command.file,
                                             .required = true},
                                            plugin_path_option(state->command.plugin_paths)};
  add_run_options(options, state->texts);
  return {.name = "run",
          .alias = "",
          .summary = "Run the pipelines of a YAML file",
          .options = std::move(options),
          .footer = "\nExample:\n  kifa run configs/minimal.yaml",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_run_flags(state->texts, state->command.run));
            return state->command;
          }};
}

CommandDeclaration check_declaration() {
  const auto command = std::make_shared<CheckCommand>();
  return {.name = "check",
          .alias = "",
          .summary = "Validate YAML files without touching anything else",
          .options = {{.names = "FILE",
                       .value_name = "",
                       .summary = "The YAML files",
                       .into = &command->files,
                       .required = true},
                      plugin_path_option(command->plugin_paths)},
          .footer =
              "\nExample:\n  kifa check configs/minimal.yaml\n"
              "\nTells all errors at once, with their places; exit code 78 when there are any.",
          .finish = [command]() -> Result<Command> { return *command; }};
}

}  // namespace

std::vector<CommandDeclaration> running_commands() {
  return {daemon_declaration(), run_declaration(), check_declaration()};
}

}  // namespace kifa::cli
