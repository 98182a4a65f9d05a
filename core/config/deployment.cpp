#include "core/config/deployment.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/base/limits.hpp"
#include "core/base/text.hpp"
#include "core/config/binding.hpp"
#include "core/config/component_binder.hpp"
#include "core/config/deployment_checks.hpp"

namespace kifa::config {
namespace {

constexpr std::string_view kFramingKey = "framing";
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFilterKey = "filter";
constexpr std::string_view kDefaultFraming = "newline";
constexpr std::string_view kDefaultFormat = "text";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

// Binds one document, top down. Lives for one call of bind_deployment.
class DeploymentBinder {
 public:
  DeploymentBinder(ComponentCatalog& catalog, Diagnostics& diagnostics)
      : diagnostics_(diagnostics), components_(catalog, diagnostics) {}

  Deployment bind(const Node& root);

 private:
  void check_version(const Node& root);
  void check_keys(const Node& mapping, std::vector<std::string> keys, std::string_view what);
  bool check_name(const Entry& entry, std::string_view what);
  const Entry* parts(const Node& pipeline, std::string_view key, const PipelineConfig& config);
  PipelineConfig bind_pipeline(const Entry& entry);
  SourceConfig bind_source(const Entry& entry);
  // True: the framing answers devices itself.
  bool bind_framing(const Entry& entry, const BoundComponent& bound, SourceConfig& source);
  SinkConfig bind_sink(const Entry& entry);
  void bind_format(const Entry& entry, const BoundComponent& bound, SinkConfig& sink);
  void bind_transforms(const Entry& entry, PipelineConfig& pipeline);
  void bind_filter(const Entry& entry, PipelineConfig& pipeline);

