#include <fmt/format.h>
#include <kifa/plugin.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/component_text.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/json.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"

namespace kifa::cli {
namespace {

std::string for_people(const std::vector<plugin::PluginListing>& plugins) {
  std::string text;
  for (const plugin::PluginListing& plugin : plugins) {
    if (!plugin.usable) {
      text += fmt::format("refused: {}\n  {}\n", plugin.path, plugin.refusal);
      continue;
    }
    text += fmt::format("{} {} (ABI {}, {})\n  {}\n", plugin.id, plugin.version, plugin.abi,
                        plugin.license.empty() ? "no licence named" : plugin.license, plugin.path);
    for (const plugin::PluginListing::Part& part : plugin.components) {
      text += fmt::format("  {:<9} {:<10} {}\n", kind_text(part.kind), part.type, part.summary);
    }
    if (!plugin.warning.empty()) {
      text += fmt::format("  warning: {}\n", plugin.warning);
    }
  }
  return text;
}

std::string for_machines(const std::vector<plugin::PluginListing>& plugins) {
  JsonArray list;
  for (const plugin::PluginListing& plugin : plugins) {
    JsonObject json;
    json.text("path", plugin.path).boolean("usable", plugin.usable);
    if (!plugin.usable) {
      json.text("refusal", plugin.refusal);
    }
    if (!plugin.warning.empty()) {
      json.text("warning", plugin.warning);
    }
    json.text("id", plugin.id)
        .text("version", plugin.version)
        .text("abi", plugin.abi)
        .text("license", plugin.license)
        .text("vendor", plugin.vendor);
    JsonArray components;
    for (const plugin::PluginListing::Part& part : plugin.components) {
      JsonObject component;
      component.text("kind", kind_text(part.kind)).text("type", part.type);
      components.add(component.text("summary", part.summary).finish());
    }
    list.add(json.raw("components", components.finish()).finish());
  }
  return list.finish() + "\n";
}

}  // namespace

int run(const PluginListCommand& command) {
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  const std::vector<plugin::PluginListing> plugins = (*registry)->list();
  if (plugins.empty() && !command.json) {
    complain("no plugins found; name their folder with --plugin-path DIR or KIFA_PLUGIN_PATH");
  }
  return print(command.json ? for_machines(plugins) : for_people(plugins));
}

}  // namespace kifa::cli
