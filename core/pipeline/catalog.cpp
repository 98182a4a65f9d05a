#include "core/pipeline/catalog.hpp"

#include <optional>

namespace kifa::pipeline {

namespace {

config::OptionType option_type(std::uint32_t type) {
  switch (type) {
    case KIFA_TYPE_BOOL:
      return config::OptionType::boolean;
    case KIFA_TYPE_INT:
      return config::OptionType::integer;
    case KIFA_TYPE_DOUBLE:
      return config::OptionType::number;
    case KIFA_TYPE_ENUM:
      return config::OptionType::enumeration;
    case KIFA_TYPE_DURATION:
      return config::OptionType::duration;
    case KIFA_TYPE_SIZE:
      return config::OptionType::size;
    case KIFA_TYPE_PATH:
      return config::OptionType::path;
    case KIFA_TYPE_STRING_LIST:
      return config::OptionType::string_list;
    default:
      return config::OptionType::string;
  }
}

std::string text_of(const char* text) { return text == nullptr ? std::string() : text; }

std::vector<std::string> choices_of(const char* choices) {
  std::vector<std::string> words;
  std::string_view rest = choices == nullptr ? std::string_view() : choices;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    words.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return words;
}

config::OptionSpec spec_of(const kifa_option& option) {
  config::OptionSpec spec;
  spec.name = text_of(option.name);
  spec.type = option_type(option.type);
  spec.summary = text_of(option.summary);
  spec.unit = text_of(option.unit);
  if (option.default_text != nullptr) {
    spec.default_text = option.default_text;
  }
  spec.choices = choices_of(option.choices);
  if (option.min != 0 || option.max != 0) {
    spec.min = option.min;
    spec.max = option.max;
  }
  spec.required = (option.flags & KIFA_OPTION_REQUIRED) != 0;
  spec.secret = (option.flags & KIFA_OPTION_SECRET) != 0;
  spec.deprecated = (option.flags & KIFA_OPTION_DEPRECATED) != 0;
  return spec;
}

}  // namespace

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
  return KIFA_KIND_SOURCE;
}

config::ComponentFacts facts_of(const kifa_component& component) {
  config::ComponentFacts facts;
  // Options grow at their end: the plugin's stride says how far apart they are.
  const auto* first = reinterpret_cast<const char*>(component.options);
  for (std::uint32_t i = 0; i < component.option_count; ++i) {
    const char* at = first + static_cast<std::size_t>(i) * component.option_stride;
    facts.options.push_back(spec_of(*reinterpret_cast<const kifa_option*>(at)));
  }
  facts.takes_framing =
      component.kind == KIFA_KIND_SOURCE && (component.flags & KIFA_SOURCE_BYTES) != 0;
  facts.can_reply =
      component.kind == KIFA_KIND_SOURCE && (component.flags & KIFA_SOURCE_REPLIES) != 0;
  facts.takes_format =
      component.kind == KIFA_KIND_SINK && (component.flags & KIFA_SINK_TEXT) != 0;
  facts.keeps_checkpoints =
      component.kind == KIFA_KIND_SINK && (component.flags & KIFA_SINK_CHECKPOINTS) != 0;
  return facts;
}

Result<config::ComponentFacts> RegistryCatalog::facts(config::ComponentKind kind,
                                                      std::string_view type,
                                                      std::string_view plugin_id) {
  const Result<plugin::Component> found = registry_.find(abi_kind(kind), type, plugin_id);
  if (!found) {
    return found.error();
  }
  return facts_of(*found->component);
}

std::vector<std::string> RegistryCatalog::types(config::ComponentKind kind) {
  return registry_.types(abi_kind(kind));
}

}  // namespace kifa::pipeline
