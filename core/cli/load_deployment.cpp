#include "core/cli/load_deployment.hpp"

#include <optional>
#include <utility>

#include "core/cli/exit_code.hpp"
#include "core/cli/messages.hpp"
#include "core/config/document.hpp"
#include "core/config/parse_internal.hpp"
#include "core/plugin/builtin_plugins.hpp"
#include "core/plugin/catalog.hpp"

namespace kifa::cli {
namespace {

LoadFailure failure_of(const config::Diagnostics& diagnostics) {
  return {.exit_code = kExitConfiguration, .text = diagnostics.render()};
}

// Takes `diagnostics` over when all is well.
LoadResult bind_document(const config::Node& root, std::vector<std::string> plugin_paths,
                         Purpose purpose, config::Diagnostics& diagnostics) {
  const std::vector<std::string> named = config::plugin_paths_of(root, diagnostics);
  plugin_paths.insert(plugin_paths.end(), named.begin(), named.end());
  auto registry = open_registry(plugin_paths);
  if (!registry) {
    // The file may be wrong as well: all that is known is told at once.
    LoadFailure failure = load_failure(registry.status());
    failure.text = diagnostics.render() + failure.text;
    return failure;
  }
  LoadedDeployment loaded;
  loaded.registry = std::move(*registry);
  plugin::RegistryCatalog catalog(*loaded.registry);
  loaded.deployment = config::bind_deployment(root, catalog, diagnostics);
  // What loading the plugins that are used has shown.
  for (const std::string& warning : loaded.registry->warnings()) {
    complain(warning);
  }
  if (!diagnostics.has_errors() && purpose == Purpose::run) {
    config::read_secrets(loaded.deployment, diagnostics);
  }
  if (diagnostics.has_errors()) {
    return failure_of(diagnostics);
  }
  if (diagnostics.has_warnings()) {
    complain_verbatim(diagnostics.render());
  }
  loaded.diagnostics = std::move(diagnostics);
  return loaded;
}

}  // namespace

LoadFailure load_failure(const Status& status) {
  return {.exit_code = configuration_exit_code(status.code()), .text = "kifa: " + status.message()};
}

LoadResult load_deployment_file(const std::string& path,
                                const std::vector<std::string>& plugin_paths, Purpose purpose,
                                const Prepare& prepare) {
  const auto text = config::read_config_file(path);
  if (!text) {
    LoadFailure failure = load_failure(text.status());
    failure.exit_code = kExitConfiguration;
    return failure;
  }
  config::Diagnostics diagnostics(path, *text);
  std::optional<config::Node> root =
      config::parse_yaml(*text, config::process_environment(), diagnostics);
  if (!root) {
    return failure_of(diagnostics);
  }
  if (prepare) {
    if (const Status status = prepare(*root); !status) {
      LoadFailure failure = load_failure(status);
      failure.text = diagnostics.render() + failure.text;
      return failure;
    }
  }
  return bind_document(*root, plugin_paths, purpose, diagnostics);
}

LoadResult load_deployment_tree(const config::Node& root,
                                const std::vector<std::string>& plugin_paths, Purpose purpose) {
  config::Diagnostics diagnostics("", "");  // no file: the flags
  return bind_document(root, plugin_paths, purpose, diagnostics);
}

Result<config::Node> read_literally(const std::string& path) {
  const auto text = config::read_config_file(path);
  if (!text) {
    return text.status();
  }
  config::Diagnostics diagnostics(path, *text);
  std::optional<config::Node> root = config::parse_literal_yaml(*text, diagnostics);
  if (!root) {
    return Status(Code::invalid, diagnostics.render());
  }
  return std::move(*root);
}

Result<std::unique_ptr<plugin::Registry>> open_registry(
    const std::vector<std::string>& plugin_paths) {
  auto search_path = plugin::SearchPath::standard(plugin_paths);
  if (!search_path) {
    return search_path.status();
  }
  return std::make_unique<plugin::Registry>(std::move(*search_path), plugin::builtin_plugins());
}

}  // namespace kifa::cli
