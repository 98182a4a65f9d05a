#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/cli/color.hpp"
#include "core/cli/compression.hpp"
#include "core/cli/record_choice.hpp"
#include "core/config/document.hpp"

// What the person asked for, read from arguments and environment. The library that parses arguments
// stays inside command_line.cpp.
namespace kifa::cli {

// A value and who said it: a flag as it is written, or a variable of the environment. Nobody: it is
// the default.
template <typename T>
struct Said {
  T value{};
  std::string by = {};

  [[nodiscard]] bool is_said() const { return !by.empty(); }
};

// How pipelines are run; `daemon` and `run` share these flags.
struct RunFlags {
  Said<std::string> log_level{.value = "info"};                 // debug, info, warn or error
  Said<std::string> log_format{.value = "text"};                // text or json
  Said<std::int64_t> stop_timeout_ns{.value = 10'000'000'000};  // for what is under way at a stop
};

// What flags and environment say about a deployment, over its file.
struct DeploymentFlags {
  std::string config;  // empty: there is no file
  Said<bool> from_stdin;
  Said<std::vector<std::string>> files;
  Said<std::vector<std::string>> tcp_addresses;
  Said<std::vector<std::string>> udp_addresses;
  Said<std::vector<std::string>> serial_devices;  // DEVICE or DEVICE,BAUD
  Said<std::string> data_dir;
  Said<std::string> flush_mode;
  Said<std::uint64_t> segment_size_mib;
  Said<std::uint64_t> memtable_threshold_mib;
  Said<std::uint64_t> compaction_threshold;
  Said<bool> compaction_enabled;
  Said<std::uint64_t> channel_capacity;  // records
  std::vector<std::string> plugin_paths;

  [[nodiscard]] bool name_a_source() const {
    return from_stdin.value || files.is_said() || tcp_addresses.is_said() ||
           udp_addresses.is_said() || serial_devices.is_said();
  }
};

struct DaemonCommand {
  DeploymentFlags deployment;
  bool print_yaml = false;
  RunFlags run;
};
struct ConfigCommand {
  DeploymentFlags deployment;
  RunFlags run;
  bool json = false;
};
struct RunCommand {
  std::string file;
  std::vector<std::string> plugin_paths;
  RunFlags run;
};
struct CheckCommand {
  std::vector<std::string> files;
  bool probe = false;
  std::vector<std::string> plugin_paths;
};
struct QueryCommand {
  std::string data_dir;
  std::string output;  // empty: stdout
  std::string format = "text";
  std::vector<std::string> format_options;  // NAME=VALUE
  RecordChoice choice;
  bool count = false;
  bool events = false;
  Color color = Color::automatic;
  std::vector<std::string> plugin_paths;
};
struct TailCommand {
  std::string data_dir;
  std::string format = "text";
  std::vector<std::string> format_options;  // NAME=VALUE
  RecordChoice choice;
  bool is_only_new = false;  // nothing of what is there
  bool follow = false;
  bool events = false;
  Color color = Color::automatic;
  std::vector<std::string> plugin_paths;
};
struct ExportCommand {
  std::string data_dir;
  std::string output;
  std::string format = "json";
  std::vector<std::string> format_options;  // NAME=VALUE
  RecordChoice choice;
  Compression compression = Compression::none;
  bool force = false;
  bool json = false;
  bool is_quiet = false;
  std::vector<std::string> plugin_paths;
};
struct StatsCommand {
  std::string data_dir;
  bool json = false;
};
struct VerifyCommand {
  std::string data_dir;
  std::string anchor;       // empty: none was given
  std::string export_file;  // empty: a store is verified
  bool repair = false;
  bool json = false;
  bool quiet = false;
};
struct BackupCommand {
  std::string data_dir;
  std::string target;
  bool json = false;
};
struct HoldAddCommand {
  std::string data_dir;
  std::string name;
  std::uint64_t from_lsn = 0;      // 0: all that is there
  std::int64_t duration_ns = 0;    // 0: not by a duration
  std::int64_t until_unix_ns = 0;  // 0: not by a time; neither: until it is removed
  bool replace = false;
};
struct HoldRemoveCommand {
  std::string data_dir;
  std::string name;
};
struct HoldListCommand {
  std::string data_dir;
  bool json = false;
};
struct PluginListCommand {
  bool json = false;
  std::vector<std::string> plugin_paths;
};
struct PluginInfoCommand {
  std::string name;
  bool json = false;
  std::vector<std::string> plugin_paths;
};

struct SchemaCommand {
  std::vector<std::string> plugin_paths;
};
struct ManualCommand {
  std::string topic;      // a command; empty: kifa itself
  std::string directory;  // not empty: all pages are written there
};
struct CompletionCommand {
  std::string shell;  // bash, zsh or fish
};

// Nothing to do but to say something: help and version to stdout, a usage error to stderr.
struct Answer {
  bool is_error = false;
  std::string text;
};

using Command =
    std::variant<Answer, DaemonCommand, ConfigCommand, RunCommand, CheckCommand, QueryCommand,
                 TailCommand, ExportCommand, StatsCommand, VerifyCommand, BackupCommand,
                 HoldAddCommand, HoldRemoveCommand, HoldListCommand, PluginListCommand,
                 PluginInfoCommand, SchemaCommand, ManualCommand, CompletionCommand>;

// Reads the command line as command_declaration.hpp describes it. Flags come first, then the
// environment; a value that makes no sense is an error wherever it stands.
//
// Errors:  are an Answer with is_error: one sentence, with "did you mean" where one word is close.
[[nodiscard]] Command parse_command_line(const std::vector<std::string>& arguments,
                                         const config::Environment& environment);

}  // namespace kifa::cli
