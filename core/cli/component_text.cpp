#include "core/cli/component_text.hpp"

#include <fmt/format.h>
#include <kifa/plugin.h>

#include "core/cli/json.hpp"

namespace kifa::cli {
namespace {

std::string bound_text(config::OptionType type, double bound) {
  switch (type) {
    case config::OptionType::size:
      return config::format_size_bytes(static_cast<std::int64_t>(bound));
    case config::OptionType::duration:
      return config::format_duration_ns(static_cast<std::int64_t>(bound));
    default:
      return fmt::format("{}", bound);
  }
}

}  // namespace

std::string_view kind_text(std::uint32_t kind) {
  switch (kind) {
    case KIFA_KIND_SOURCE:
      return "source";
    case KIFA_KIND_FRAMING:
      return "framing";
    case KIFA_KIND_SINK:
      return "sink";
    case KIFA_KIND_FORMATTER:
      return "formatter";
    default:
      return "unknown";
  }
}

std::string option_json(const config::OptionSpec& option) {
  JsonObject json;
  json.text("name", option.name)
      .text("type", config::to_string(option.type))
      .text("summary", option.summary);
  if (!option.unit.empty()) {
    json.text("unit", option.unit);
  }
  if (option.default_text && !option.secret) {
    json.text("default", *option.default_text);
  }
  if (!option.choices.empty()) {
    JsonArray choices;
    for (const std::string& choice : option.choices) {
      choices.add(json_string(choice));
    }
    json.raw("choices", choices.finish());
  }
  if (option.min) {
    json.text("minimum", bound_text(option.type, *option.min));
  }
  if (option.max) {
    json.text("maximum", bound_text(option.type, *option.max));
  }
  return json.boolean("required", option.required)
      .boolean("secret", option.secret)
      .boolean("deprecated", option.deprecated)
      .finish();
}

}  // namespace kifa::cli
