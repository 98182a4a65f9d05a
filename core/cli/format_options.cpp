#include "core/cli/format_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/config/diagnostics.hpp"
#include "core/config/document.hpp"
#include "core/plugin/component_settings.hpp"

namespace kifa::cli {
namespace {

config::Node scalar_of(std::string_view text) {
  config::Node node;
  node.kind = config::Node::Kind::scalar;
  node.text = text;
  node.quoted = true;  // whatever it spells: nothing on a command line is null
  return node;
}

void add_items(config::Node& list, std::string_view text) {
  list.kind = config::Node::Kind::sequence;
  for (std::size_t comma = 0; comma != std::string_view::npos; text.remove_prefix(comma + 1)) {
    comma = text.find(',');
    list.items.push_back(scalar_of(text.substr(0, comma)));
    if (comma == std::string_view::npos) {
      return;
    }
  }
}

bool is_list(const std::vector<config::OptionSpec>& specs, std::string_view name) {
  return std::any_of(specs.begin(), specs.end(), [name](const config::OptionSpec& spec) {
    return spec.name == name && spec.type == config::OptionType::string_list;
  });
}

// What a pipeline file would say.
config::Node mapping_of(const std::vector<std::string>& options,
                        const std::vector<config::OptionSpec>& specs, std::string_view what,
                        config::Diagnostics& diagnostics) {
  config::Node mapping;
  mapping.kind = config::Node::Kind::mapping;
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    const std::string_view value = std::string_view(option).substr(equals + 1);
    const std::string name = option.substr(0, equals);
    const auto known =
        std::find_if(mapping.entries.begin(), mapping.entries.end(),
                     [&name](const config::Entry& entry) { return entry.key == name; });
    const bool list = is_list(specs, name);
    if (known != mapping.entries.end() && !list) {
      diagnostics.error({}, fmt::format("option `{}` of {} is given twice", name, what));
      continue;
    }
    config::Entry& entry = known != mapping.entries.end() ? *known : mapping.entries.emplace_back();
    entry.key = name;
    if (list) {
      add_items(entry.value, value);
    } else {
      entry.value = scalar_of(value);
    }
  }
  return mapping;
}

}  // namespace

Status check_format_options(const std::vector<std::string>& options) {
  for (const std::string& option : options) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos || equals == 0) {
      return {Code::invalid,
              fmt::format("--format-option takes NAME=VALUE, not `{}`; `kifa plugin info FORMAT` "
                          "shows the names",
                          option)};
    }
  }
  return {};
}

Result<std::vector<config::Setting>> format_settings(const kifa_component& component,
                                                     const std::vector<std::string>& options) {
  const std::vector<config::OptionSpec> specs = plugin::option_specs(component);
  const std::string what = fmt::format("formatter {}", component.type);
  config::Diagnostics diagnostics("", "");
  const config::Node mapping = mapping_of(options, specs, what, diagnostics);
  std::vector<config::Setting> settings =
      config::bind_options(&mapping, specs, {}, what, diagnostics);
  if (diagnostics.has_errors()) {
    std::string text = diagnostics.render();
    text.pop_back();  // the line feed
    return Status(Code::invalid, std::move(text));
  }
  return settings;
}

}  // namespace kifa::cli
