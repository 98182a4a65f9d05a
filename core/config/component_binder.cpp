#include "core/config/component_binder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/text.hpp"
#include "core/config/binding.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kTypeKey = "type";
constexpr std::string_view kPluginKey = "plugin";
constexpr std::string_view kTypeCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
constexpr std::string_view kPluginCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
constexpr std::size_t kPluginIdBytesMax = 128;

// "source printer" before its type is known, "framing newline" afterwards.
[[nodiscard]] std::string word_of(ComponentKind kind) {
  return kind == ComponentKind::formatter ? "format" : std::string(to_string(kind));
}

// The component's own options: the host's names are the host's.
[[nodiscard]] std::vector<OptionSpec> own_specs(const ComponentRequest& request,
                                                const ComponentFacts& facts) {
  std::vector<OptionSpec> specs;
  for (const OptionSpec& spec : facts.options) {
    const bool taken = std::any_of(request.host_specs.begin(), request.host_specs.end(),
                                   [&](const OptionSpec& host) { return host.name == spec.name; });
    if (!taken) {
      specs.push_back(spec);
    }
  }
  return specs;
}

[[nodiscard]] const Node* mapping_of(const ComponentRequest& request) {
  const bool is_mapping = request.node != nullptr && request.node->kind == Node::Kind::mapping;
  return is_mapping ? request.node : nullptr;
}

}  // namespace

std::string_view to_string(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::source:
      return "source";
    case ComponentKind::framing:
      return "framing";
    case ComponentKind::sink:
      return "sink";
    case ComponentKind::formatter:
      return "formatter";
  }
  return "component";
}

// A type or plugin id: it becomes part of a file name, so only plain characters pass.
std::optional<std::string> ComponentBinder::read_word(const Entry& entry,
                                                      std::string_view allowed) {
  const Node& node = entry.value;
  if (node.broken) {
    return std::nullopt;
  }
  const std::size_t size_max =
      allowed == kTypeCharacters ? limits::kNameBytesMax : kPluginIdBytesMax;
  const bool is_word = node.kind == Node::Kind::scalar && !node.text.empty() &&
                       node.text.size() <= size_max &&
                       node.text.find_first_not_of(allowed) == std::string::npos;
  if (is_word) {
    return node.text;
  }
  const bool is_scalar = node.kind == Node::Kind::scalar;
  diagnostics_.error(
      node.kind == Node::Kind::null ? entry.key_mark : node.mark,
      is_scalar ? fmt::format("`{}` takes a name, not {}", entry.key, backquoted(node.text))
                : fmt::format("`{}` takes a name", entry.key));
  return std::nullopt;
}

bool ComponentBinder::read_identity(const ComponentRequest& request, ComponentConfig& config) {
  if (request.node == nullptr) {
    config.type = request.type;
    return true;
  }
  const Node& node = *request.node;
  if (node.broken) {
    return false;
  }
  const std::string word = word_of(request.kind);
  const std::string subject =
      word == request.name ? word : fmt::format("{} {}", word, request.name);
  const bool takes_short_form =
      request.kind == ComponentKind::framing || request.kind == ComponentKind::formatter;
  if (node.kind == Node::Kind::scalar && takes_short_form) {
    const std::optional<std::string> type =
        read_word({std::string(request.name), request.where, node}, kTypeCharacters);
    config.type = type.value_or("");
    return type.has_value();
  }
  if (node.kind == Node::Kind::scalar || node.kind == Node::Kind::sequence) {
    diagnostics_.error(
        node.mark, fmt::format("{} takes a mapping with a `type`", subject),
        node.kind == Node::Kind::scalar ? fmt::format("write {{ type: {} }}", node.text) : "");
    return false;
  }
  const Entry* type = node.find_entry(kTypeKey);
  if (type == nullptr) {
    diagnostics_.error(request.where, fmt::format("{} has no `type`", subject),
                       "`kifa plugin list` shows the types that there are");
    return false;
  }
  const std::optional<std::string> type_word = read_word(*type, kTypeCharacters);
  config.type = type_word.value_or("");
  bool good = type_word.has_value();
  if (const Entry* plugin = node.find_entry(kPluginKey)) {
    const std::optional<std::string> id = read_word(*plugin, kPluginCharacters);
    config.plugin_id = id.value_or("");
    good = good && id.has_value();
  }
  return good;
}

