#include "core/plugin/catalog.hpp"

#include "core/plugin/component_settings.hpp"

namespace kifa::plugin {

std::uint32_t abi_kind(config::ComponentKind kind) {
  switch (kind) {
    case config::ComponentKind::source:
      return KIFA_KIND_SOURCE;
    case config::ComponentKind::framing:
      return KIFA_KIND_FRAMING;
    case config::ComponentKind::sink:
      return KIFA_KIND_SINK;
    case config::ComponentKind::formatter:
      return KIFA_KIND_FORMATTER;
  }
  return 0;
}

Result<config::ComponentFacts> RegistryCatalog::facts(config::ComponentKind kind,
                                                      std::string_view type,
                                                      std::string_view plugin_id) {
  const Result<Component> found = registry_.find(abi_kind(kind), type, plugin_id);
  if (!found) {
    return found.status();
  }
  const kifa_component& component = *found->component;
  const bool is_source = kind == config::ComponentKind::source;
  const bool is_sink = kind == config::ComponentKind::sink;
  config::ComponentFacts facts;
  facts.options = option_specs(component);
  facts.takes_framing = is_source && (component.flags & KIFA_SOURCE_BYTES) != 0;
  facts.can_reply = is_source && (component.flags & KIFA_SOURCE_REPLIES) != 0;
  facts.answers = kind == config::ComponentKind::framing &&
                  static_cast<const kifa_framing*>(component.operations)->durable != nullptr;
  facts.takes_format = is_sink && (component.flags & KIFA_SINK_TEXT) != 0;
  facts.keeps_checkpoints = is_sink && (component.flags & KIFA_SINK_CHECKPOINTS) != 0;
  return facts;
}

std::vector<std::string> RegistryCatalog::types(config::ComponentKind kind) {
  return registry_.types(abi_kind(kind));
}

}  // namespace kifa::plugin
