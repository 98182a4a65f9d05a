#pragma once

#include "core/cli/command_line.hpp"

// The commands; each stands in a file of its own, does its work, tells its failures and returns the
// exit code of the process.
//
// Threads: called once, on the first thread.
namespace kifa::cli {

[[nodiscard]] int run(const Answer& answer);
[[nodiscard]] int run(const DaemonCommand& command);
[[nodiscard]] int run(const ConfigCommand& command);
[[nodiscard]] int run(const RunCommand& command);
[[nodiscard]] int run(const CheckCommand& command);
[[nodiscard]] int run(const QueryCommand& command);
[[nodiscard]] int run(const TailCommand& command);
[[nodiscard]] int run(const ExportCommand& command);
[[nodiscard]] int run(const StatsCommand& command);
[[nodiscard]] int run(const VerifyCommand& command);
[[nodiscard]] int run(const BackupCommand& command);
[[nodiscard]] int run(const HoldAddCommand& command);
[[nodiscard]] int run(const HoldRemoveCommand& command);
[[nodiscard]] int run(const HoldListCommand& command);
[[nodiscard]] int run(const PluginListCommand& command);
[[nodiscard]] int run(const PluginInfoCommand& command);
[[nodiscard]] int run(const SchemaCommand& command);
[[nodiscard]] int run(const ManualCommand& manual);
[[nodiscard]] int run(const CompletionCommand& command);

}  // namespace kifa::cli