  Diagnostics& diagnostics_;
  ComponentBinder components_;
  StoreDefaults store_;
  bool has_kifa_sink_ = false;
};

void DeploymentBinder::check_keys(const Node& mapping, std::vector<std::string> keys,
                                  std::string_view what) {
  report_unknown_keys(mapping, {}, keys, what, diagnostics_);
}

bool DeploymentBinder::check_name(const Entry& entry, std::string_view what) {
  const std::string& name = entry.key;
  if (name.size() <= limits::kNameBytesMax &&
      name.find_first_not_of(kNameCharacters) == std::string::npos) {
    return true;
  }
  diagnostics_.error(entry.key_mark,
                     fmt::format("{} is not a name for a {}: letters, digits, - and _, at most {}",
                                 backquoted(name), what, limits::kNameBytesMax));
  return false;
}

void DeploymentBinder::check_version(const Node& root) {
  const Entry* version = root.find_entry("version");
  if (version == nullptr) {
    diagnostics_.error(root.mark, "the configuration does not say which version it is",
                       "put `version: 1` on top");
    return;
  }
  const Node& value = version->value;
  if (value.broken || (value.kind == Node::Kind::scalar && value.text == kVersion)) {
    return;
  }
  const std::string given =
      value.kind == Node::Kind::scalar ? ", not " + backquoted(value.text) : "";
  diagnostics_.error(value.kind == Node::Kind::null ? version->key_mark : value.mark,
                     fmt::format("this kifa reads version 1 of the configuration{}", given),
                     "write `version: 1`; a file for a newer version needs a newer kifa");
}

Deployment DeploymentBinder::bind(const Node& root) {
  Deployment deployment;
  deployment.file = diagnostics_.file_name();
  if (root.kind != Node::Kind::mapping) {
    if (!root.broken) {
      diagnostics_.error(root.mark, "a configuration is a mapping: `version: 1`, `pipelines:` ...",
                         "start from configs/minimal.yaml");
    }
    return deployment;
  }
  check_keys(root, {"version", "plugins", "store", "pipelines"}, "the configuration");
  check_version(root);
  deployment.plugin_paths = plugin_paths_of(root, diagnostics_);
  const Entry* store = root.find_entry("store");
  store_ = components_.bind_store(store);

  const Entry* pipelines = root.find_entry("pipelines");
  const bool is_usable = pipelines != nullptr && !pipelines->value.broken;
  if (pipelines == nullptr || (is_usable && pipelines->value.entries.empty())) {
    diagnostics_.error(
        pipelines == nullptr ? root.mark : pipelines->key_mark, "the configuration has no pipeline",
        "add one: `pipelines:`, below it a name, below that `sources:` and `sinks:`");
    return deployment;
  }
  for (const Entry& entry : pipelines->value.entries) {
    deployment.pipelines.push_back(bind_pipeline(entry));
    check_pipeline(deployment.pipelines.back(), diagnostics_);
  }
  check_shared_stores(deployment, diagnostics_);
  if (store_.node != nullptr && !has_kifa_sink_) {
    diagnostics_.warning(store->key_mark, "`store` has no effect: no sink is of type kifa");
  }
  return deployment;
}

// `sources` or `sinks` of a pipeline: there and not empty, or null and an error.
const Entry* DeploymentBinder::parts(const Node& pipeline, std::string_view key,
                                     const PipelineConfig& config) {
  const Entry* entry = pipeline.find_entry(key);
  if (entry != nullptr && entry->value.broken) {
    return nullptr;
  }
  if (entry != nullptr && entry->value.kind == Node::Kind::mapping &&
      !entry->value.entries.empty()) {
    return entry;
  }
  const bool is_other = entry != nullptr && entry->value.kind != Node::Kind::null &&
                        entry->value.kind != Node::Kind::mapping;
  const std::string_view one = key.substr(0, key.size() - 1);
  diagnostics_.error(entry == nullptr ? config.mark : entry->key_mark,
                     is_other ? fmt::format("`{}` is a mapping of names to {}", key, key)
                              : fmt::format("pipeline {} has no {}", config.name, one),
                     fmt::format("for example `{}: {{ my-{}: {{ type: {} }} }}`", key, one,
                                 one == "sink" ? "kifa" : "stdin"));
  return nullptr;
}

PipelineConfig DeploymentBinder::bind_pipeline(const Entry& entry) {
  PipelineConfig pipeline;
  pipeline.name = entry.key;
  pipeline.mark = entry.key_mark;
  static_cast<void>(check_name(entry, "pipeline"));
  const std::string what = fmt::format("pipeline {}", entry.key);
  if (!expect_mapping(entry.value, entry.key_mark, what, diagnostics_)) {
    return pipeline;
  }
  check_keys(entry.value, {"sources", "transforms", "sinks"}, what);
  if (const Entry* sources = parts(entry.value, "sources", pipeline)) {
    for (const Entry& source : sources->value.entries) {
      pipeline.sources.push_back(bind_source(source));
    }
  }
  if (const Entry* transforms = entry.value.find_entry("transforms")) {
    bind_transforms(*transforms, pipeline);
  }
  if (const Entry* sinks = parts(entry.value, "sinks", pipeline)) {
    for (const Entry& sink : sinks->value.entries) {
      pipeline.sinks.push_back(bind_sink(sink));
    }
  }
  return pipeline;
}

SourceConfig DeploymentBinder::bind_source(const Entry& entry) {
  static constexpr std::string_view kStructural[] = {kFramingKey};
  SourceConfig source;
  static_cast<void>(check_name(entry, "source"));
  BoundComponent bound = components_.bind({.kind = ComponentKind::source,
                                           .name = entry.key,
                                           .node = &entry.value,
                                           .where = entry.key_mark,
                                           .structural = kStructural,
                                           .host_specs = source_host_options()});
  source.component = bound.config;
  source.host = std::move(bound.host);
  const bool framing_answers = bind_framing(entry, bound, source);
  check_acknowledgement(source, bound.facts ? &*bound.facts : nullptr, framing_answers,
                        diagnostics_);
  return source;
}

bool DeploymentBinder::bind_framing(const Entry& entry, const BoundComponent& bound,
                                    SourceConfig& source) {
  const Entry* framing = entry.value.find_entry(kFramingKey);
  if (bound.facts && !bound.facts->takes_framing) {
    if (framing != nullptr) {
      diagnostics_.error(
          framing->key_mark,
          fmt::format("source {} gives whole records and takes no `framing`", bound.config.type),
          "take it away");
    }
    return false;
  }
  // A source whose type is wrong still gets the framing that it writes checked, but none invented.
  if (framing == nullptr && !bound.facts) {
    return false;
  }
  if (framing != nullptr && framing->value.kind == Node::Kind::null && !framing->value.broken) {
    diagnostics_.error(framing->key_mark, "`framing` has no value",
                       "write a type, for example `framing: newline`, or leave the line out");
    return false;
  }
  BoundComponent bound_framing =
      components_.bind({.kind = ComponentKind::framing,
                        .name = kFramingKey,
                        .node = framing == nullptr ? nullptr : &framing->value,
                        .type = kDefaultFraming,
                        .where = framing == nullptr ? entry.key_mark : framing->key_mark,
                        .structural = {},
                        .host_specs = framing_host_options()});
  source.has_framing = true;
  source.framing = std::move(bound_framing.config);
  source.framing_host = std::move(bound_framing.host);
  return bound_framing.facts && bound_framing.facts->answers;
}

SinkConfig DeploymentBinder::bind_sink(const Entry& entry) {
  static constexpr std::string_view kStructural[] = {kFormatKey};
  SinkConfig sink;
  static_cast<void>(check_name(entry, "sink"));
  const Node* type = entry.value.find("type");
  const bool is_kifa = type != nullptr && type->text == kKifaSinkType;
  has_kifa_sink_ = has_kifa_sink_ || is_kifa;
  BoundComponent bound = components_.bind({.kind = ComponentKind::sink,
                                           .name = entry.key,
                                           .node = &entry.value,
                                           .where = entry.key_mark,
                                           .structural = kStructural,
                                           .host_specs = sink_host_options(),
                                           .defaults = is_kifa ? &store_ : nullptr});
  sink.component = bound.config;
  sink.host = std::move(bound.host);
  const Setting* required = find_setting(sink.host, host_option::kRequired);
  sink.required = required == nullptr || required->integer != 0;
  bind_format(entry, bound, sink);
  return sink;
}

void DeploymentBinder::bind_format(const Entry& entry, const BoundComponent& bound,
                                   SinkConfig& sink) {
  const Entry* format = entry.value.find_entry(kFormatKey);
  if (bound.facts && !bound.facts->takes_format) {
    if (format != nullptr) {
      diagnostics_.error(
          format->key_mark,
          fmt::format("sink {} keeps records as they are and takes no `format`", bound.config.type),
          "take it away");
    }
    return;
  }
  if (format == nullptr && !bound.facts) {
    return;
  }
  if (format != nullptr && format->value.kind == Node::Kind::null && !format->value.broken) {
    diagnostics_.error(format->key_mark, "`format` has no value",
                       "write a type, for example `format: json`, or leave the line out");
    return;
  }
  BoundComponent bound_format =
      components_.bind({.kind = ComponentKind::formatter,
                        .name = kFormatKey,
                        .node = format == nullptr ? nullptr : &format->value,
                        .type = kDefaultFormat,
                        .where = format == nullptr ? entry.key_mark : format->key_mark,
                        .structural = {},
                        .host_specs = {}});
  sink.has_format = true;
  sink.format = std::move(bound_format.config);
}

void DeploymentBinder::bind_transforms(const Entry& entry, PipelineConfig& pipeline) {
  const Node& list = entry.value;
  constexpr std::string_view kExample =
      "for example `transforms: [ { filter: { drop: '^DEBUG' } } ]`";
  if (list.broken || list.kind == Node::Kind::null) {
    return;
  }
  if (list.kind != Node::Kind::sequence) {
    diagnostics_.error(list.mark, "`transforms` is a list", std::string(kExample));
    return;
  }
  for (const Node& item : list.items) {
    if (item.broken) {
      continue;
    }
    if (item.kind != Node::Kind::mapping || item.entries.size() != 1) {
      diagnostics_.error(item.mark, "each transform is one name with its options",
                         std::string(kExample));
      continue;
    }
    const Entry& transform = item.entries.front();
    if (transform.key == kFilterKey) {
      bind_filter(transform, pipeline);
    } else {
      diagnostics_.error(transform.key_mark, fmt::format("unknown transform {}; there is: {}",
                                                         backquoted(transform.key), kFilterKey));
    }
  }
}

void DeploymentBinder::bind_filter(const Entry& entry, PipelineConfig& pipeline) {
  static const std::vector<OptionSpec> specs = [] {
    OptionSpec keep;
    keep.name = "keep";
    keep.summary = "Only records that match this regular expression go on.";
    OptionSpec drop;
    drop.name = "drop";
    drop.summary = "Records that match this regular expression do not go on.";
    return std::vector<OptionSpec>{keep, drop};
  }();
  constexpr std::string_view kWhat = "transform filter";
  if (!expect_mapping(entry.value, entry.value.mark, kWhat, diagnostics_)) {
    return;
  }
  if (entry.value.entries.empty()) {
    diagnostics_.error(entry.key_mark, "transform filter needs `keep` or `drop`",
                       "for example `filter: { drop: '^DEBUG' }`");
    return;
  }
  FilterConfig filter;
  filter.mark = entry.key_mark;
  for (const Setting& setting : bind_options(&entry.value, specs, {}, kWhat, diagnostics_)) {
    if (setting.text.empty()) {
      diagnostics_.error(
          setting.mark,
          fmt::format("`{}` is an empty pattern: it matches every record", setting.name));
    }
    (setting.name == "keep" ? filter.keep : filter.drop) = setting.text;
  }
  pipeline.filters.push_back(std::move(filter));
}

}  // namespace

std::vector<std::string> plugin_paths_of(const Node& root, Diagnostics& diagnostics) {
  std::vector<std::string> paths;
  const Entry* plugins = root.find_entry("plugins");
  if (plugins == nullptr ||
      !expect_mapping(plugins->value, plugins->key_mark, "`plugins`", diagnostics)) {
    return paths;
  }
  OptionSpec spec;
  spec.name = "path";
  spec.type = OptionType::string_list;
  spec.summary = "Folders to look for plugins in.";
  const std::vector<Setting> settings =
      bind_options(&plugins->value, {&spec, 1}, {}, "`plugins`", diagnostics);
  const Setting* path = find_setting(settings, spec.name);
  if (path == nullptr) {
    return paths;
  }
  for (const std::string& folder : path->list) {
    if (!folder.starts_with('/')) {
      diagnostics.error(
          path->mark,
          fmt::format("the plugin folder {} is not an absolute path", backquoted(folder)),
          "write the whole path, beginning with /");
      continue;
    }
    paths.push_back(folder);
  }
  return paths;
}

Deployment bind_deployment(const Node& root, ComponentCatalog& catalog, Diagnostics& diagnostics) {
  return DeploymentBinder(catalog, diagnostics).bind(root);
}

}  // namespace kifa::config
