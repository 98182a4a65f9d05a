// The options by which flags and environment speak about a deployment, and how it is run.

#include <fmt/format.h>

#include <utility>

#include "core/cli/command_declaration.hpp"
#include "core/config/options.hpp"

namespace kifa::cli {
namespace {

constexpr std::uint64_t kSegmentSizeMibMax = 1024;
constexpr std::uint64_t kMemtableMibMax = 1024;
constexpr std::uint64_t kCompactionThresholdMax = 64;
constexpr std::uint64_t kChannelCapacityMax = 1'000'000'000;
constexpr std::int64_t kStopTimeoutMax = 3'600'000'000'000;  // an hour

void add_source_options(std::vector<OptionDeclaration>& options, DeploymentTexts& texts) {
  options.push_back({.names = "--stdin",
                     .value_name = "",
                     .summary = "Read lines from standard input (or KIFA_STDIN=true)",
                     .into = &texts.from_stdin,
                     .variable = "KIFA_STDIN"});
  options.push_back(
      {.names = "--file",
       .value_name = "PATH",
       .summary = "Read lines from this file, also while it is rotated; a quoted pattern such as "
                  "'/var/log/pos/*.log' stands for several. May be given several times (or "
                  "KIFA_FILES, with commas)",
       .into = &texts.files,
       .variable = "KIFA_FILES"});
  options.push_back(
      {.names = "--tcp",
       .value_name = "ADDRESS",
       .summary = "Take lines over TCP at this address, such as 127.0.0.1:5140 or [::1]:5140, or "
                  "unix:/PATH. May be given several times (or KIFA_TCP, with commas)",
       .into = &texts.tcp_addresses,
       .variable = "KIFA_TCP"});
  options.push_back(
      {.names = "--udp",
       .value_name = "ADDRESS",
       .summary = "Take datagrams at this address, each a record: 127.0.0.1:5140, a multicast "
                  "group or unix:/PATH. May be given several times (or KIFA_UDP, with commas)",
       .into = &texts.udp_addresses,
       .variable = "KIFA_UDP"});
  options.push_back(
      {.names = "--serial",
       .value_name = "DEVICE[,BAUD]",
       .summary = "Take lines from this serial port, such as /dev/ttyS0 or /dev/ttyUSB0,38400 "
                  "(9600 bps otherwise); 8 data bits, no parity. May be given several times (or "
                  "KIFA_SERIAL, with commas)",
       .into = &texts.serial_devices,
       .variable = "KIFA_SERIAL"});
}

void add_store_options(std::vector<OptionDeclaration>& options, DeploymentTexts& texts) {
  options.push_back(data_dir_option(texts.data_dir));
  options.push_back({.names = "--flush-mode",
                     .value_name = "MODE",
                     .summary =
                         "When data reaches the disk: normal, cautious (default) or emergency "
                         "(or KIFA_FLUSH_MODE)",
                     .into = &texts.flush_mode,
                     .variable = "KIFA_FLUSH_MODE",
                     .choices = {"normal", "cautious", "emergency"}});
  options.push_back({.names = "--segment-size-mib",
                     .value_name = "N",
                     .summary = "Size of one file of the log, a power of two (default 16, or "
                                "KIFA_SEGMENT_SIZE_MIB)",
                     .into = &texts.segment_size_mib,
                     .variable = "KIFA_SEGMENT_SIZE_MIB"});
  options.push_back(
      {.names = "--memtable-threshold-mib",
       .value_name = "N",
       .summary = "Records move from the log into a table when so much has come (default 4, or "
                  "KIFA_MEMTABLE_FLUSH_THRESHOLD_MIB)",
       .into = &texts.memtable_threshold_mib,
       .variable = "KIFA_MEMTABLE_FLUSH_THRESHOLD_MIB"});
  options.push_back({.names = "--compaction-threshold",
                     .value_name = "N",
                     .summary = "So many neighbouring tables are joined (default 4, or "
                                "KIFA_COMPACTION_THRESHOLD)",
                     .into = &texts.compaction_threshold,
                     .variable = "KIFA_COMPACTION_THRESHOLD"});
  options.push_back({.names = "--no-compaction",
                     .value_name = "",
                     .summary = "Do not join tables (or KIFA_COMPACTION_ENABLED=false)",
                     .into = &texts.no_compaction,
                     .variable = "KIFA_COMPACTION_ENABLED",
                     .variable_negates = true});
  options.push_back(
      {.names = "--channel-capacity",
       .value_name = "N",
       .summary = "Records that may wait for the store before sources are held back, besides the "
                  "limit in bytes that there always is (or KIFA_CHANNEL_CAPACITY)",
       .into = &texts.channel_capacity,
       .variable = "KIFA_CHANNEL_CAPACITY"});
}

Status read_said_number(const Text& text, NumberRange range, Said<std::uint64_t>& into) {
  KIFA_TRY(read_number(text, range, into.value));
  into.by = text.value.empty() ? "" : text.name;
  return {};
}

Status read_segment_size(const Text& text, Said<std::uint64_t>& into) {
  const Status status = read_said_number(text, {.least = 1, .most = kSegmentSizeMibMax}, into);
  if (!status || (into.value & (into.value - 1)) != 0) {
    return {Code::invalid, fmt::format("{} takes a power of two from 1 to {}, not `{}`", text.name,
                                       kSegmentSizeMibMax, text.value)};
  }
  return {};
}

Said<std::vector<std::string>> said_list(const Texts& texts) {
  return {.value = texts.values, .by = texts.values.empty() ? "" : texts.name};
}

Said<std::string> said_text(const Text& text) {
  return {.value = text.value, .by = text.value.empty() ? "" : text.name};
}

bool is_number(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A list with commas takes the rates for parts of their own: what is a number belongs to the device
// before it.
std::vector<std::string> with_rates(const std::vector<std::string>& parts) {
  std::vector<std::string> devices;
  for (const std::string& part : parts) {
    if (is_number(part) && !devices.empty() && devices.back().find(',') == std::string::npos) {
      devices.back() += "," + part;
    } else {
      devices.push_back(part);
    }
  }
  return devices;
}

Status read_store_flags(const DeploymentTexts& texts, DeploymentFlags& flags) {
  flags.data_dir = said_text(texts.data_dir);
  flags.flush_mode = said_text(texts.flush_mode);
  if (flags.flush_mode.is_said() &&
      !one_of(flags.flush_mode.value, {"normal", "cautious", "emergency"})) {
    return {Code::invalid, fmt::format("{} takes normal, cautious or emergency, not `{}`",
                                       flags.flush_mode.by, flags.flush_mode.value)};
  }
  KIFA_TRY(read_segment_size(texts.segment_size_mib, flags.segment_size_mib));
  KIFA_TRY(read_said_number(texts.memtable_threshold_mib, {.least = 1, .most = kMemtableMibMax},
                            flags.memtable_threshold_mib));
  KIFA_TRY(read_said_number(texts.compaction_threshold,
                            {.least = 2, .most = kCompactionThresholdMax},
                            flags.compaction_threshold));
  KIFA_TRY(read_said_number(texts.channel_capacity, {.least = 1, .most = kChannelCapacityMax},
                            flags.channel_capacity));
  if (texts.no_compaction.is_given && flags.compaction_threshold.by == "--compaction-threshold") {
    return {Code::invalid, "--no-compaction and --compaction-threshold contradict each other"};
  }
  if (texts.no_compaction.is_on) {
    flags.compaction_enabled = {.value = !*texts.no_compaction.is_on,
                                .by = texts.no_compaction.name};
  }
  return {};
}

}  // namespace

void add_deployment_options(std::vector<OptionDeclaration>& options, DeploymentTexts& texts) {
  options.push_back({.names = "-c,--config",
                     .value_name = "FILE",
                     .summary = "YAML file over which the other flags count",
                     .into = &texts.config});
  add_source_options(options, texts);
  add_store_options(options, texts);
  options.push_back(plugin_path_option(texts.plugin_paths));
}

Status read_deployment_flags(const DeploymentTexts& texts, DeploymentFlags& flags) {
  flags.config = texts.config.value;
  flags.plugin_paths = texts.plugin_paths;
  if (texts.from_stdin.is_on.value_or(false)) {
    flags.from_stdin = {.value = true, .by = texts.from_stdin.name};
  }
  flags.files = said_list(texts.files);
  flags.tcp_addresses = said_list(texts.tcp_addresses);
  flags.udp_addresses = said_list(texts.udp_addresses);
  flags.serial_devices = said_list(texts.serial_devices);
  flags.serial_devices.value = with_rates(flags.serial_devices.value);
  return read_store_flags(texts, flags);
}

void add_run_options(std::vector<OptionDeclaration>& options, RunTexts& texts) {
  options.push_back(
      {.names = "--log-level",
       .value_name = "LEVEL",
       .summary = "Least important message to show: debug, info (default), warn or error (or "
                  "KIFA_LOG)",
       .into = &texts.log_level,
       .variable = "KIFA_LOG",
       .choices = {"debug", "info", "warn", "error"}});
  options.push_back(
      {.names = "--log-format",
       .value_name = "FORMAT",
       .summary = "How messages are written: text (default; for systemd's journal without the "
                  "time and with a priority) or json, an object a line",
       .into = &texts.log_format,
       .choices = {"text", "json"}});
  options.push_back({.names = "--stop-timeout",
                     .value_name = "TIME",
                     .summary = "How long a stop may take to store what is under way (default 10s)",
                     .into = &texts.stop_timeout});
}

Status read_run_flags(const RunTexts& texts, RunFlags& flags) {
  if (const Text& level = texts.log_level; !level.value.empty()) {
    if (!one_of(level.value, {"debug", "info", "warn", "error"})) {
      return {Code::invalid, fmt::format("{} takes debug, info, warn or error, not `{}`",
                                         level.name, level.value)};
    }
    flags.log_level = said_text(level);
  }
  if (const Text& format = texts.log_format; !format.value.empty()) {
    if (!one_of(format.value, {"text", "json"})) {
      return {Code::invalid,
              fmt::format("--log-format takes text or json, not `{}`", format.value)};
    }
    flags.log_format = said_text(format);
  }
  if (const Text& time = texts.stop_timeout; !time.value.empty()) {
    const auto nanoseconds = config::parse_duration_ns(time.value);
    if (!nanoseconds || *nanoseconds > kStopTimeoutMax) {
      return {Code::invalid,
              fmt::format("--stop-timeout takes a time up to 1h, like 500ms or 30s, not `{}`",
                          time.value)};
    }
    flags.stop_timeout_ns = {.value = *nanoseconds, .by = time.name};
  }
  return {};
}

}  // namespace kifa::cli
