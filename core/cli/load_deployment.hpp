#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/config/deployment.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/document.hpp"
#include "core/plugin/registry.hpp"

namespace kifa::cli {

// A configuration that was found to be complete, and the plugins that it names.
struct LoadedDeployment {
  std::unique_ptr<plugin::Registry> registry;
  config::Deployment deployment;
  // Where it stands, for what is found to be wrong later; what was collected has been told.
  config::Diagnostics diagnostics{"", ""};
};

// Why there is none: everything that is wrong, ready to be printed.
struct LoadFailure {
  int exit_code = 0;
  std::string text;
};

using LoadResult = std::variant<LoadedDeployment, LoadFailure>;

// What a configuration is read for. Secrets are only read by who runs it: they may exist only on
// that machine.
enum class Purpose : std::uint8_t { check, run };

// Changes a document before it is checked: what flags say over a file.
using Prepare = std::function<Status(config::Node& root)>;

// Reads and checks the YAML file at `path`. Opens the file and the plugins that it names, and to
// run it the files of its secrets; nothing else. `prepare` may be empty.
[[nodiscard]] LoadResult load_deployment_file(const std::string& path,
                                              const std::vector<std::string>& plugin_paths,
                                              Purpose purpose, const Prepare& prepare = {});

// Checks a document that was made from flags: the same checks, the same code.
[[nodiscard]] LoadResult load_deployment_tree(const config::Node& root,
                                              const std::vector<std::string>& plugin_paths,
                                              Purpose purpose);

// The document of a file that was found to be right, with ${...} as it is written.
[[nodiscard]] Result<config::Node> read_literally(const std::string& path);

[[nodiscard]] LoadFailure load_failure(const Status& status);

// The registry for commands that need plugins and no configuration.
[[nodiscard]] Result<std::unique_ptr<plugin::Registry>> open_registry(
    const std::vector<std::string>& plugin_paths);

}  // namespace kifa::cli
