#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/config/deployment.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::cli {

// A configuration that was found to be complete, and the plugins that it names.
struct LoadedDeployment {
  std::unique_ptr<plugin::Registry> registry;
  config::Deployment deployment;
};

// Why there is none: everything that is wrong, ready to be printed.
struct LoadFailure {
  int exit_code = 0;
  std::string text;
};

using LoadResult = std::variant<LoadedDeployment, LoadFailure>;

// Reads and checks the YAML file at `path`. Opens the file and the plugins that it names, nothing
// else.
[[nodiscard]] LoadResult load_deployment_file(const std::string& path,
                                              const std::vector<std::string>& plugin_paths);

// Checks a document that was made from flags: the same checks, the same code.
[[nodiscard]] LoadResult load_deployment_tree(const config::Node& root,
                                              const std::vector<std::string>& plugin_paths);

// The registry for commands that need plugins and no configuration.
[[nodiscard]] Result<std::unique_ptr<plugin::Registry>> open_registry(
    const std::vector<std::string>& plugin_paths);

}  // namespace kifa::cli
