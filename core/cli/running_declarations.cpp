#include <memory>

#include "core/cli/command_declaration.hpp"

namespace kifa::cli {
namespace {

struct DaemonTexts {
  DeploymentTexts deployment;
  RunTexts run;
  bool print_yaml = false;
  bool json = false;  // of `config`
};

Result<Command> finish_daemon(const DaemonTexts& texts) {
  DaemonCommand command;
  command.print_yaml = texts.print_yaml;
  DeploymentFlags& flags = command.deployment;
  KIFA_TRY(read_deployment_flags(texts.deployment, flags));
  KIFA_TRY(read_run_flags(texts.run, command.run));
  if (!flags.config.empty()) {
    return command;  // what is missing is the file's
  }
  if (!flags.name_a_source()) {
    return Status(
        Code::invalid,
        "no source given: name at least one with --stdin, --file, --tcp, --udp or --serial");
  }
  std::string directory;
  KIFA_TRY(read_data_dir(texts.deployment.data_dir, directory));
  return command;
}

CommandDeclaration daemon_declaration() {
  const auto texts = std::make_shared<DaemonTexts>();
  std::vector<OptionDeclaration> options;
  add_deployment_options(options, texts->deployment);
  options.push_back({.names = "--print-yaml",
                     .value_name = "",
                     .summary = "Print the file that all of this stands for, for `kifa run`, and "
                                "do nothing else",
                     .into = &texts->print_yaml});
  add_run_options(options, texts->run);
  return {
      .name = "daemon",
      .alias = "ingest",
      .summary = "Take records in and store them",
      .options = std::move(options),
      .footer =
          "\nExamples:\n"
          "  kifa daemon --file /var/log/pos.log -d /var/lib/kifa\n"
          "  kifa daemon --stdin -d ./data --flush-mode normal < receipts.txt\n"
          "  kifa daemon --tcp 127.0.0.1:5140 --udp 127.0.0.1:5140 -d ./data\n"
          "  kifa daemon --serial /dev/ttyUSB0,38400 -d ./data\n"
          "  kifa daemon -c shop.yaml --flush-mode emergency\n"
          "\nFlags count over the environment, that over the file, and that over the defaults;\n"
          "`kifa config` with the same flags tells what came out. SIGHUP reads the file\n"
          "again. SIGUSR1 makes every store write more safely by one flush mode (normal, "
          "cautious,\n"
          "emergency), SIGUSR2 faster by one. Ends with 0 when the input ends, with 143 after\n"
          "SIGTERM and 130 after SIGINT.",
      .finish = [texts] { return finish_daemon(*texts); }};
}

CommandDeclaration config_declaration() {
  const auto texts = std::make_shared<DaemonTexts>();
  std::vector<OptionDeclaration> options;
  add_deployment_options(options, texts->deployment);
  options.push_back(json_option(texts->json));
  add_run_options(options, texts->run);
  return {.name = "config",
          .alias = "",
          .summary = "Print what would count in a daemon with these flags, and where it is from",
          .options = std::move(options),
          .footer =
              "\nExamples:\n"
              "  kifa config -c shop.yaml\n"
              "  kifa config --tcp 127.0.0.1:5140 -d ./data --json",
          .finish = [texts]() -> Result<Command> {
            ConfigCommand command;
            command.json = texts->json;
            KIFA_TRY(read_deployment_flags(texts->deployment, command.deployment));
            KIFA_TRY(read_run_flags(texts->run, command.run));
            return command;
          }};
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
          .footer =
              "\nExample:\n  kifa run configs/minimal.yaml\n"
              "\nSIGHUP reads the file again. SIGUSR1 makes every store write more safely by one "
              "flush mode\n"
              "(normal, cautious, emergency), SIGUSR2 faster by one. Ends with 0 when the input "
              "ends, with\n"
              "143 after SIGTERM and 130 after SIGINT.",
          .finish = [state]() -> Result<Command> {
            KIFA_TRY(read_run_flags(state->texts, state->command.run));
            return state->command;
          }};
}

CommandDeclaration check_declaration() {
  const auto command = std::make_shared<CheckCommand>();
  return {.name = "check",
          .alias = "",
          .summary = "Validate YAML files; touch nothing else but with --probe",
          .options = {{.names = "FILE",
                       .value_name = "",
                       .summary = "The YAML files",
                       .into = &command->files,
                       .required = true},
                      {.names = "--probe",
                       .value_name = "",
                       .summary = "Also try to open what a run would open (addresses, devices, "
                                  "directories), and close it again",
                       .into = &command->probe},
                      plugin_path_option(command->plugin_paths)},
          .footer =
              "\nExamples:\n"
              "  kifa check configs/minimal.yaml\n"
              "  kifa check --probe /etc/kifa/kifa.yaml\n"
              "\nTells all errors at once, with their places; exit code 78 when there are any. "
              "What --probe\n"
              "cannot open is 69 or 74; what a running kifa has open is in use. It writes no "
              "store.",
          .finish = [command]() -> Result<Command> { return *command; }};
}

}  // namespace

std::vector<CommandDeclaration> running_commands() {
  return {daemon_declaration(), run_declaration(), config_declaration(), check_declaration()};
}

}  // namespace kifa::cli