std::optional<ComponentFacts> ComponentBinder::facts(ComponentKind kind,
                                                     const ComponentConfig& config, Mark mark) {
  const auto key = std::make_tuple(kind, config.type, config.plugin_id);
  auto found = cache_.find(key);
  if (found == cache_.end()) {
    found = cache_.emplace(key, catalog_.facts(kind, config.type, config.plugin_id)).first;
  }
  if (found->second) {
    return *found->second;
  }
  const Status& failure = found->second.error();
  std::string hint;
  if (failure.code() == Code::not_found) {
    const auto close = did_you_mean(config.type, catalog_.types(kind));
    if (close && *close != config.type) {
      hint = fmt::format("did you mean `{}`?", *close);
    }
  }
  diagnostics_.error(mark, failure.message(), std::move(hint));
  return std::nullopt;
}

void ComponentBinder::bind_host(const ComponentRequest& request, BoundComponent& bound) {
  const std::string what = word_of(request.kind) + " " + bound.config.type;
  const Node* mapping = mapping_of(request);
  if (mapping != nullptr) {
    bound.host = bind_written(*mapping, request.host_specs, what, diagnostics_);
  }
  add_defaults(bound.host, mapping, request.host_specs, what, request.where, {}, diagnostics_);
}

void ComponentBinder::bind_own(const ComponentRequest& request, const ComponentFacts& declared,
                               BoundComponent& bound) {
  const std::string what = word_of(request.kind) + " " + bound.config.type;
  std::vector<OptionSpec> specs = own_specs(request, declared);
  const Node* mapping = mapping_of(request);
  std::vector<Setting>& settings = bound.config.settings;
  if (mapping != nullptr) {
    std::vector<std::string> reserved(request.structural.begin(), request.structural.end());
    reserved.emplace_back(kTypeKey);
    reserved.emplace_back(kPluginKey);
    for (const OptionSpec& spec : request.host_specs) {
      reserved.push_back(spec.name);
    }
    report_unknown_keys(*mapping, specs, reserved, what, diagnostics_);
    settings = bind_written(*mapping, specs, what, diagnostics_);
  }
  std::string missing_hint;
  if (request.defaults != nullptr) {
    missing_hint = "set it here, or under `store:` for every sink of type kifa";
    for (const Setting& setting : request.defaults->settings) {
      if (mapping == nullptr || mapping->find(setting.name) == nullptr) {
        settings.push_back(setting);
      }
    }
    // What `store:` has but has wrong is neither missing nor to be defaulted.
    const Node* store = request.defaults->node;
    std::erase_if(specs, [&](const OptionSpec& spec) {
      return store != nullptr && store->find(spec.name) != nullptr;
    });
  }
  add_defaults(settings, mapping, specs, what, request.where, missing_hint, diagnostics_);
}

BoundComponent ComponentBinder::bind(const ComponentRequest& request) {
  BoundComponent bound;
  bound.config.name = request.name;
  bound.config.mark = request.where;
  if (!read_identity(request, bound.config)) {
    return bound;
  }
  const Node* mapping = mapping_of(request);
  Mark type_mark = request.node == nullptr ? request.where : request.node->mark;
  if (mapping != nullptr) {
    const Entry* plugin = mapping->find_entry(kPluginKey);
    const Entry* type = mapping->find_entry(kTypeKey);
    type_mark = plugin != nullptr ? plugin->value.mark : type->value.mark;
  }
  bind_host(request, bound);
  bound.facts = facts(request.kind, bound.config, type_mark);
  if (bound.facts) {
    bind_own(request, *bound.facts, bound);
  }
  return bound;
}

StoreDefaults ComponentBinder::bind_store(const Entry* store) {
  StoreDefaults defaults;
  if (store == nullptr || !expect_mapping(store->value, store->key_mark, "`store`", diagnostics_) ||
      store->value.kind == Node::Kind::null) {
    return defaults;
  }
  defaults.node = &store->value;
  ComponentConfig sink;
  sink.type = kKifaSinkType;
  const std::optional<ComponentFacts> known = facts(ComponentKind::sink, sink, store->key_mark);
  if (known) {
    report_unknown_keys(store->value, known->options, {}, "`store`", diagnostics_);
    defaults.settings = bind_written(store->value, known->options, "`store`", diagnostics_);
  }
  return defaults;
}

}  // namespace kifa::config
