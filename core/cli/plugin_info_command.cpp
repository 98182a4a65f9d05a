#include <fmt/format.h>
#include <kifa/plugin.h>

#include <string>
#include <utility>
#include <vector>

#include "core/cli/commands.hpp"
#include "core/cli/component_text.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/json.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/config/deployment.hpp"
#include "core/plugin/component_settings.hpp"

namespace kifa::cli {
namespace {

// One component that answers to the name that was asked for.
struct Match {
  plugin::Component component;
  std::vector<config::OptionSpec> options;       // its own
  std::vector<config::OptionSpec> host_options;  // that kifa gives to every one of its kind
};

std::vector<config::OptionSpec> host_options_of(std::uint32_t kind) {
  switch (kind) {
    case KIFA_KIND_SOURCE:
      return config::source_host_options();
    case KIFA_KIND_FRAMING:
      return config::framing_host_options();
    case KIFA_KIND_SINK:
      return config::sink_host_options();
    default:
      return {};
  }
}

std::string for_people(const std::vector<Match>& matches) {
  std::string text;
  for (const Match& match : matches) {
    const kifa_component& component = *match.component.component;
    const kifa_plugin& plugin = *match.component.plugin;
    text += fmt::format("{}{} {}: {}\n  plugin {} {}, {}\n", text.empty() ? "" : "\n",
                        kind_text(component.kind), component.type, component.summary, plugin.id,
                        plugin.version, match.component.path);
    text += match.options.empty() ? "\nIt has no options of its own.\n"
                                  : "\nOptions:\n" + config::render_options(match.options);
    if (component.kind == KIFA_KIND_FORMATTER && !match.options.empty()) {
      text += "\nGiven below `format:` in a pipeline file, or as `--format-option NAME=VALUE`.\n";
    }
    if (!match.host_options.empty()) {
      text += fmt::format("\nOptions of every {}:\n{}", kind_text(component.kind),
                          config::render_options(match.host_options));
    }
  }
  return text;
}

std::string options_json(const std::vector<config::OptionSpec>& options) {
  JsonArray list;
  for (const config::OptionSpec& option : options) {
    list.add(option_json(option));
  }
  return list.finish();
}

std::string for_machines(const std::vector<Match>& matches) {
  JsonArray list;
  for (const Match& match : matches) {
    const kifa_component& component = *match.component.component;
    JsonObject json;
    json.text("kind", kind_text(component.kind))
        .text("type", component.type)
        .text("summary", component.summary)
        .text("plugin", match.component.plugin->id)
        .text("version", match.component.plugin->version)
        .text("path", match.component.path)
        .raw("options", options_json(match.options))
        .raw("host_options", options_json(match.host_options));
    list.add(json.finish());
  }
  return list.finish() + "\n";
}

// The components of type `name`, and those of the plugin with the id `name`.
Result<std::vector<Match>> find_matches(plugin::Registry& registry, const std::string& name) {
  std::vector<Match> matches;
  std::vector<std::string> names;
  for (const plugin::PluginListing& plugin : registry.list()) {
    if (!plugin.usable) {
      continue;
    }
    names.push_back(plugin.id);
    for (const plugin::PluginListing::Part& part : plugin.components) {
      names.push_back(part.type);
      if (part.type != name && plugin.id != name) {
        continue;
      }
      auto component = registry.find(part.kind, part.type, plugin.id);
      if (!component) {
        return component.status();
      }
      Match match{.component = std::move(*component), .options = {}, .host_options = {}};
      match.options = plugin::option_specs(*match.component.component);
      match.host_options = host_options_of(part.kind);
      matches.push_back(std::move(match));
    }
  }
  if (matches.empty()) {
    std::string sentence = fmt::format("no component or plugin is called `{}`", name);
    if (const auto closest = config::did_you_mean(name, names)) {
      sentence += fmt::format("; did you mean `{}`?", *closest);
    } else {
      sentence += "; `kifa plugin list` shows what there is";
    }
    return Status(Code::not_found, std::move(sentence));
  }
  return matches;
}

}  // namespace

int run(const PluginInfoCommand& command) {
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    complain(registry.status().message());
    return configuration_exit_code(registry.status().code());
  }
  const auto matches = find_matches(**registry, command.name);
  if (!matches) {
    complain(matches.status().message());
    return configuration_exit_code(matches.status().code());
  }
  return print(command.json ? for_machines(*matches) : for_people(*matches));
}

}  // namespace kifa::cli
