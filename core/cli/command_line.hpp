#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/config/document.hpp"

// What the person asked for, read from arguments and environment. The library that parses arguments
// stays inside command_line.cpp.
namespace kifa::cli {

// How pipelines are run; `daemon` and `run` share these flags.
struct RunFlags {
  std::string log_level = "info";                 // debug, info, warn or error
  std::int64_t stop_timeout_ns = 10'000'000'000;  // for what is under way when a signal stops it
};

struct DaemonCommand {
  bool from_stdin = false;
  std::vector<std::string> files;
  std::vector<std::string> tcp_addresses;
  std::vector<std::string> udp_addresses;
  std::vector<std::string> serial_devices;  // DEVICE or DEVICE,BAUD
  std::string data_dir;
  std::string flush_mode;  // empty: the store's default
  std::optional<std::uint64_t> segment_size_mib;
  std::vector<std::string> plugin_paths;
  RunFlags run;
};
struct RunCommand {
  std::string file;
  std::vector<std::string> plugin_paths;
  RunFlags run;
};
struct CheckCommand {
  std::vector<std::string> files;
  std::vector<std::string> plugin_paths;
};
struct QueryCommand {
  std::string data_dir;
  std::string format = "text";
  std::vector<std::string> format_options;  // NAME=VALUE
  std::uint64_t from_lsn = 1;
  std::uint64_t to_lsn = 0;  // 0: as far as it goes
  std::uint64_t limit = 0;   // 0: no limit
  bool events = false;
  std::vector<std::string> plugin_paths;
};
struct StatsCommand {
  std::string data_dir;
  bool json = false;
};
struct VerifyCommand {
  std::string data_dir;
  std::string anchor;  // empty: none was given
  bool repair = false;
  bool json = false;
  bool quiet = false;
};
struct BackupCommand {
  std::string data_dir;
  std::string target;
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

struct CompletionCommand {
  std::string shell;  // bash, zsh or fish
};

// Nothing to do but to say something: help and version to stdout, a usage error to stderr.
struct Answer {
  bool is_error = false;
  std::string text;
};

using Command = std::variant<Answer, DaemonCommand, RunCommand, CheckCommand, QueryCommand,
                             StatsCommand, VerifyCommand, BackupCommand, PluginListCommand,
                             PluginInfoCommand, CompletionCommand>;

// Reads the command line. Flags come first, then the environment: KIFA_DATA_DIR, KIFA_FLUSH_MODE,
// KIFA_SEGMENT_SIZE_MIB, KIFA_LOG; a value that makes no sense is an error wherever it stands.
//
// Errors:  are an Answer with is_error: one sentence, with "did you mean" where one word is close.
[[nodiscard]] Command parse_command_line(const std::vector<std::string>& arguments,
                                         const config::Environment& environment);

// A command as the parser knows it, for completion.
struct CommandWord {
  struct Flag {
    std::string long_name;   // without --
    std::string short_name;  // without -; may be empty
    std::string summary;
    bool takes_value = false;
  };
  std::string name;  // "plugin list" for a command inside another
  std::string summary;
  std::vector<Flag> flags;
  bool takes_file = false;  // has a positional FILE
};
[[nodiscard]] std::vector<CommandWord> command_words();

}  // namespace kifa::cli
